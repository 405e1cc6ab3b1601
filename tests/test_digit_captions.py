"""Measurements agree with drawn shapes, and every caption is true of its picture."""

import math
import re
from collections import Counter

import pytest
import torch

from minidiff.data import digit_captions as captions
from minidiff.data import mnist
from minidiff.data.digit_captions import ATTRIBUTES, NAMES, PHRASES

LENGTH = 18


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def distance_to_edge(width, degrees, length=LENGTH, fine=8):
    """Distance in pixels to the edge of an upright bar that is then sheared; negative outside."""
    axis = (torch.arange(28 * fine) + 0.5) / fine - 14
    y, x = torch.meshgrid(-axis, axis, indexing="ij")
    angle = math.radians(degrees)
    across = (x - y * math.tan(angle)) * math.cos(angle)
    # a convex shape: the nearest of its four sides
    return torch.minimum(width / 2 - across.abs(), length / 2 - y.abs())


def bar(width, degrees, fine=8):
    """The bar drawn: every grey is the share of a pixel's fine sub-pixels that are inside."""
    inside = distance_to_edge(width, degrees, fine=fine) > 0
    return inside.float().reshape(28, fine, 28, fine).mean((1, 3))


def tokens(caption):
    return re.split(r"[ ,]+", caption) if caption else []


def claims(caption):
    """What a caption says: possible labels, and for each attribute its phrase or None."""
    spoken = tokens(caption)
    labels = [k for k in range(10) if NAMES[k] in spoken or str(k) in spoken] or list(range(10))
    labels = [
        k for k in labels if not {"even", "odd"} & {*spoken} or ("even", "odd")[k % 2] in spoken
    ]
    text = " ".join(spoken)
    return labels, [next((p for p in phrases if p and p in text), None) for phrases in PHRASES]


@pytest.fixture(scope="module")
def stream():
    """Ten thousand pictures of the training stream, and their captions."""
    return captions.digit_text_data()(10_000, seeded())


@pytest.mark.parametrize("degrees", [-25, -10, 0, 10, 25])
def test_a_bar_has_its_width_slant_and_box(degrees):
    widths = [2.0, 3.0, 4.0, 5.0]
    found = captions.measure(torch.stack([bar(width, degrees) for width in widths]))
    for width, (thickness, slant, size) in zip(widths, found.tolist()):
        # less than the width, because near the ends the distance is to them
        distance = distance_to_edge(width, degrees)
        mean_width = 4 * distance[distance > 0].mean().item()
        assert mean_width == pytest.approx(width, rel=0.15)
        assert thickness == pytest.approx(mean_width, rel=0.07)
        assert slant == pytest.approx(degrees, abs=1)
        across = width / math.cos(math.radians(degrees))
        across += LENGTH * abs(math.tan(math.radians(degrees)))
        assert size == pytest.approx(math.sqrt(LENGTH * across), rel=0.07)
    assert (found[:, 0].diff() > 0.5).all()


def test_slant_grows_with_the_shear_and_changes_sign_in_the_mirror():
    bars = torch.stack([bar(3, degrees) for degrees in range(-40, 41, 5)])
    slant = captions.measure(bars)[:, 1]
    assert (slant.diff() > 3).all()
    assert torch.allclose(captions.measure(bars.flip(-1))[:, 1], -slant, atol=1e-3)


def test_squared_distance_is_that_to_the_nearest_outer_pixel():
    inside = torch.rand(4, 12, 12, generator=seeded()) < 0.9
    # what lies around a picture is outside too; the test draws it, the function must know it
    around = (slice(None), [0, -1])
    inside[around] = inside.mT[around] = False
    cropped = captions.squared_distance(inside[:, 1:-1, 1:-1])
    assert torch.equal(captions.squared_distance(inside)[:, 1:-1, 1:-1], cropped)
    spot = torch.cartesian_prod(torch.arange(12.0), torch.arange(12.0))
    for mask, found in zip(inside, captions.squared_distance(inside)):
        outer = spot[~mask.flatten()]
        expected = torch.cdist(spot, outer).amin(1).square().round()
        assert torch.equal(found.flatten().float(), expected)


def test_bytes_channels_shifts_and_faint_noise_make_no_difference():
    images = mnist.load("test")[0][:200]
    base = captions.measure(images)
    assert base.shape == (200, 3) and base.dtype == torch.float32
    assert torch.allclose(captions.measure(images.float() / 255), base, atol=1e-4)
    assert torch.equal(captions.measure(images[:, 0]), base)
    # with an empty frame, so that no ink comes to the picture's edge
    framed = images[:, 0].clone()
    framed[:, 3:-3, 3:-3] = 0
    free = framed.amax((1, 2)) == 0
    assert free.sum() > 100
    shifted = captions.measure(images[free].roll((1, -2), (2, 3)))
    assert torch.allclose(shifted, base[free], atol=1e-3)
    noise = 0.1 * torch.rand(images.shape, generator=seeded())
    noisy = captions.measure((images.float() / 255 + noise).clamp(0, 1))
    spread = captions.measured("test").std(0)
    assert ((noisy - base).abs().mean(0) < 0.2 * spread).all()


