"""Editing: what is kept is kept exactly, what is filled follows it, noise is found again."""

from functools import partial

import pytest
import torch

from minidiff import editing, load
from minidiff.codecs import Autoencoder, Pixels, Scaled
from minidiff.conditions import LabelEncoder, Unconditional
from minidiff.data import mnist
from minidiff.data.points import Mixture
from minidiff.denoiser import Denoiser, noising
from minidiff.evaluation.distances import energy_distance
from minidiff.evaluation.judges.scenes import judged
from minidiff.guidance import given
from minidiff.model import Model
from minidiff.nets import PointNet, UNet
from minidiff.samplers import ddim, ddpm, dpmpp_2m, heun, last
from minidiff.schedules import DDPM, cosine, flow, log_snr_grid, uniform_grid

SAMPLERS = [ddim, ddpm, heun, dpmpp_2m, editing.resampled(ddpm, 2), editing.resampled(ddim, 2, 3)]
# Two clusters on a diagonal: whoever knows the first coordinate knows the second.
DIAGONAL = Mixture(torch.tensor([[-1.5, -1.5], [1.5, 1.5]]), torch.tensor([0.3, 0.3]))


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def tiny(shape=(1, 8, 8), codec=None, encoder=None):
    """A random model of pictures."""
    torch.manual_seed(0)
    width = 8 if encoder else None
    net = UNet(shape[0], width=8, widths=(1, 1), token_width=width)
    for parameter in net.parameters():
        if not parameter.any():  # a fresh network says 0 to everything
            torch.nn.init.normal_(parameter, std=0.1)
    encoder = encoder or Unconditional()
    grid = partial(log_snr_grid, cosine)
    model = Model(Denoiser(net, cosine), encoder, codec or Pixels(), shape, steps=4, grid=grid)
    return model.eval()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("schedule", [cosine, flow, DDPM()])
@pytest.mark.parametrize("shape, hole", [((2,), (2,)), ((3, 4, 4), (4, 4)), ((3, 2, 4, 4), (4, 4))])
def test_inpaint_keeps_what_is_known(sampler, schedule, shape, hole):
    torch.manual_seed(0)
    known, mask = normal(5, *shape, seed=1), torch.zeros(hole).bool()
    mask[..., :1] = True
    denoise = editing.inpaint(lambda x, t: 0.5 * x, known, mask)
    ts = uniform_grid(6)
    steps = list(sampler(denoise, schedule, schedule(ts[0])[1] * normal(5, *shape), ts))
    kept = ~mask.expand_as(known)
    assert len(steps) == 6
    torch.testing.assert_close(steps[-1][0][kept], known[kept])
    assert not torch.isclose(steps[-1][0], known)[~kept].any()


def test_resampling_brings_the_exact_conditional_nearer():
    """Given a first coordinate of 1, the second is a draw from the upper cluster."""
    denoise, mask = DIAGONAL.denoiser(cosine), torch.tensor([False, True])
    denoise = editing.inpaint(denoise, torch.tensor([[1.0, 0.0]]), mask)
    ts, n = uniform_grid(20), 300
    exact = 1.5 + 0.3 * normal(n, 1, seed=1)

    def error(sampler):
        torch.manual_seed(0)
        made = last(sampler(denoise, cosine, cosine(ts[0])[1] * normal(n, 2), ts))
        return energy_distance(made[:, 1:], exact)

    assert error(editing.resampled(ddpm, 10)) < error(ddpm) / 10


@pytest.mark.parametrize("schedule", [cosine, flow, DDPM()])
def test_renoise_is_the_forward_process(schedule):
    """From x0 to s and on to t is the same as from x0 to t: mean alpha_t x0, deviation sigma_t."""
    s, t, x0 = torch.tensor(0.3), torch.tensor(0.6), torch.full((50_000, 1), 2.0)
    x_s = noising(schedule, x0, s, normal(50_000, 1))
    x = editing.renoise(schedule, x_s, s, t, lambda x: normal(*x.shape, seed=1))
    alpha, sigma = schedule(t)
    assert x.mean().item() == pytest.approx(2 * alpha.item(), abs=0.02)
    assert x.std().item() == pytest.approx(sigma.item(), rel=0.02)
    with pytest.raises(ValueError, match="from s up to a larger t, got s = 0.6 and t = 0.3"):
        editing.renoise(schedule, x, t, s)


