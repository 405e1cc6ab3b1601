"""The second stage: pictures at twice their size, in one go or by tiles; canvases of windows."""

import pytest
import torch
import torch.nn.functional as F

from minidiff import cosine, editing, pretrained, recipes
from minidiff.codecs import Details, Pixels
from minidiff.conditions import TextEncoder, Tokenizer
from minidiff.data.scenes import COMMON, crops, held_out
from minidiff.denoiser import Denoiser
from minidiff.editing import enlarging
from minidiff.errors import UserError
from minidiff.model import Model
from minidiff.nets import Enlarger, UNet
from minidiff.samplers import ddim, dpmpp_2m, last
from minidiff.schedules import uniform_grid


@pytest.fixture(scope="module")
def enlarger():
    """An untrained enlarger in double precision, all of whose weights say something."""
    torch.manual_seed(0)
    net = Enlarger(width=8, widths=(1, 2), token_width=16)
    encoder = TextEncoder(Tokenizer(("a", "fox", "red"), 5), 16, depth=1)
    settings = dict(steps=2, sampler=dpmpp_2m, grid=uniform_grid)
    model = Model(Denoiser(net, cosine), encoder, Pixels(), (3, 64, 64), **settings)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return model.double().eval().requires_grad_(False)


def pictures(n=2, height=32, width=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, height, width, generator=generator, dtype=torch.float64)


def test_twice_the_size_whatever_it_is(enlarger):
    for height, width in ((8, 8), (13, 22), (32, 40)):
        made = editing.enlarge(enlarger, pictures(1, height, width))
        assert made.shape == (1, 3, 2 * height, 2 * width)
        assert 0 <= made.min() and made.max() <= 1


def test_a_picture_is_its_seeds_alone(enlarger):
    small = pictures(3)
    both = editing.enlarge(enlarger, small, seed=5)
    for k in range(3):
        alone = editing.enlarge(enlarger, small[k : k + 1], seed=5 + k)
        assert torch.allclose(both[k : k + 1], alone, atol=1e-9)
    listed = editing.enlarge(enlarger, small, seed=[5, 6, 7])
    assert torch.equal(both, listed)
    other = editing.enlarge(enlarger, small, seed=50)
    assert (both - other).abs().mean() > 0.01


def test_tiles_leave_no_seam(enlarger, monkeypatch):
    small = pictures(1, 72, 104)
    whole = editing.enlarge(enlarger, small, ["a red fox"])
    monkeypatch.setattr(enlarging, "TILE", 24)
    tiled = editing.enlarge(enlarger, small, ["a red fox"])
    assert torch.allclose(whole, tiled, atol=1e-9)
    monkeypatch.setattr(enlarging, "MARGIN", 4)  # too little for what a place sees
    assert not torch.allclose(whole, editing.enlarge(enlarger, small, ["a red fox"]), atol=1e-9)


def test_the_margin_is_wide_enough_for_the_recipes_network(monkeypatch):
    torch.manual_seed(0)
    model = recipes.RECIPES["enlarge"].model(pretrained.load("scenes")).double().eval()
    for weight in model.denoiser.net.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    small = pictures(1, 8, 200)
    whole = editing.enlarge(model, small, steps=1)
    monkeypatch.setattr(enlarging, "TILE", 96)
    assert torch.allclose(whole, editing.enlarge(model, small, steps=1), atol=1e-9)


def test_what_the_network_is_shown(enlarger, monkeypatch):
    seen = []
    forward = enlarger.denoiser.forward
    monkeypatch.setattr(
        enlarger.denoiser, "forward", lambda x, t, *cond: seen.append(cond) or forward(x, t, *cond)
    )
    small = pictures(2)
    for strength in (0.0, 0.3):
        seen.clear()
        editing.enlarge(enlarger, small, strength=strength, seed=3)
        *_, shown, told = seen[0]
        noise = shown - (2 * small - 1)
        assert torch.allclose(told, torch.full((2,), strength, dtype=torch.float64))
        assert noise.std().item() == pytest.approx(strength, rel=0.05, abs=1e-6)
        if strength:
            start = torch.randn(3, 64, 80, generator=torch.Generator().manual_seed(3))
            both = torch.stack([noise[0].flatten(), start.flatten()[: noise[0].numel()].double()])
            assert torch.corrcoef(both)[0, 1].abs() < 0.1  # not the noise that the walk starts from


