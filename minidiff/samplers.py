"""Samplers: from noise to data, one step at a time.

Every sampler is a generator `sampler(denoise, schedule, x, ts, ...)`:

    denoise     callable (x, t) -> x0_hat, (B, *) and () -> (B, *)
    schedule    callable t -> (alpha, sigma)
    x           (B, *), the start: `schedule(ts[0])[1] * noise`
    ts          (n + 1,), decreasing times in [0, 1]

It yields n pairs (x, x0_hat): x after each step, and the estimate of the data that made it. The
shape of x is its own affair: points, pictures and clips pass through the same lines. UserError if
ts does not decrease, or so little that log-SNR does not grow. A sampler that draws noise on its way
takes `noise`, a callable x -> eps; the same x and the same noise give the same result.
"""

from functools import partial
from inspect import signature

import torch

from .checks import check_number
from .errors import UserError
from .schedules import check_times


def stepper(schedule, ts):
    """Yield (t, now, nxt) for every step t -> s, with now = (alpha, sigma) at t, nxt the same at s."""
    ts = check_times(ts)
    if ts.ndim != 1 or len(ts) < 2:
        raise UserError(f"ts must be two or more decreasing times, got shape {tuple(ts.shape)}")
    check_grows("ts must be a decreasing sequence", -ts, ts)
    alphas, sigmas = schedule(ts)
    check_grows("ts must let log-SNR grow", alphas / sigmas, ts)
    marks = list(zip(alphas.unbind(), sigmas.unbind()))
    return zip(ts, marks, marks[1:])


def check_grows(rule, values, ts):
    """UserError, naming the first bad step, unless each of the values, one a time, exceeds the last."""
    bad = ~(values[1:] > values[:-1])
    if bad.any():
        step = int(bad.nonzero()[0])
        raise UserError(f"{rule}; step {step + 1} goes from t = {ts[step]:g} to {ts[step + 1]:g}")


def ddim_step(x, x0_hat, now, nxt):
    """x at the next time if x0_hat holds still on the way; DDIM's step (Song et al. 2021, eq. 12).

    It is alpha_s x0_hat + sigma_s eps_hat with eps_hat = (x - alpha x0_hat) / sigma, multiplied out.
    """
    (alpha, sigma), (alpha_s, sigma_s) = now, nxt
    keep = sigma_s / sigma
    return keep * x + (alpha_s - keep * alpha) * x0_hat


def posterior(now, nxt):
    """q(x_s | x_t, x0): its mean is `on_x * x_t + on_x0 * x0`, its standard deviation `std`.

    Returns (on_x, on_x0, std) (Ho et al. 2020, eqs. 6-7; Kingma et al. 2021, eq. 25 for any t, s).
    """
    (alpha, sigma), (alpha_s, sigma_s) = now, nxt
    ratio = alpha / alpha_s
    on_x = ratio * (sigma_s / sigma).square()
    # Of the noise variance at t, what was added between s and t; rounding must not make it negative.
    share = (1 - ratio * on_x).clamp(min=0)
    return on_x, alpha_s * share, sigma_s * share.sqrt()


def noise_from(generator):
    """A sampler's `noise`, x -> eps: standard normal, drawn from one generator on the CPU."""

    def noise(x):
        dtype = torch.promote_types(x.dtype, torch.float32)
        return torch.randn(x.shape, generator=generator, dtype=dtype).to(x)

    return noise


def with_noise(sampler, noise):
    """The sampler with its `noise` given, if it takes any and nobody has given it before."""
    given = "noise" in getattr(sampler, "keywords", {})  # of a functools.partial
    takes = "noise" in signature(sampler).parameters
    return partial(sampler, noise=noise) if takes and not given else sampler


@torch.no_grad()
def ddpm(denoise, schedule, x, ts, noise=torch.randn_like):
    """Ancestral sampling: draw x_s from q(x_s | x_t, x0_hat) (Ho et al. 2020, algorithm 2)."""
    for t, now, nxt in stepper(schedule, ts):
        x0_hat = denoise(x, t)
        on_x, on_x0, std = posterior(now, nxt)
        x = on_x * x + on_x0 * x0_hat
        if std > 0:  # the last step, to the data, adds none
            x += std * noise(x)
        yield x, x0_hat


@torch.no_grad()
def ddim(denoise, schedule, x, ts, eta=0.0, noise=torch.randn_like):
    """Walk along eps_hat; eta = 0 adds no noise, eta = 1 as much as `ddpm` (Song et al. 2021, eq. 12).

    UserError for an eta outside 0..1: there is no more noise than that to draw anew.
    """
    check_number("eta", eta, 0, 1)
    for t, now, nxt in stepper(schedule, ts):
        x0_hat = denoise(x, t)
        std = 0
        if eta:  # that much of the noise is drawn anew
            (alpha_s, sigma_s), std = nxt, eta * posterior(now, nxt)[2]
            nxt = alpha_s, (sigma_s.square() - std.square()).sqrt()
        x = ddim_step(x, x0_hat, now, nxt)
        if std > 0:
            x += std * noise(x)
        yield x, x0_hat


@torch.no_grad()
def heun(denoise, schedule, x, ts):
    """Trapezoid rule for dx = x0_hat dalpha + eps_hat dsigma (Karras et al. 2022, algorithm 1).

    Second order, two denoiser calls a step; the step to the data has no estimate at its far end
    and stays first order.
    """

    def slopes(x, t, alpha, sigma):
        x0_hat = denoise(x, t)
        return x0_hat, (x - alpha * x0_hat) / sigma

    for (t, now, nxt), s in zip(stepper(schedule, ts), ts[1:]):
        x0_hat, eps_hat = slopes(x, t, *now)
        dalpha, dsigma = nxt[0] - now[0], nxt[1] - now[1]
        end = x + x0_hat * dalpha + eps_hat * dsigma
        if s > 0:
            x0_end, eps_end = slopes(end, s, *nxt)
            end = x + (x0_hat + x0_end) / 2 * dalpha + (eps_hat + eps_end) / 2 * dsigma
        x = end
        yield x, x0_hat


@torch.no_grad()
def dpmpp_2m(denoise, schedule, x, ts):
    """DPM-Solver++(2M): DDIM's step with x0_hat extrapolated in log-SNR (Lu et al. 2022, algorithm 2).

    Second order, one denoiser call a step; the first step and the one to the data are first order.
    """
    before, lam_before = None, None
    for t, now, nxt in stepper(schedule, ts):
        x0_hat = denoise(x, t)
        lam, lam_s = ((alpha / sigma).log() for alpha, sigma in (now, nxt))
        ahead = x0_hat
        if before is not None and nxt[1] > 0:
            ahead = x0_hat + (x0_hat - before) * (lam_s - lam) / (2 * (lam - lam_before))
        x = ddim_step(x, ahead, now, nxt)
        before, lam_before = x0_hat, lam
        yield x, x0_hat


@torch.no_grad()
def consistency(denoise, schedule, x, ts, noise=torch.randn_like):
    """Guess the data, add fresh noise, guess again (Song et al. 2023, algorithm 1).

    For denoisers that guess well at once, such as students of `training.distillation`.
    """
    for t, _, (alpha_s, sigma_s) in stepper(schedule, ts):
        x0_hat = denoise(x, t)
        x = alpha_s * x0_hat + sigma_s * noise(x) if sigma_s > 0 else x0_hat
        yield x, x0_hat


def last(steps):
    """The finished sample: x of the last pair that a sampler yields."""
    for x, _ in steps:
        pass
    return x
