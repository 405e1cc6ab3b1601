"""Noising, targets and wrappers against their formulas."""

import pytest
import torch

from minidiff.denoiser import TARGETS, Denoiser, noising
from minidiff.guidance import clip, given, guide
from minidiff.schedules import DDPM, cosine, flow

SHAPES = [(4, 2), (1, 2), (3, 1, 8, 8), (2, 4, 3, 6, 6)]


def batch(shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=g), torch.randn(shape, generator=g)


@pytest.mark.parametrize("schedule", [cosine, flow, DDPM()])
@pytest.mark.parametrize("shape", SHAPES)
def test_noising_is_one_formula_for_every_rank(schedule, shape):
    x0, eps = batch(shape)
    t = torch.linspace(0.1, 0.9, shape[0])
    x = noising(schedule, x0, t, eps)
    for i in range(shape[0]):
        alpha, sigma = schedule(t[i])
        torch.testing.assert_close(x[i], alpha * x0[i] + sigma * eps[i])
    assert torch.equal(noising(schedule, x0, 0.0, eps), x0)


def test_noising_moments():
    x0, eps = torch.full((20_000, 2), 3.0), batch((20_000, 2))[0]
    alpha, sigma = cosine(torch.tensor(0.4))
    x = noising(cosine, x0, 0.4, eps)
    assert x.mean().item() == pytest.approx(3 * alpha.item(), abs=0.02)
    assert x.std().item() == pytest.approx(sigma.item(), rel=0.02)


@pytest.mark.parametrize("schedule", [cosine, flow, DDPM()])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_perfect_network_gives_x0_for_every_target(schedule, target, shape):
    x0, eps = (value.double() for value in batch(shape))
    for t in (torch.tensor(0.03), torch.tensor(1.0), torch.linspace(0.02, 1, shape[0])):
        alpha, sigma = (v.double().reshape(-1, *[1] * (x0.ndim - 1)) for v in schedule(t.double()))
        a, b = TARGETS[target](alpha, sigma)
        denoiser = Denoiser(lambda x, t: a * x0 + b * eps, schedule, target)
        x = noising(schedule, x0, t.double(), eps)
        torch.testing.assert_close(denoiser(x, t.double()), x0, rtol=1e-6, atol=1e-6)


def test_targets_are_the_papers():
    x0, eps = batch((64, 2))
    t = torch.tensor(0.3)
    alpha, sigma = cosine(t)
    wanted = {"eps": eps, "x0": x0, "v": alpha * eps - sigma * x0, "flow": eps - x0}
    for target, value in wanted.items():
        error = Denoiser(lambda x, t: value, cosine, target).loss_at(x0, t.expand(64), eps)
        assert error.shape == (64,) and error.max() < 1e-12, target


def test_flow_target_is_the_slope_of_the_path():
    x0, eps = (value.double() for value in batch((8, 2)))
    t, h = torch.tensor(0.4).double(), 1e-3
    slope = (noising(flow, x0, t + h, eps) - noising(flow, x0, t - h, eps)) / (2 * h)
    torch.testing.assert_close(slope, eps - x0, rtol=0, atol=5e-3)  # alpha ends at 1e-3, not 0