def test_guidance_shows_the_small_pictures_to_both_halves(enlarger):
    larger = enlarging.beside(enlarger, pictures(), strength=0.2)
    x, t = pictures(2, 64, 80, seed=1), torch.tensor(0.6).double()
    fox, null = (larger.prompted(words, w=1)(x, t) for words in (["a red fox"] * 2, [""] * 2))
    guided = larger.prompted(["a red fox"] * 2, w=3.0)(x, t)
    assert not torch.allclose(fox, null, atol=1e-6)
    assert torch.allclose(guided, null + 3 * (fox - null), atol=1e-9)


def test_small_picture_and_x_stand_side_by_side(enlarger):
    net, x, small = enlarger.denoiser.net, pictures(2, 16, 16), pictures(2, 8, 8, seed=1)
    tokens, mask = enlarger.encoder(["a red fox", ""])
    strength, t = torch.tensor([0.1, 0.4]).double(), torch.tensor([0.3, 0.9]).double()
    out = net(x, t, tokens, mask, small, strength)
    assert out.shape == x.shape
    for moved in ((small + 0.1, strength), (small, strength.flip(0))):
        assert not torch.allclose(net(x, t, tokens, mask, *moved), out)
    others = enlarger.encoder(["a fox", "red"])
    assert not torch.allclose(net(x, t, *others, small, strength), out)
    padded = tokens.clone()
    padded[~mask] = 9.0  # what the mask hides is not heard
    assert torch.allclose(net(x, t, padded, mask, small, strength), out)


def test_the_loss_noises_the_small_picture_and_says_how_much(enlarger, monkeypatch):
    seen = []
    monkeypatch.setattr(enlarger.denoiser, "loss_at", lambda *of: seen.append(of) or torch.ones(64))
    loss = recipes.enlarge.beside_noised(enlarger)
    pieces = pictures(64, 16, 16)
    small = torch.full((64, 3, 8, 8), 0.75, dtype=torch.float64)
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    for generator in generators:
        loss((pieces, small, ["a fox"] * 64), generator, 0, None)
    x0, t, eps, _, _, shown, told = seen[0]
    assert torch.equal(shown, seen[1][5]) and torch.equal(eps, seen[1][2])
    assert torch.equal(x0, Details(shown, told).encode(pieces)) and t.shape == (64,)
    assert 0 <= told.min() and told.max() <= 0.4 and told.std() > 0.05
    spread = (shown - 0.5).flatten(1).std(1)
    assert torch.allclose(spread / told, torch.ones(64).double(), atol=0.25)


def test_details_are_what_interpolation_leaves_out():
    large, strength = pictures(3, 16, 24), torch.tensor([0.0, 0.1, 0.4], dtype=torch.float64)
    small = 2 * F.avg_pool2d(large, 2) - 1
    codec = Details(small, strength)
    assert torch.allclose(codec.decode(codec.encode(large)), large, atol=1e-9)
    nothing = codec.decode(torch.zeros_like(large))
    smooth = F.interpolate((small + 1) / 2, scale_factor=2, mode="bicubic").clamp(0, 1)
    assert torch.allclose(nothing, smooth, atol=1e-9)
    assert (codec.encode(large)[0].std() > codec.encode(large)[2].std()) and codec.range is None


def test_details_of_scenes_have_about_unit_variance():
    pieces, small, _ = crops.crop_data()(64, torch.Generator().manual_seed(0))
    for value in (0.0, 0.1, 0.4):
        strength, eps = torch.full((64,), value), torch.randn(small.shape)
        noised, _ = enlarging.under_noise(2 * small - 1, strength, eps)
        assert 0.7 < Details(noised, strength).encode(pieces).std() < 1.3


def test_pieces_are_cut_from_scenes_and_shrunk():
    data = crops.crop_data()
    pieces, small, told = data(12, torch.Generator().manual_seed(0))
    again = data(12, torch.Generator().manual_seed(0))
    assert torch.equal(pieces, again[0]) and told == again[2]
    assert pieces.shape == (12, 3, 64, 64) and small.shape == (12, 3, 32, 32) and len(told) == 12
    assert torch.allclose(F.interpolate(small, scale_factor=2).mean(), pieces.mean(), atol=1e-5)
    means = sum(pieces[..., a::2, b::2] for a in (0, 1) for b in (0, 1)) / 4
    assert torch.allclose(small, means, atol=1e-6)
    picture, caption = crops.large_example(7)
    assert picture.shape == (128, 128, 3) and caption
    # a piece is a part of its scene, at an even corner, so that both shrink alike
    seed = torch.randint(2**62, (3,), generator=torch.Generator().manual_seed(0))[0].item()
    whole = torch.from_numpy(crops.large_example(seed)[0]).permute(2, 0, 1).float() / 255
    windows = whole.unfold(1, 64, 2).unfold(2, 64, 2).permute(1, 2, 0, 3, 4).flatten(0, 1)
    assert (windows == pieces[0]).flatten(1).all(1).any()


