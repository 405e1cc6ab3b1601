"""Networks for clips: patches of space and time, frames that listen to each other."""

import pytest
import torch

from minidiff.codecs import PerFrame, Pixels
from minidiff.conditions import MotionEncoder, TextEncoder, Tokenizer
from minidiff.errors import UserError
from minidiff.nets import ClipUNet, DiT, LowRank, UNet
from minidiff.nets.dit import patches, places, rotation, turned, unpatches
from minidiff.nets.temporal import AcrossFrames


def awake(net):
    torch.manual_seed(0)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net


def tokens(n, width, length=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, length, width, generator=generator), torch.ones(n, length).bool()


@pytest.mark.parametrize("size", [(1, 2, 4), (2, 4, 2), (4, 4, 4)])
def test_patches_are_cut_in_order_and_put_back(size):
    x = torch.randn(2, 3, 4, 8, 8)
    cut = patches(x, size)
    f, h, w = size
    assert cut.shape == (2, 256 // (f * h * w), 3 * f * h * w)
    assert torch.equal(cut[1, 0], x[1, :, :f, :h, :w].flatten())
    assert torch.equal(cut[0, 1], x[0, :, :f, :h, w : 2 * w].flatten())  # along a row first
    assert torch.equal(unpatches(cut, size, (4 // f, 8 // h, 8 // w)), x)
    assert torch.equal(places((4 // f, 8 // h, 8 // w))[1], torch.tensor([0.0, 0.0, 1.0]))


def test_rotated_products_depend_on_the_distance_alone():
    place = places((3, 4, 4))
    cos, sin = rotation(place, 12)
    query, key = torch.randn(2, 12)
    q, k = (turned(v.expand(1, 1, len(place), 12), cos, sin)[0, 0] for v in (query, key))
    scores = q @ k.T
    gaps = [tuple((a - b).int().tolist()) for a in place for b in place]
    for gap in set(gaps):
        same = scores.flatten()[[i for i, g in enumerate(gaps) if g == gap]]
        assert same.max() - same.min() < 1e-4
    assert len({round(v, 3) for v in scores.flatten().tolist()}) > 100  # and on all three axes
    for axis in range(3):
        step = places((2, 2, 2))[[0, 4, 2, 1][axis + 1]]
        assert not torch.allclose(*(rotation(p[None], 12)[1] for p in (step, torch.zeros(3))))


@pytest.mark.parametrize("shape", [(2, 1, 4, 8, 8), (1, 1, 2, 16, 4), (3, 1, 6, 4, 8)])
def test_a_transformer_takes_any_number_of_frames_and_any_size(shape):
    net = awake(DiT(1, width=24, depth=2, heads=2, patch=(2, 4, 4), token_width=8))
    x = torch.randn(shape)
    assert net(x, torch.rand(len(x)), *tokens(len(x), 8)).shape == shape


def test_a_picture_is_a_clip_of_one_frame():
    net = awake(DiT(3, width=24, depth=1, heads=2, patch=(1, 4, 4)))
    x, t = torch.randn(2, 3, 8, 8), torch.rand(2)
    assert torch.equal(net(x, t), net(x[:, :, None], t)[:, :, 0])


def test_a_transformer_starts_at_zero_and_its_blocks_as_the_identity():
    net = DiT(1, width=24, depth=2, heads=2)
    assert net(torch.randn(1, 1, 2, 4, 8), torch.rand(1)).abs().max() == 0
    h, emb = torch.randn(2, 5, 24), torch.zeros(2, 6 * 24)
    turn = rotation(places((5, 1, 1)), 12)
    assert torch.equal(net.blocks[0](h, emb, turn, None), h)


def test_a_transformer_listens_to_time_words_and_other_frames_and_not_to_padding():
    net = awake(DiT(1, width=24, depth=2, heads=2, patch=(1, 4, 4), token_width=8))
    x, t, (words, mask) = torch.randn(1, 1, 4, 8, 8), torch.tensor([0.4]), tokens(1, 8)
    out = net(x, t, words, mask)
    assert not torch.allclose(out, net(x, t + 0.3, words, mask), atol=1e-3)
    assert not torch.allclose(out, net(x, t, words.flip(2), mask), atol=1e-3)
    later = x.clone()
    later[:, :, 3] += 1
    assert not torch.allclose(out[:, :, 0], net(later, t, words, mask)[:, :, 0], atol=1e-4)
    mask = mask.clone()
    mask[:, 2] = False
    changed = words.clone()
    changed[:, 2] = 9.0
    torch.testing.assert_close(net(x, t, words, mask), net(x, t, changed, mask))


def test_every_weight_of_a_transformer_has_a_say():
    net = awake(DiT(1, width=24, depth=2, heads=2, patch=(2, 4, 4), token_width=8))
    net(torch.randn(2, 1, 4, 8, 8), torch.rand(2), *tokens(2, 8)).square().sum().backward()
    silent = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    for each in (net.film.weight.grad, *(block.film.grad for block in net.blocks)):
        assert each.view(6, 24, -1).any(2).any(1).all()  # scale, shift and gate, twice


def test_every_weight_across_frames_has_a_say():
    layer = awake(AcrossFrames(8, 8, 8, True))
    layer(torch.randn(6, 8, 4, 4), *tokens(2, 8)).square().sum().backward()
    for each, parts in ((layer.words.weight, 2), (layer.query_key_value.weight, 3)):
        assert each.grad.view(parts, -1).any(1).all()
    assert layer.position.weight.grad.view(8, 3, 32).any(2).any(0).all()


def test_attention_is_everywhere_where_there_are_few_places():
    assert [layer.everywhere for layer in clip_net().across] == [False, True, True, True, False]


@pytest.mark.parametrize(
    "shape", [(2, 1, 3, 8, 8), (2, 2, 4, 8, 8), (2, 1, 4, 8, 6), (2, 1, 0, 8, 8)]
)
def test_bad_clips(shape):
    with pytest.raises(
        UserError, match=r"x must have shape \(B, 1, F, H, W\), a multiple of 2 x 4 x 4"
    ):
        DiT(1, width=24, depth=1, heads=2)(torch.randn(shape), torch.rand(2))


def test_bad_conditions_of_a_transformer():
    x, t = torch.randn(1, 1, 2, 4, 4), torch.rand(1)
    with pytest.raises(UserError, match="cond must be empty, got tokens"):
        DiT(1, width=24, depth=1, heads=2)(x, t, *tokens(1, 8))
    with pytest.raises(UserError, match="cond must be tokens and mask, got none"):
        DiT(1, width=24, depth=1, heads=2, token_width=8)(x, t)


def clip_net():
    base = awake(UNet(2, width=8, widths=(1, 2), patch=1, token_width=8))
    torch.manual_seed(1)
    return ClipUNet(LowRank(base, 2), motion_width=8, width=16)


def test_frames_begin_as_pictures_of_their_own():
    net, x, t = clip_net(), torch.randn(2, 2, 3, 8, 8), torch.rand(2)
    seen, moves = tokens(2, 8), tokens(2, 8)
    alone = torch.stack([net.base(frame, t, *seen) for frame in x.unbind(2)], 2)
    torch.testing.assert_close(net(x, t, *seen, *moves), alone, rtol=1e-4, atol=1e-5)


def test_then_they_listen_to_each_other_and_to_the_words_of_motion():
    net, x, t = awake(clip_net()), torch.randn(1, 2, 3, 8, 8), torch.rand(1)
    seen, (words, mask) = tokens(1, 8), tokens(1, 8)
    out = net(x, t, *seen, words, mask)
    later = x.clone()
    later[:, :, 2] += 1
    assert not torch.allclose(net(later, t, *seen, words, mask)[:, :, 0], out[:, :, 0], atol=1e-4)
    assert not torch.allclose(net(x, t, *seen, words + 1, mask), out, atol=1e-4)
    reversed_ = net(x.flip(2), t, *seen, words, mask).flip(2)
    assert not torch.allclose(reversed_, out, atol=1e-4)  # frames know their number


@pytest.mark.parametrize("everywhere", [True, False])
def test_across_frames_clips_do_not_mix(everywhere):
    layer = awake(AcrossFrames(8, 8, 8, everywhere))
    h, (words, mask) = torch.randn(2, 3, 8, 4, 4), tokens(2, 8)
    both = layer(h.flatten(0, 1), words, mask).unflatten(0, (2, 3))
    torch.testing.assert_close(both[1], layer(h[1], words[1:], mask[1:]), rtol=1e-4, atol=1e-5)
    layer.norm = torch.nn.Identity()  # it sees a whole frame
    both = layer(h.flatten(0, 1), words, mask).unflatten(0, (2, 3))
    changed = h.clone()
    changed[0, 2, :, 0, 0] += 3  # another frame, one place
    moved = (
        (layer(changed.flatten(0, 1), words, mask).unflatten(0, (2, 3)) - both)[0, 0].abs().amax(0)
    )
    assert moved[0, 0] > 1e-4 and bool(moved[2, 2] > 1e-5) == everywhere


def test_the_network_learns_only_what_it_adds():
    net = clip_net()
    learned = {name for name, p in net.named_parameters() if p.requires_grad}
    assert learned and not any(name.startswith("base.base.") for name in learned)


def test_per_frame_is_the_codec_on_every_frame():
    clips = torch.rand(2, 3, 4, 8, 8)
    codec = PerFrame(Pixels())
    torch.testing.assert_close(codec.encode(clips), Pixels().encode(clips))
    torch.testing.assert_close(codec.decode(codec.encode(clips)), clips)
    assert codec.range == (-1.0, 1.0)


def motion_encoder():
    torch.manual_seed(0)
    seen = TextEncoder(Tokenizer("a red fox in snow walk".split(), 6), 8, depth=1)
    return MotionEncoder(seen, TextEncoder(Tokenizer("walking left right".split(), 3), 8, depth=1))


def test_words_of_motion_go_to_their_own_encoder():
    encoder = motion_encoder()
    assert encoder.split("A red fox, walking LEFT in snow") == ("a red fox in snow", "walking left")
    seen, _, moves, mask = encoder(["a red fox walking left in snow", "a fox"])
    torch.testing.assert_close(seen[:1], encoder.seen(["a red fox in snow"])[0])
    torch.testing.assert_close(moves[:1], encoder.motion(["walking left"])[0])
    assert mask.sum(1).tolist() == [3, 1]
    assert encoder.numbers("") != encoder.numbers("left")


@pytest.mark.parametrize("prompt, near", [("a fox wakling", "walking or walk"), ("a fxo", "fox")])
def test_an_unknown_word_is_looked_for_in_both(prompt, near):
    with pytest.raises(UserError, match=f"did you mean {near}"):
        motion_encoder()([prompt])
    with pytest.raises(UserError, match="prompt must be a text, got 3"):
        motion_encoder()([3])