def test_resampling_once_is_the_sampler_and_costs_as_many_times_as_said():
    calls, x, ts = [], normal(3, 2), uniform_grid(7)

    def denoise(x, t):
        calls.append(float(t))
        return 0.5 * x

    once = last(editing.resampled(ddim, 1)(denoise, cosine, x, ts))
    assert torch.equal(once, last(ddim(denoise, cosine, x, ts)))
    calls.clear()
    steps = list(editing.resampled(ddim, 4, jump=3)(denoise, cosine, x, ts))
    assert len(steps) == 7 and len(calls) == 4 * 7
    assert calls[:6] == pytest.approx(2 * ts[:3].tolist())  # three steps down, then the same again
    with pytest.raises(ValueError, match="times must be a whole number, at least 1, got 0"):
        editing.resampled(ddpm, 0)


@pytest.mark.parametrize("schedule", [cosine, flow])
def test_inversion_finds_the_noise_and_comes_back(schedule):
    denoise, x0 = DIAGONAL.denoiser(schedule), DIAGONAL(200, torch.Generator().manual_seed(0))

    def back_and_forth(n, rounds):
        ts = uniform_grid(n)[:-1]
        noise = last(editing.invert(denoise, schedule, x0, ts, rounds))
        return noise, (last(ddim(denoise, schedule, noise, ts)) - x0).abs().mean().item()

    noise, plain = back_and_forth(100, 0)
    assert noise.mean().item() == pytest.approx(0, abs=0.15)
    assert noise.std().item() == pytest.approx(1, abs=0.15)
    assert plain < 0.75 * back_and_forth(50, 0)[1]  # first order: twice the steps, half the error
    assert back_and_forth(100, 3)[1] < plain / 10  # the implicit step is the exact inverse


def test_inversion_refuses_a_grid_that_ends_at_the_data():
    with pytest.raises(ValueError, match="ts must end above 0"):
        list(editing.invert(lambda x, t: x, cosine, normal(1, 2), uniform_grid(5)))
    with pytest.raises(ValueError, match="ts must be a decreasing sequence"):
        list(editing.invert(lambda x, t: x, cosine, normal(1, 2), torch.tensor([0.2, 0.9])))


def test_slerp_stays_on_the_sphere():
    a, b = normal(4, 3, 5, 5), normal(4, 3, 5, 5, seed=1)
    torch.testing.assert_close(editing.slerp(a, b, 0.0), a)
    torch.testing.assert_close(editing.slerp(a, b, 1.0), b)
    middle = editing.slerp(a, b, 0.5)
    wanted = (a.flatten(1).norm(dim=1) + b.flatten(1).norm(dim=1)) / 2
    torch.testing.assert_close(middle.flatten(1).norm(dim=1), wanted, rtol=0.02, atol=0)
    assert (a + b).norm() / 2 < 0.8 * middle.norm()


def test_remaining_begins_at_the_strength():
    ts = uniform_grid(10)
    assert torch.equal(editing.remaining(ts, 1.0), ts)
    torch.testing.assert_close(editing.remaining(ts, 0.25), torch.tensor([0.25, 0.2, 0.1, 0.0]))


def test_extend_keeps_the_picture_and_marks_the_rest():
    pictures = torch.rand(2, 3, 4, 6)
    canvas, mask = editing.extend(pictures, left=2, below=3)
    assert canvas.shape == (2, 3, 7, 8) and mask.shape == (7, 8)
    assert torch.equal(canvas[..., ~mask], pictures.flatten(2))
    assert mask.sum() == 7 * 8 - 4 * 6
    with pytest.raises(ValueError, match="pixels to add"):
        editing.extend(pictures)


def test_a_mask_in_latents_covers_every_pixel_of_the_hole():
    mask = torch.zeros(16, 24).bool()
    mask[3:5, 11] = True
    latent = editing.to_latents(mask, (4, 4, 6))
    assert latent.nonzero().tolist() == [[0, 2], [1, 2]]
    several = torch.stack([mask, mask.roll(4, 0)])[:, None]
    assert torch.equal(editing.to_latents(several, (4, 4, 6))[1, 0], latent.roll(1, 0))