def test_loss_is_the_mean_squared_error_at_the_drawn_times():
    x0 = batch((16, 1, 4, 4))[0]
    denoiser = Denoiser(lambda x, t: torch.zeros_like(x), cosine, "eps")
    t, eps = denoiser.draw_noise(x0.shape, torch.Generator().manual_seed(3))
    loss = denoiser.loss(x0, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(loss, eps.square().mean((1, 2, 3)))  # one for each sample
    other = denoiser.loss(x0, generator=torch.Generator().manual_seed(4))
    assert not torch.isclose(other, loss).any()


def test_the_network_gets_one_time_per_sample_and_the_condition():
    seen = {}

    def net(x, t, *cond):
        seen.update(t=t, cond=cond)
        return x

    Denoiser(net, cosine)(torch.zeros(5, 2), torch.tensor(0.25), "tokens", "mask")
    assert seen["t"].tolist() == [0.25] * 5 and seen["cond"] == ("tokens", "mask")


@pytest.mark.parametrize("schedule", [cosine, flow, DDPM()])
@pytest.mark.parametrize("target", TARGETS)
def test_at_the_data_x_comes_back(schedule, target):
    """A consistency model's boundary f(x, 0) = x, by construction; target x0 says its own word."""
    x, out = batch((3, 1, 4, 4))
    denoiser = Denoiser(lambda x, t: out, schedule, target)
    there = out if target == "x0" else x
    assert torch.equal(denoiser(x, 0.0), there)
    mixed = denoiser(x, torch.tensor([0.5, 0.0, 1.0]))
    assert torch.equal(mixed[1], there[1]) and mixed.isfinite().all()
    torch.testing.assert_close(denoiser(x, 1e-6), there, rtol=0, atol=1e-2)  # without a jump


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("target", TARGETS)
def test_times_keep_their_digits_in_half_precision(dtype, target):
    """A network that tells its time: float32 at least, whatever the precision of x."""
    seen, x0 = [], batch((2, 3))[0].to(dtype)

    def net(x, t):
        assert x.dtype == dtype
        seen.append(t)
        return x

    denoiser = Denoiser(net, cosine, target)
    assert denoiser(x0, torch.tensor(0.9701)).dtype == dtype
    assert denoiser(x0, torch.tensor([0.9701, 0.2], dtype=torch.float64)).dtype == dtype
    loss = denoiser.loss_at(x0, torch.tensor([0.9701, 0.2]), torch.randn(2, 3))
    assert loss.shape == (2,) and loss.isfinite().all()
    assert {t.dtype for t in seen} == {torch.promote_types(dtype, torch.float32)}
    assert all(t[0].item() == pytest.approx(0.9701, rel=1e-6) for t in seen)


@pytest.mark.parametrize("w", [float("nan"), float("inf"), 1e39, "3", None, [1.0]])
def test_w_that_is_no_number_is_refused(w):
    with pytest.raises(ValueError, match="w must be a number from -1e[+]06 to 1e[+]06, got"):
        guide(lambda x, t: x, lambda x, t: x, w)


def test_guidance_is_a_line_through_two_estimates():
    x, t = torch.zeros(3, 2), torch.tensor(0.5)
    with_prompt, without = (lambda x, t: x + 2.0), (lambda x, t: x - 1.0)
    for w, wanted in ((0, -1.0), (1, 2.0), (3, 8.0), (-1, -4.0)):
        assert (guide(with_prompt, without, float(w))(x, t) == wanted).all()


def test_given_and_clip():
    def denoise(x, t, *cond):
        return x * cond[0]

    bound = given(denoise, 10.0)
    x = torch.tensor([[-0.3, 0.02], [0.5, 0.1]])
    torch.testing.assert_close(bound(x, 0.5), 10 * x)
    torch.testing.assert_close(clip(bound)(x, 0.5), torch.tensor([[-1.0, 0.2], [1.0, 1.0]]))


@pytest.mark.parametrize(
    "x, message",
    [
        (torch.zeros(3), "non-empty batch"),
        (torch.zeros(0, 2), "non-empty batch"),
        (torch.zeros(3, 2, dtype=torch.long), "floating-point"),
        ([1.0, 2.0], "floating-point"),
    ],
)
def test_bad_batches(x, message):
    denoiser = Denoiser(lambda x, t: x, cosine)
    with pytest.raises(ValueError, match=message):
        denoiser(x, torch.tensor(0.5))
    with pytest.raises(ValueError, match=message):
        denoiser.loss(x)


def test_bad_arguments():
    x0, eps = batch((4, 2))
    with pytest.raises(ValueError, match="eps, x0, v, flow"):
        Denoiser(lambda x, t: x, cosine, "epsilon")
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
        Denoiser(lambda x, t: x, cosine)(x0, 1.5)
    with pytest.raises(ValueError, match="eps must have the shape of x0"):
        noising(cosine, x0, 0.5, eps[:2])
    with pytest.raises(ValueError, match="t must be a number or have shape"):
        noising(cosine, x0, torch.rand(3), eps)
