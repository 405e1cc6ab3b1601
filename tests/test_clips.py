"""Clips: what moves moves as its facts say, captions are true, and rulers read them back."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from minidiff.data import moving_digits as md
from minidiff.data import moving_scenes as ms
from minidiff.data import scenes
from minidiff.evaluation import moving_digits as digit_ruler
from minidiff.evaluation import moving_scenes as scene_ruler


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# ---- moving digits


@pytest.fixture(scope="module")
def asked():
    generator = seeded()
    return [md.random_motion(generator) for _ in range(300)]


@pytest.fixture(scope="module")
def digits(asked):
    return md.draw(asked, seeded(1), "test")


def test_the_centre_of_a_digit_moves_by_its_speed_in_its_direction(asked, digits):
    """Between pixels too: bilinear weights keep the centre of mass where it is put."""
    steps = digit_ruler.track(digits).diff(dim=1)
    for motion, each in zip(asked, steps):
        if not motion.bounces:
            way = torch.tensor(md.DIRECTIONS[motion.direction][0]).float()
            torch.testing.assert_close(each, (motion.speed * way).expand(7, 2), atol=1e-3, rtol=0)


def test_a_digit_that_bounces_turns_back_at_an_edge(asked, digits):
    tracks = digit_ruler.track(digits)
    turned = [i for i, motion in enumerate(asked) if motion.bounces]
    assert len(turned) > 30
    for i in turned:
        dx, dy = md.DIRECTIONS[asked[i].direction][0]
        along = tracks[i] @ torch.tensor([dx, dy]).float()
        assert 0 < int(along.argmax()) < 7
        rows, columns = (digits[i, 0, int(along.argmax())] > 0.02).nonzero().T
        edge = {1: columns, -1: 31 - columns, 0: rows if dy > 0 else 31 - rows}[dx].max()
        assert edge >= 31 - asked[i].speed  # at most a step from it


def test_all_the_ink_stays_inside(digits):
    ink = digits.sum((1, 3, 4))
    torch.testing.assert_close(ink, ink[:, :1].expand(-1, 8), rtol=1e-3, atol=0.1)
    assert digits.min() >= 0 and digits.max() <= 1


def test_digits_are_cut_out_whole():
    from minidiff.data import mnist

    cut, sides, labels = md.cut_out("test")
    images, wanted = mnist.load("test")
    assert torch.equal(labels, wanted)
    torch.testing.assert_close(cut.sum((1, 2)), images.float().sum((1, 2, 3)) / 255)
    rows = (cut > 0).any(2).sum(1)
    assert (sides[:, 0] >= rows).all() and ((cut > 0).any(2)[:, 0]).all() and sides.max() == 20


def test_captions_of_moving_digits_are_true_and_known(asked):
    generator, words = seeded(2), set(md.vocabulary())
    sides = {word for name in md.DIRECTIONS for told in md.DIRECTIONS[name][1] for word in [told]}
    seen = Counter()
    for motion in asked:
        caption = md.describe(motion, generator)
        spoken = caption.replace(",", "").split()
        assert set(spoken) <= words and len(spoken) <= md.MAX_WORDS
        told = [phrase for phrase in sides if phrase in caption]
        assert set(told) <= set(md.DIRECTIONS[motion.direction][1])
        fast = {"slowly": "slow", "fast": "fast", "quickly": "fast"}
        assert {fast[w] for w in spoken if w in fast} <= {md.speed_word(motion.speed)}
        assert motion.bounces or "bouncing" not in spoken
        named = {w for w in spoken if w in md.NAMES or w.isdecimal()}
        assert named <= {md.NAMES[motion.digit], str(motion.digit)}
        seen["way"] += bool(told)
        seen["digit"] += bool(named)
    assert 0.7 < seen["way"] / 300 < 0.9 and 0.88 < seen["digit"] / 300 < 1


def test_pairs_held_out_never_occur_and_can_be_asked_for():
    pairs = {(d, way) for d in range(10) for way in md.DIRECTIONS if md.held_out(d, way)}
    assert len(pairs) == 4 and len({way for _, way in pairs}) == 4
    for unseen in (False, True):
        _, asked = md.prompts_for(200, seeded(3), unseen)
        assert {md.held_out(m.digit, m.direction) for m in asked} == {unseen}


def test_the_stream_of_digits_is_its_generators(asked):
    data = md.moving_digit_data("test", dropped=0.5)
    clips, captions = data(64, seeded(4))
    assert clips.shape == (64, 1, 8, 32, 32) and 15 < captions.count("") < 49
    again, words = data(64, seeded(4))
    assert torch.equal(again, clips) and words == captions


def test_the_ruler_reads_real_digits_right(asked, digits):
    right = digit_ruler.adherence(digits, asked)
    shares = {name: value.float().mean().item() for name, value in right.items()}
    assert min(shares.values()) > 0.97, shares
    assert digit_ruler.jitter(digit_ruler.track(digits)).median() < 1e-3


def test_the_ruler_reads_wrong_digits_wrong(asked, digits):
    """Each fact falls alone when it alone is changed."""
    other = digit_ruler.adherence(digits.flip(2), asked)  # backwards, which a way back would hide
    straight = torch.tensor([not motion.bounces for motion in asked])
    assert other["direction"][straight].float().mean() < 0.02
    assert other["digit, all frames"].float().mean() > 0.97
    still = digits[:, :, :1].expand_as(digits)
    assert digit_ruler.adherence(still, asked)["speed"].float().mean() < 0.02
    mixed = digits.clone()
    mixed[:, :, 5] = digits.roll(1, 0)[:, :, 5]
    fallen = digit_ruler.adherence(mixed, asked)["digit, all frames"].float().mean()
    assert fallen < 0.25
    shaken = digits.clone()
    shaken[:, :, 1::2] = digits[:, :, 1::2].roll(2, 4)
    assert digit_ruler.jitter(digit_ruler.track(shaken)).median() > 2


# ---- moving scenes


@pytest.fixture(scope="module")
def moving():
    told = [ms.example(number) for number in range(60)]
    return [each[0] for each in told], ms.stacked([each[1] for each in told]), [e[2] for e in told]


def test_a_scene_keeps_its_place(moving):
    """What the thing never covers is the same in all frames, to the last bit."""
    _, clips, _ = moving
    same = (clips == clips[:, :, :1]).all(1).all(1)
    assert (same.flatten(1).float().mean(1) > 0.2).all()
    assert scene_ruler.flicker(clips).median() == 0


def test_the_first_frame_is_the_scene_painted():
    """A clip of one frame of something that looks to the left is the picture of its scene."""
    rng = np.random.default_rng(5)
    scene = scenes.Scene("fox", "red", "flat", "field", 24, ((40, 56),))
    clip = ms.paint(ms.MovingScene(scene, "left", 2.0), rng, frames=3)
    assert np.array_equal(clip[0], scenes.paint(scene, np.random.default_rng(5)))
    assert not np.array_equal(clip[0], clip[1])
    at = [ms.MovingScene(scene, "left", 2.0).at(k) for k in range(3)]
    assert at == [((40.0, 56.0), 24), ((38.0, 56.0), 24), ((36.0, 56.0), 24)]
    growing = ms.MovingScene(scene, "growing", 2.5)
    assert [growing.at(k)[1] for k in (0, 2, 4)] == [24, 29, 34]


@pytest.mark.parametrize("place", ["snow", "under water", "night"])
def test_where_nothing_moves_all_frames_are_one_picture(place):
    """What is in front, such as falling snow, too: it is drawn once, not in every frame anew."""
    scene = scenes.Scene("cat", "natural", "flat", place, 24, ((32, 56),))
    clip = ms.paint(ms.MovingScene(scene, "up", 0.0), np.random.default_rng(1))
    assert (clip == clip[:1]).all()


def test_things_look_where_they_go():
    scene = scenes.Scene("car", "natural", "shaded", "field", 24, ((32, 56),))
    left, right = (
        ms.paint(ms.MovingScene(scene, way, 0.0), np.random.default_rng(0))[0]
        for way in ("left", "right")
    )
    box = np.s_[32:56, 20:44]
    mirrored = np.abs(right[box][:, ::-1].astype(int) - left[box]).mean()
    assert mirrored < 0.7 * np.abs(right[box].astype(int) - left[box]).mean()


def test_things_stay_inside(moving):
    for each in moving[0]:
        for frame in (0, 7):
            (x, y), size = each.at(frame)
            assert size / 2 - 2 <= x <= 66 - size / 2 and 6 <= y <= 64, each


def test_captions_of_moving_scenes_are_true_and_known(moving):
    known = {*scenes.WORDS, *ms.MOTION_WORDS}
    for each, _, caption in zip(*moving):
        words = caption.replace(",", "").split()
        moves = [word for word in words if word in ms.MOTION_WORDS]
        assert set(words) <= known and len(moves) == len(set(moves)) <= ms.MAX_MOTION_WORDS
        assert len(words) - len(moves) <= scenes.MAX_WORDS
        ways = {way for way, (_, told) in ms.WAYS.items() for t in told if t.split()[-1] in words}
        assert ways == {each.way}
        assert each.scene.thing in words and each.scene.style in words
    assert not {*scenes.WORDS} & {*ms.MOTION_WORDS}  # each word goes to one encoder


def test_scene_pairs_held_out_never_occur_and_can_be_asked_for():
    for unseen in (False, True):
        _, asked = ms.prompts_for(60, seeded(1), unseen)
        assert {ms.held_out(m.scene.thing, m.way) for m in asked} == {unseen}
        assert not any(scenes.held_out(m.scene.thing, m.scene.colour, m.scene.place) for m in asked)
    share = np.mean([ms.held_out(thing, way) for thing in scenes.THINGS for way in ms.WAYS])
    assert 0.08 < share < 0.12


def test_the_ruler_reads_the_motion_of_real_scenes(moving):
    asked, clips, _ = moving
    right = [way == each.way for way, each in zip(scene_ruler.ways(clips), asked)]
    assert sum(right) >= 57
    x, y, _, _ = scene_ruler.motion(clips)
    for each, right_by, down_by in zip(asked, x.tolist(), y.tolist()):
        dx, dy = ms.WAYS[each.way][0]
        if dx or dy:  # in pixels per frame, to a sixth
            assert abs(right_by - dx * each.speed) < 0.17 * each.speed + 0.3
            assert abs(down_by - dy * each.speed) < 0.25 * each.speed + 0.3


def test_played_backwards_every_motion_is_the_other(moving):
    asked, clips, _ = moving
    other = {"left": "right", "up": "down", "growing": "shrinking"}
    other |= {b: a for a, b in other.items()} | {"turning": "turning"}
    ways = scene_ruler.ways(clips.flip(2))
    assert sum(way == other[each.way] for way, each in zip(ways, asked)) >= 56


def test_the_scene_ruler_sees_flicker_and_wrong_frames(moving):
    asked, clips, _ = moving
    right = scene_ruler.adherence(clips, asked)
    assert right["all four"].float().mean() > 0.95
    noisy = clips + 0.05 * torch.randn(clips.shape, generator=seeded())
    assert scene_ruler.flicker(noisy).median() > 0.04
    mixed = clips.clone()
    mixed[:, :, 6] = clips.roll(1, 0)[:, :, 6]
    assert scene_ruler.adherence(mixed, asked)["thing"].float().mean() < 0.1


def test_a_caption_may_leave_out_everything_but_the_thing():
    each = replace(ms.example(3)[0], way="left")
    assert len(ms.caption_of(each, np.random.default_rng(0), mention=0, vague=0).split()) == 2