def test_no_piece_is_of_a_pair_held_out(monkeypatch):
    seen, invent = [], crops.invent
    monkeypatch.setattr(crops, "invent", lambda *of: seen.append(invent(*of)) or seen[-1])
    monkeypatch.setattr(crops, "LARGE", 128)
    for seed in range(40):
        crops.large_example(seed, COMMON)
    assert not any(held_out(scene.thing, scene.colour, scene.place) for scene in seen)
    assert {scene.thing for scene in seen} <= set(COMMON)


def test_dropped_captions():
    told = crops.crop_data(dropped=1.0)(4, torch.Generator().manual_seed(0))[2]
    assert told == [""] * 4
    told = crops.crop_data(dropped=0.0)(4, torch.Generator().manual_seed(0))[2]
    assert all(told)


def test_bad_input_is_told(enlarger):
    plain = Model(
        Denoiser(UNet(3, width=8), cosine), enlarger.encoder, Pixels(), (3, 64, 64)
    ).double()
    cases = [
        (lambda: editing.enlarge(plain, pictures()), "model must be one that enlarges"),
        (lambda: enlarger(["a fox"]), "small must be the picture to enlarge, got none"),
        (
            lambda: editing.enlarge(enlarger, pictures(), strength=2),
            "strength must be a number from",
        ),
        (lambda: editing.enlarge(enlarger, pictures(), ["a fox"]), "one for each of 2 pictures"),
        (lambda: editing.enlarge(enlarger, 255 * pictures()), "pictures must lie in 0..1"),
        (lambda: editing.enlarge(enlarger, pictures()[0]), "pictures must have shape"),
    ]
    for call, sentence in cases:
        with pytest.raises(UserError, match=sentence):
            call()


# canvases ---------------------------------------------------------------------------------------


def test_windows_cover_a_canvas():
    for length, size, stride in ((48, 16, 8), (50, 16, 8), (16, 16, 4), (33, 16, 16)):
        found = editing.windows(length, size, stride)
        assert all(part.stop - part.start == size for part in found)
        assert set().union(*(range(part.start, part.stop) for part in found)) == set(range(length))
        assert len({part.start for part in found}) == len(found)
    for length, size, stride in ((8, 16, 4), (32, 8, 9)):
        with pytest.raises(UserError, match="size must be at most the length"):
            editing.windows(length, size, stride)


def test_windows_that_agree_are_the_whole():
    x, t = torch.randn(2, 3, 16, 48), torch.tensor(0.5)

    def denoise(x, t):
        return x.square() - t

    rows, columns = editing.windows(16, 8, 4), editing.windows(48, 16, 8)
    parts = [(denoise, row, column) for row in rows for column in columns]
    assert torch.allclose(editing.joined(parts)(x, t), denoise(x, t), atol=1e-6)


def test_windows_that_disagree_meet_halfway():
    ones = [(lambda x, t, value=value: torch.full_like(x, value)) for value in (0.0, 1.0)]
    rows = slice(0, 4)
    parts = [(ones[0], rows, slice(0, 16)), (ones[1], rows, slice(8, 24))]
    out = editing.joined(parts)(torch.zeros(1, 1, 4, 24), torch.tensor(0.5))[0, 0, 0]
    assert (out[:8] == 0).all() and (out[16:] == 1).all()
    middle = out[8:16]
    assert (middle.diff() > 0).all() and torch.allclose(middle + middle.flip(0), torch.ones(8))


def test_a_mean_of_guesses_is_a_mean_of_steps():
    """DDIM's step is linear in x and x0_hat, so MultiDiffusion's mean of steps is this one."""
    x, ts = torch.randn(1, 2, 8, 24), torch.tensor([0.8, 0.5])
    denoise = [lambda x, t: x.tanh(), lambda x, t: 0.3 * x]
    spans = [slice(0, 16), slice(8, 24)]
    parts = list(zip(denoise, [slice(0, 8)] * 2, spans))
    joined = last(ddim(editing.joined(parts), cosine, x, ts))
    both = [last(ddim(each, cosine, x[..., span], ts)) for each, _, span in parts]
    weight = editing.canvas.ramp(16)
    total = torch.zeros(24)
    step = torch.zeros_like(x)
    for made, span in zip(both, spans):
        step[..., span] += weight * made
        total[span] += weight
    assert torch.allclose(joined, step / total, atol=1e-6)


def test_a_gap_is_told():
    parts = [(lambda x, t: x, slice(0, 8), slice(0, 8))]
    with pytest.raises(UserError, match="parts must cover the canvas"):
        editing.joined(parts)(torch.zeros(1, 1, 8, 16), torch.tensor(0.5))