def test_a_picture_without_ink_measures_zero():
    assert torch.equal(captions.measure(torch.zeros(2, 1, 28, 28)), torch.zeros(2, 3))
    assert captions.measure(torch.ones(1, 28, 28)).isfinite().all()


@pytest.mark.parametrize("shape", [(28, 28), (2, 3, 28, 28), (2, 1, 32, 32)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="images must be"):
        captions.measure(torch.zeros(shape))


def test_each_outer_word_is_said_of_three_in_ten_training_digits():
    _, words = captions.facts("train")
    for column, (low, _, high) in enumerate(PHRASES):
        counted = Counter(triple[column] for triple in words)
        for phrase in (low, high):
            assert counted[phrase] / len(words) == pytest.approx(0.3, abs=0.01)


def test_every_caption_is_true_of_its_picture(stream):
    pictures, told = stream
    true = captions.words_for(captions.measure(pictures))
    # the stream tells no labels: find each picture among the training set's by its pixels
    label_of = {
        image.tobytes(): label for image, label in zip(*map(torch.Tensor.numpy, mnist.load()))
    }
    for picture, caption, words in zip(pictures, told, true):
        label = label_of[(picture * 255).round().byte().numpy().tobytes()]
        labels, phrases = claims(caption)
        assert label in labels, caption
        assert all(phrase in (None, word) for phrase, word in zip(phrases, words)), (caption, words)
        assert not captions.held_out(int(label), *words[:2])


def test_the_vocabulary_is_closed_used_in_full_and_the_captions_short(stream):
    spoken = [tokens(caption) for caption in stream[1]]
    assert {word for caption in spoken for word in caption} == set(captions.WORDS)
    assert list(captions.WORDS) == sorted(set(captions.WORDS))
    assert max(map(len, spoken)) <= captions.MAX_WORDS


def test_articles_agree(stream):
    for caption in stream[1]:
        article, *rest = tokens(caption) or [""]
        if article in ("a", "an"):
            vowel = rest[0] in ("eight", "8", "odd", "even", "upright")
            assert (article == "an") == vowel, caption


def test_shares_of_dropped_vague_and_detailed_captions(stream):
    told = stream[1]
    empty = sum(caption == "" for caption in told) / len(told)
    vague = sum(len(claims(c)[0]) > 1 for c in told if c) / len(told)
    assert empty == pytest.approx(0.1, abs=0.015)
    assert vague == pytest.approx(0.9 * 0.12, abs=0.015)
    # any subset of the three attributes is told, and most captions tell at least one
    subsets = Counter(tuple(p is not None for p in claims(c)[1]) for c in told if c)
    assert len(subsets) == 8 and min(subsets.values()) > 100
    assert subsets[False, False, False] < 0.35 * len(told)


def test_the_stream_depends_on_its_generator_alone():
    data = captions.digit_text_data()
    first, again, other = data(64, seeded(1)), data(64, seeded(1)), data(64, seeded(2))
    assert torch.equal(first[0], again[0]) and first[1] == again[1]
    assert first[1] != other[1]
    assert first[0].shape == (64, 1, 28, 28) and 0 <= first[0].min() <= first[0].max() <= 1


def test_held_out_combinations_leave_every_digit_and_word_well_covered():
    triples = [
        (label, thick, slant)
        for label in range(10)
        for thick in ("thin", "thick")
        for slant in PHRASES[1]
        if captions.held_out(label, thick, slant)
    ]
    assert len(triples) == 5 and len({triple[1:] for triple in triples}) == 5
    seen, unseen = captions.rows("train"), captions.rows("train", unseen=True)
    assert len(seen) + len(unseen) == 60_000 and len(unseen) > 2000
    labels, words = captions.facts("train")
    left = Counter(fact for i in seen.tolist() for fact in (labels[i], *words[i]))
    assert all(left[fact] > 5000 for fact in (*range(10), *sum(PHRASES, ())))


@pytest.mark.parametrize("unseen", [False, True])
def test_prompts_tell_all_that_is_asked_and_only_combinations_of_their_kind(unseen):
    prompts, labels, asked = captions.prompts_for(300, seeded(), unseen)
    assert (prompts, asked) == captions.prompts_for(300, seeded(), unseen)[::2]
    for prompt, label, words in zip(prompts, labels.tolist(), asked):
        assert claims(prompt) == ([label], [word or None for word in words])
        assert captions.held_out(label, *words[:2]) == unseen


def test_score_is_one_for_the_real_digits_and_zero_for_the_opposite():
    words, measured = captions.facts("test")[1], captions.measured("test")
    assert set(captions.score(measured, words).values()) == {1.0}
    mirror = 2 * captions.quantiles()[2] - measured
    opposite = captions.score(mirror, words)
    assert all(opposite[name] == 0 for name in ATTRIBUTES)
    assert math.isnan(captions.score(measured[:1], [("", "", "")])["size"])