@pytest.mark.parametrize("size", [(8, 8), (16, 8)])
def test_fill_keeps_pixels_of_pictures_exactly(size):
    pictures, mask = torch.rand(2, 1, *size), torch.zeros(size).bool()
    mask[4:] = True
    way = dict(steps=3, sampler=editing.resampled(ddpm, 2))
    filled = editing.fill(tiny(), pictures, mask, seed=1, **way)
    assert torch.equal(filled[..., ~mask], pictures[..., ~mask])
    assert (filled[..., mask] != pictures[..., mask]).float().mean() > 0.9
    assert torch.equal(editing.fill(tiny(), pictures, mask, seed=1, **way), filled)
    assert torch.equal(
        editing.fill(tiny(), pictures[:1], mask, seed=1, **way)[0, :, :4], filled[0, :, :4]
    )
    assert not torch.equal(editing.fill(tiny(), pictures, mask, seed=2, **way), filled)


def test_fill_keeps_pixels_exactly_through_latents_too():
    model = tiny((4, 8, 8), Autoencoder(4, narrow=4, wide=16).eval())
    pictures, mask = torch.rand(2, 3, 32, 32), torch.zeros(32, 32).bool()
    mask[10:17, 3:30] = True
    filled = editing.fill(model, pictures, mask, steps=2, sampler=ddpm)
    assert torch.equal(filled[..., ~mask], pictures[..., ~mask])
    canvas, new = editing.extend(pictures, right=16)
    wide = editing.fill(model, canvas, new, steps=2, sampler=ddim)
    assert torch.equal(wide[..., :32], pictures) and wide.shape == (2, 3, 32, 48)


def test_fill_takes_points_and_prompts():
    net = PointNet(width=16, features=4)
    model = Model(Denoiser(net, cosine), Unconditional(), Scaled(2.0), (2,), steps=3)
    known = normal(4, 2)
    filled = editing.fill(model, known, torch.tensor([True, False]), steps=3)
    assert torch.equal(filled[:, 1], known[:, 1]) and not torch.equal(filled, known)
    model, mask = tiny(encoder=LabelEncoder(3, 8)), torch.zeros(8, 8).bool()
    mask[:4] = True
    one, two = (editing.fill(model, torch.ones(1, 1, 8, 8), mask, [k], steps=2) for k in (1, 2))
    assert not torch.equal(one, two)


def test_image_to_image_goes_from_the_picture_to_a_new_one():
    model, pictures = tiny(), torch.rand(2, 1, 8, 8)
    assert torch.equal(editing.image_to_image(model, pictures, 0), pictures)
    shares = [0.01, 0.2, 0.6]
    moved = [(editing.image_to_image(model, pictures, s) - pictures).abs().mean() for s in shares]
    assert moved[0] < 0.02 and moved[0] < moved[1] < moved[2]
    new = editing.image_to_image(model, pictures, 1.0)
    other = editing.image_to_image(model, torch.rand(2, 1, 8, 8), 1.0)
    torch.testing.assert_close(new, other, atol=0.02, rtol=0)  # all that is left is alpha = 1e-3


def test_a_student_edits_with_the_jumps_that_it_has_learned():
    student, calls = load("scenes-fast"), []
    student.denoiser.net.register_forward_hook(lambda *_: calls.append(1))
    picture = student(["a red fox in snow"], seed=7)
    calls.clear()
    blue = editing.image_to_image(student, picture, 0.8, ["a blue fox in snow"])
    assert judged(blue)["colour"] == ["blue"] and judged(picture)["colour"] == ["red"]
    assert len(calls) == 4
    mask = torch.zeros(64, 64).bool()
    mask[14:50, 14:50] = True
    way = dict(sampler=student.sampler, steps=4)
    filled = editing.fill(student, picture, mask, ["a blue cat in snow"], **way)
    assert len(calls) == 8 and judged(filled)["colour"] == ["blue"]
    assert torch.equal(filled[..., ~mask], picture[..., ~mask])


def test_reprompt_to_the_same_prompt_gives_the_picture_back():
    model = tiny(encoder=LabelEncoder(3, 8))
    pictures = 0.25 + torch.rand(1, 1, 8, 8) / 2
    same = editing.reprompt(model, pictures, [1], [1], steps=100)
    assert (same - pictures).abs().mean() < 0.02
    assert (editing.reprompt(model, pictures, [1], [2], steps=100) - same).abs().max() > 0.05


