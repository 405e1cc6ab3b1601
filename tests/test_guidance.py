"""Guidance: its line, its conventions elsewhere, its interval and its rescaling."""

import pytest
import torch
from diffusers.guiders import ClassifierFreeGuidance
from diffusers.guiders.guider_utils import rescale_noise_cfg

from minidiff import (
    cosine,
    ddim,
    given,
    guidance_interval,
    guidance_rescale,
    guide,
    guide_at_once,
    heun,
    last,
    uniform_grid,
)
from minidiff.data.points import Mixture, eight_gaussians
from minidiff.denoiser import append_dims
from minidiff.errors import UserError

T = torch.tensor(0.5)

# Where a scale v is written, the formula there, and our w for it.
CONVENTIONS = {
    # eq. 6 of "Classifier-free diffusion guidance"
    "Ho & Salimans 2022": (lambda c, u, v: (1 + v) * c - v * u, lambda v: 1 + v),
    # diffusers, pipeline_stable_diffusion.py, `guidance_scale`; eq. 2 of Saharia et al. 2022
    "diffusers": (lambda c, u, v: u + v * (c - u), lambda v: v),
    # TeaPearce/Conditional_Diffusion_MNIST, script.py, `guide_w`
    "TeaPearce": (lambda c, u, v: (1 + v) * c - v * u, lambda v: 1 + v),
    # facebookresearch/flow_matching, examples/image/training/eval_loop.py, `CFGScaledModel`
    "flow_matching": (lambda c, u, v: (1 + v) * c - v * u, lambda v: 1 + v),
}


def pictures(seed, shape=(5, 1, 8, 8)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def still(x0_hat):
    """A denoiser with one answer."""
    return lambda x, t: x0_hat


class Counted:
    """A denoiser that counts its calls."""

    def __init__(self, denoise):
        self.denoise, self.calls = denoise, 0

    def __call__(self, x, t):
        self.calls += 1
        return self.denoise(x, t)


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("v", [0.0, 0.5, 2.0, 6.5])
def test_scales_of_others_are_ours_once_converted(name, v):
    formula, ours = CONVENTIONS[name]
    cond, null = pictures(0), pictures(1)
    guided = guide(still(cond), still(null), ours(v))(cond, T)
    torch.testing.assert_close(guided, formula(cond, null, v))


@pytest.mark.parametrize("v", [0.5, 2.0, 7.5])
@pytest.mark.parametrize("original, name", [(False, "diffusers"), (True, "Ho & Salimans 2022")])
def test_the_diffusers_guider_agrees_with_the_table(v, original, name):
    cond, null = pictures(0), pictures(1)
    theirs = ClassifierFreeGuidance(guidance_scale=v, use_original_formulation=original)
    ours = guide(still(cond), still(null), CONVENTIONS[name][1](v))(cond, T)
    torch.testing.assert_close(ours, theirs.forward(cond, null).pred)


@pytest.mark.parametrize("t", [T, torch.linspace(0, 1, 5)], ids=["one t", "a t each"])
def test_both_halves_in_one_call_are_what_two_calls_give(t):
    a, b, calls = pictures(0), pictures(1), []

    def denoise(x, t, scale, shift):
        calls.append(len(x))
        return append_dims(t, x) * x * scale + shift

    x, cond, null = pictures(2), (a, b), (b, 2 * a)
    once = guide_at_once(denoise, cond, null, 3.0)(x, t)
    assert calls == [10]
    torch.testing.assert_close(once, guide(given(denoise, *cond), given(denoise, *null), 3.0)(x, t))
    with pytest.raises(UserError, match="w must be"):
        guide_at_once(denoise, cond, null, "3")


@pytest.mark.parametrize("target", ["x0", "eps", "v", "score"])
def test_guiding_x0_hat_guides_every_other_output(target):
    """Each is a line in x0_hat at fixed x and t, and guidance is a weighted mean: they commute."""
    x, cond, null, w = pictures(2), pictures(0), pictures(1), 3.0
    alpha, sigma = cosine(T)
    outputs = {
        "x0": lambda x0: x0,
        "eps": lambda x0: (x - alpha * x0) / sigma,
        "v": lambda x0: alpha * (x - alpha * x0) / sigma - sigma * x0,
        "score": lambda x0: -(x - alpha * x0) / sigma**2,
    }
    read = outputs[target]
    torch.testing.assert_close(
        read(guide(still(cond), still(null), w)(x, T)),
        read(null) + w * (read(cond) - read(null)),
        rtol=1e-4,
        atol=1e-4,
    )


def test_guidance_is_the_score_of_the_sharpened_law():
    """The guided score is the gradient of log p(x|c)^w p(x)^(1-w), here by automatic slopes."""
    law, part, w = eight_gaussians(), Mixture([[2.0, 0.0]], [0.15]), 2.5
    alpha, sigma = (value.double() for value in cosine(T))

    def log_density(mixture, x):
        variance = (alpha * mixture.stds) ** 2 + sigma**2
        away = (x[:, None] - alpha * mixture.means) ** 2
        logs = -(away / variance[:, None]).sum(-1) / 2 - variance.log() + mixture.weights.log()
        return logs.logsumexp(1)

    x = pictures(0, (6, 2)).double().requires_grad_()
    sharpened = w * log_density(part, x) + (1 - w) * log_density(law, x)
    (slope,) = torch.autograd.grad(sharpened.sum(), x)
    x = x.detach()
    x0_hat = guide(part.denoiser(cosine), law.denoiser(cosine), w)(x, T)
    torch.testing.assert_close((alpha * x0_hat - x) / sigma**2, slope, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("t, inside", [(0.19, 0), (0.2, 1), (0.5, 1), (0.8, 1), (0.81, 0)])
def test_within_uses_guided_inside_the_interval_only(t, inside):
    guided, plain = Counted(still(1.0)), Counted(still(0.0))
    assert guidance_interval(guided, plain, 0.2, 0.8)(pictures(0), torch.tensor(t)) == inside
    assert (guided.calls, plain.calls) == (inside, 1 - inside)


def test_an_interval_saves_calls_and_its_ends_are_the_plain_cases():
    cond, null = (
        Counted(m.denoiser(cosine)) for m in (Mixture([[2.0, 0.0]], [0.15]), eight_gaussians())
    )
    x, ts = pictures(0, (7, 2)), uniform_grid(10)
    guided = guide(cond, null, 2.0)
    last(ddim(guidance_interval(guided, cond, 0.25, 0.75), cosine, x, ts))
    inside = sum(0.25 <= t <= 0.75 for t in ts[:-1].tolist())
    assert (cond.calls, null.calls) == (10, inside)
    for low, high, same in [(0, 1, guided), (2, 3, cond)]:
        made = last(heun(guidance_interval(guided, cond, low, high), cosine, x, ts))
        assert torch.equal(made, last(heun(same, cosine, x, ts)))


def test_within_refuses_an_empty_interval():
    with pytest.raises(ValueError, match="low must not exceed high, got low 0.8 and high 0.2"):
        guidance_interval(still(0), still(1), 0.8, 0.2)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (1, 3, 4, 4), (2, 4, 3, 6, 6)])