def test_interpolation_begins_and_ends_with_the_pictures():
    model, digits = load("digits"), mnist.load("test")[0][:2] / 255
    frames = editing.interpolate(model, digits[:1], digits[1:], frames=3, steps=25)
    assert frames.shape == (3, 1, 28, 28)
    assert (frames[[0, -1]] - digits).abs().mean() < 0.02
    nearest = min((frames[1] - digit).abs().mean().item() for digit in digits)
    assert nearest > 0.03  # the middle is neither


@pytest.mark.parametrize(
    "mask, message",
    [
        (torch.ones(4, 8).bool(), r"the size of what it masks, \(8, 8\), got \(4, 8\)"),
        (torch.ones(8).bool(), r"the size of what it masks, \(8, 8\), got \(8,\)"),
        (torch.ones(1, 8).bool(), r"the size of what it masks"),
        (torch.ones(3, 1, 8, 8).bool(), r"the size of what it masks"),
        (torch.ones(8, 8), "mask must be boolean, True where to fill, got torch.float32"),
        (torch.zeros(8, 8).bool(), "marks nothing to fill"),
        (torch.ones(8, 8).bool(), "to keep nothing is to generate, model"),
    ],
)
def test_bad_masks(mask, message):
    with pytest.raises(ValueError, match=message):
        editing.fill(tiny(), torch.rand(2, 1, 8, 8), mask)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_bad_strength(strength):
    with pytest.raises(ValueError, match="strength must be a number from 0 to 1, got"):
        editing.image_to_image(tiny(), torch.rand(1, 1, 8, 8), strength)


def test_pictures_too_small_for_the_codec():
    model = tiny((4, 8, 8), Autoencoder(4, narrow=4, wide=16).eval())
    for size in [(8, 8), (16, 20), (0, 16)]:
        mask = torch.zeros(size).bool()
        with pytest.raises(ValueError, match=r"multiples of 16 high and wide .* got \(\d+, \d+\)"):
            editing.fill(model, torch.rand(1, 3, *size), mask)
        with pytest.raises(ValueError, match="multiples of 16"):
            editing.image_to_image(model, torch.rand(1, 3, *size), 0.5)


EDITS = {
    "fill": lambda model, x, **way: editing.fill(model, x, half(x), steps=3, **way),
    "image to image": lambda model, x, **way: editing.image_to_image(model, x, 0.5, **way),
    "reprompt": lambda model, x: editing.reprompt(model, x, None, None, steps=3),
    "interpolate": lambda model, x: editing.interpolate(model, x[:1], x[1:2], 3, steps=3),
}


def half(pictures):
    """A mask of the lower half."""
    mask = torch.zeros(pictures.shape[-2:]).bool()
    mask[mask.shape[0] // 2 :] = True
    return mask


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda x: (255 * x).byte(), "floating-point numbers in 0..1, got torch.uint8"),
        (lambda x: 255 * x, "pictures must lie in 0..1, got values from .* to 2"),
        (lambda x: 2 * x - 1, "pictures must lie in 0..1, got values from -"),
        (lambda x: x * float("nan"), "pictures must lie in 0..1, got values from nan"),
        (lambda x: x[:, 0], r"pictures must have shape \(B, C, H, W\), got \(2, 8, 8\)"),
        (lambda x: x[..., :6], "multiples of 4 high and wide"),
    ],
)
def test_pictures_of_the_wrong_kind(edit, change, message):
    with pytest.raises(ValueError, match=message):
        edit(tiny(), change(normal(2, 1, 8, 8).sigmoid()))


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_pictures_and_models_of_every_precision(edit):
    pictures = normal(2, 1, 8, 8).sigmoid()
    wanted = edit(tiny(), pictures)
    torch.testing.assert_close(edit(tiny(), pictures.double()).float(), wanted, rtol=0, atol=1e-5)
    made = edit(tiny().bfloat16(), pictures)
    assert (made.float() - wanted).abs().max() < 0.2


def test_what_is_kept_is_kept_exactly_in_every_precision():
    pictures = torch.rand(1, 1, 8, 8, dtype=torch.float64)
    filled = editing.fill(tiny(), pictures, half(pictures), steps=2)
    assert filled.dtype == torch.float64 and torch.equal(filled[..., :4, :], pictures[..., :4, :])


@pytest.mark.parametrize("name", ["fill", "image to image"])
def test_an_edit_depends_on_its_seed_alone(name):
    model, pictures, edit = tiny(), normal(3, 1, 8, 8).sigmoid(), EDITS[name]
    before = torch.get_rng_state()
    whole = edit(model, pictures, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)  # nor does the global state decide anything
    for k in range(3):
        alone = edit(model, pictures[k : k + 1], seed=4 + k)
        torch.testing.assert_close(alone[0], whole[k], rtol=0, atol=1e-5)
    assert not torch.allclose(edit(model, pictures, seed=2**32 + 4), whole, atol=1e-3)


def test_prompts_of_an_edit_are_one_for_each_picture():
    model, pictures = tiny(encoder=LabelEncoder(10, 8)), torch.rand(2, 1, 8, 8)
    for prompts, message in [
        ([3], "prompts must be one for each of 2 pictures, got 1"),
        (3, "prompts must be a list"),
        ("31", "prompts must be a list"),
    ]:
        with pytest.raises(ValueError, match=message):
            editing.image_to_image(model, pictures, 0.5, prompts)
        with pytest.raises(ValueError, match=message):
            editing.reprompt(model, pictures, prompts, [3, 1], steps=3)
        with pytest.raises(ValueError, match=message):
            editing.interpolate(model, pictures[:1], pictures[1:], 3, prompts, steps=3)
    with pytest.raises(ValueError, match="this model takes no prompts"):
        editing.fill(tiny(), pictures, half(pictures), ["a fox"] * 2)


@pytest.mark.parametrize("steps", [0, 1, 2.5, True])
def test_too_few_steps_to_invert(steps):
    picture = torch.rand(1, 1, 8, 8)
    with pytest.raises(ValueError, match="steps must be a whole number, at least 2, got"):
        editing.reprompt(tiny(), picture, None, None, steps=steps)
    with pytest.raises(ValueError, match="steps must be a whole number, at least 2, got"):
        editing.interpolate(tiny(), picture, picture, 3, steps=steps)
    with pytest.raises(ValueError, match="strength must be a number from 0.4 to 1, got 0.3"):
        editing.reprompt(tiny(), picture, None, None, strength=0.3, steps=5)


def test_filling_resamples_five_times_by_default():
    model, pictures = tiny(), normal(1, 1, 8, 8).sigmoid()
    ways = [{}, *(dict(sampler=editing.resampled(ddpm, times)) for times in (5, 4))]
    first, same, other = (
        editing.fill(model, pictures, half(pictures), steps=3, **way) for way in ways
    )
    assert torch.equal(first, same) and not torch.allclose(first, other, atol=1e-3)


def test_image_to_image_walks_with_the_models_own_sampler_and_grid():
    model, pictures = tiny(), normal(1, 1, 8, 8).sigmoid()
    made = []
    for model.sampler in (ddim, heun):
        x0, ts = model.codec.encode(pictures), editing.remaining(model.grid(4), 0.6)
        x = noising(model.schedule, x0, ts[0], normal(1, 1, 8, 8, seed=3))
        by_hand = last(model.sampler(model.prompted(1), model.schedule, x, ts))
        made.append(editing.image_to_image(model, pictures, 0.6, seed=3))
        torch.testing.assert_close(made[-1], model.codec.decode(by_hand))
    assert not torch.allclose(*made, atol=1e-4)


def test_reprompting_inverts_in_two_rounds_without_clipping():
    model, pictures = tiny(), 0.2 + 0.6 * normal(2, 1, 8, 8).sigmoid()
    ts, x0 = uniform_grid(6), model.codec.encode(pictures)

    def by_hand(rounds):
        denoise = given(model.denoiser)
        noise = last(editing.invert(denoise, model.schedule, x0, ts[:-1], rounds))
        return model.codec.decode(last(ddim(model.prompted(2), model.schedule, noise, ts)))

    made = editing.reprompt(model, pictures, None, None, steps=6)
    torch.testing.assert_close(made, by_hand(2))
    assert not torch.allclose(made, by_hand(0), atol=1e-2)