def test_rescale_is_the_papers_about_the_mean_for_every_rank(share, shape):
    guided, plain = 3 * pictures(0, shape), pictures(1, shape)
    guided -= guided.mean(tuple(range(1, guided.ndim)), keepdim=True)
    wanted = rescale_noise_cfg(guided, plain, share)
    for mean in (0.0, -0.8):  # paper is -1: most of a digit's pixels
        made = guidance_rescale(still(guided + mean), still(plain - 0.5), share)(guided, T)
        torch.testing.assert_close(made, wanted + mean)


def test_rescale_brings_back_the_spread():
    guided, plain = 3 * pictures(0), pictures(1)
    made = guidance_rescale(still(guided), still(plain), 1.0)(guided, T)
    torch.testing.assert_close(made.flatten(1).std(1), plain.flatten(1).std(1))
    torch.testing.assert_close(made.flatten(1).mean(1), guided.flatten(1).mean(1))
    assert torch.equal(guidance_rescale(still(guided), still(plain), 0.0)(guided, T), guided)


@pytest.mark.parametrize("value", [-1.0, 0.3, 0.1])
def test_rescale_leaves_a_blank_estimate_blank(value):
    """An empty sheet of paper has no spread to bring back: no 0 / 0, and no rounding blown up."""
    blank = torch.full((2, 1, 28, 28), value)
    made = guidance_rescale(still(blank), still(pictures(0, (2, 1, 28, 28))), 1.0)(blank, T)
    torch.testing.assert_close(made, blank, rtol=0, atol=1e-3)
    one = guidance_rescale(still(pictures(0, (3, 1))), still(pictures(1, (3, 1))), 1.0)(None, T)
    torch.testing.assert_close(one, pictures(0, (3, 1)))  # one number has no spread either


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_rescale_refuses_a_share_that_is_none(share):
    with pytest.raises(ValueError, match="share must be a number from 0 to 1"):
        guidance_rescale(still(0), still(1), share)


def test_a_negative_prompt_takes_the_place_of_null():
    def denoise(x, t, prompt):
        return {"thin": 1.0, "thick": 4.0}[prompt] + x

    x = torch.zeros(3, 2)
    away = guide(given(denoise, "thick"), given(denoise, "thin"), 2.0)
    assert (away(x, T) == 7.0).all()
