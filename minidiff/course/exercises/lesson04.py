"""Exercises of lesson 04: DDIM, and solvers that need fewer steps."""

import math

import torch

from minidiff.course.exercises import exercise
from minidiff.data.points import eight_gaussians
from minidiff.schedules import flow


def ddim_to(x, x0_hat, alpha, sigma, alpha_s, sigma_s):
    """x at the cleaner time s, from x and x0_hat at t."""
    eps_hat = (x - alpha * x0_hat) / sigma
    return alpha_s * x0_hat + sigma_s * eps_hat


def _noise_with_s(x, x0_hat, alpha, sigma, alpha_s, sigma_s):
    eps_hat = (x - alpha_s * x0_hat) / sigma_s
    return alpha_s * x0_hat + sigma_s * eps_hat


def _swapped(x, x0_hat, alpha, sigma, alpha_s, sigma_s):
    eps_hat = (x - alpha * x0_hat) / sigma
    return sigma_s * x0_hat + alpha_s * eps_hat


def _away(x, x0_hat, alpha, sigma, alpha_s, sigma_s):
    eps_hat = (alpha * x0_hat - x) / sigma
    return alpha_s * x0_hat + sigma_s * eps_hat


def _sigma_of_a_circle(x, x0_hat, alpha, sigma, alpha_s, sigma_s):
    return ddim_to(x, x0_hat, alpha, (1 - alpha**2) ** 0.5, alpha_s, sigma_s)


def _unshrunk(x, x0_hat, alpha, sigma, alpha_s, sigma_s):
    return alpha_s * x0_hat + sigma_s * (x - x0_hat) / sigma


def _steps():
    """Two steps on a circle, one on flow, and flow's last, to the data."""
    generator = torch.Generator().manual_seed(0)
    levels = [
        (0.6, 0.8, 0.96, 0.28),
        (0.28, 0.96, 0.6, 0.8),
        (0.3, 0.7, 0.6, 0.4),
        (0.9, 0.1, 1, 0),
    ]
    return [
        (*torch.randn(2, n, 2, generator=generator), *level)
        for n, level in zip((5, 5, 3, 1), levels)
    ]


exercise(
    "04.1",
    level=1,
    solution=ddim_to,
    inputs=_steps,
    task=r"Write `ddim_to`, one DDIM step: work out $\hat\epsilon$ from `x` and `x0_hat` at $t$, "
    r"then put `x0_hat` and $\hat\epsilon$ together again with $\alpha_s$ and $\sigma_s$.",
    hint="The noise is what is left of x at time t once alpha * x0_hat is taken away, "
    "in units of sigma.",
    wrong={
        _noise_with_s: "that gives x back: eps_hat belongs to the x you have, so alpha and sigma of t make it.",
        _swapped: "alpha_s goes with x0_hat, sigma_s with eps_hat.",
        _sigma_of_a_circle: "sigma is not sqrt(1 - alpha^2) on every schedule: use the argument.",
        _unshrunk: "x holds alpha times the data: take alpha * x0_hat away, not x0_hat.",
        _away: "the sign of eps_hat is wrong: it is x minus alpha * x0_hat, over sigma.",
    },
)


def heun_calls():
    # Two calls a step, but the last step ends at t = 0, where there is nothing left to ask.
    return 2 * 20 - 1


exercise(
    "04.2",
    level=1,
    solution=heun_calls,
    task="How many times does `heun` call the denoiser on a grid of 20 steps that ends at "
    "$t = 0$? Set `heun_calls`.",
    hint="One call where a step starts, one where it ends. Which end is data already?",
    wrong={
        40: "the last step ends at t = 0, where no sampler asks the denoiser.",
        20: "that is one call a step; Heun asks at both ends of a step.",
        21: "Heun asks again at the end of a step, since x there has moved in between.",
    },
)


def order_of(error, error_twice):
    """The order of a solver, from its errors at n and at 2 n steps."""
    return math.log2(error / error_twice)


def _ratio(error, error_twice):
    return error / error_twice


def _upside_down(error, error_twice):
    return math.log2(error_twice / error)


def _natural(error, error_twice):
    return math.log(error / error_twice)


exercise(
    "04.3",
    level=2,
    solution=order_of,
    inputs=lambda: [
        tuple(map(torch.tensor, errors)) for errors in [(0.08, 0.04), (0.12, 0.03), (0.9, 0.1)]
    ],
    task="An error that falls as $n^{-p}$ has order $p$. Write `order_of`, which measures $p$ from "
    "the errors at $n$ and at $2n$ steps.",
    hint="The first error over the second is 2 to the power of p.",
    wrong={
        _ratio: "the ratio is 2 to the power of p; p itself is its logarithm.",
        _upside_down: "the order is positive: divide the larger error, at n steps, by the smaller.",
        _natural: "twice the steps call for the logarithm to base 2, not the natural one.",
    },
)


def added_std(eta, alpha, sigma, alpha_s, sigma_s):
    """The standard deviation of the noise that DDIM adds in a step from t to s."""
    share = 1 - (alpha * sigma_s / (alpha_s * sigma)) ** 2
    return eta * sigma_s * math.sqrt(share)


def _variance(eta, alpha, sigma, alpha_s, sigma_s):
    return eta * sigma_s * (1 - (alpha * sigma_s / (alpha_s * sigma)) ** 2)


def _not_squared(eta, alpha, sigma, alpha_s, sigma_s):
    return eta * sigma_s * math.sqrt(1 - alpha * sigma_s / (alpha_s * sigma))


def _on_a_circle(eta, alpha, sigma, alpha_s, sigma_s):
    share = (1 - alpha_s**2) / (1 - alpha**2) * (1 - alpha**2 / alpha_s**2)
    return eta * math.sqrt(share)


def _in_units_of_t(eta, alpha, sigma, alpha_s, sigma_s):
    return eta * sigma * math.sqrt(1 - (alpha * sigma_s / (alpha_s * sigma)) ** 2)


exercise(
    "04.4",
    level=2,
    solution=added_std,
    inputs=lambda: [
        (1.0, 0.6, 0.8, 0.8, 0.6),
        (0.5, 0.6, 0.8, 0.96, 0.28),
        (0.0, 0.6, 0.8, 0.8, 0.6),
        (1.0, 0.3, 0.7, 0.6, 0.4),
        (1.0, 0.9, 0.1, 1.0, 0.0),
    ],
    task="Write `added_std`: the standard deviation of the noise that a DDIM step adds at a given "
    r"`eta`, $\eta\,\sigma_s\sqrt{1 - (\alpha\sigma_s / (\alpha_s\sigma))^2}$. All arguments are "
    "plain numbers.",
    hint="Work out the share under the root first. `math.sqrt(a)` is `a ** 0.5`.",
    wrong={
        _variance: "the square root is missing: a standard deviation, not a variance, is asked for.",
        _not_squared: "the ratio under the root has to be squared.",
        _on_a_circle: "1 - alpha^2 is sigma^2 on some schedules only: use the sigmas that are given.",
        _in_units_of_t: "the noise is a part of sigma_s, the noise that x has after the step.",
    },
)


def ahead(x0_hat, before, lam, lam_before, lam_s):
    """The estimate of x0 in the middle of the step from lam to lam_s."""
    slope = (x0_hat - before) / (lam - lam_before)
    return x0_hat + slope * (lam_s - lam) / 2


def _backwards(x0_hat, before, lam, lam_before, lam_s):
    return x0_hat - (x0_hat - before) / (lam - lam_before) * (lam_s - lam) / 2


def _to_the_end(x0_hat, before, lam, lam_before, lam_s):
    return x0_hat + (x0_hat - before) / (lam - lam_before) * (lam_s - lam)


def _even_steps(x0_hat, before, lam, lam_before, lam_s):
    return x0_hat + (x0_hat - before) / 2


def _from_before(x0_hat, before, lam, lam_before, lam_s):
    return before + (x0_hat - before) / (lam - lam_before) * (lam_s - lam) / 2


def _estimates():
    generator = torch.Generator().manual_seed(1)
    times = [(1, (0.0, -1.0, 0.5)), (4, (1.0, 0.6, 2.6))]
    return [(*torch.randn(2, n, 2, generator=generator), *lams) for n, lams in times]


exercise(
    "04.5",
    level=2,
    solution=ahead,
    inputs=_estimates,
    task=r"Write `ahead`, the memory of 2M: draw a line through the last two estimates, `before` at "
    r"$\lambda_\mathrm{before}$ and `x0_hat` at $\lambda$, and read it off in the middle of the "
    r"coming step, which ends at $\lambda_s$.",
    hint="Slope first: how much the estimate changed, over how far lam went. The middle of the step "
    "lies half a step beyond lam.",
    wrong={
        _backwards: "the line is followed forwards, in the direction of the last change: a plus.",
        _to_the_end: "that is the line at the end of the step; the average lies in its middle.",
        _even_steps: "this is right only if both steps are equally long in lam.",
        _from_before: "the line starts from the newest estimate, x0_hat.",
    },
)


def heun_flow(denoise, x, t, s):
    """One Heun step from t to s > 0 on the flow schedule, alpha = 1 - t, sigma = t."""
    velocity = (x - denoise(x, t)) / t
    end = x + (s - t) * velocity
    velocity_end = (end - denoise(end, s)) / s
    return x + (s - t) * (velocity + velocity_end) / 2


def _asks_at_the_start(denoise, x, t, s):
    velocity, velocity_end = (x - denoise(x, t)) / t, (x - denoise(x, s)) / s
    return x + (s - t) * (velocity + velocity_end) / 2


def _only_the_end(denoise, x, t, s):
    end = x + (s - t) * (x - denoise(x, t)) / t
    return x + (s - t) * (end - denoise(end, s)) / s


def _euler(denoise, x, t, s):
    return x + (s - t) * (x - denoise(x, t)) / t


def _stays_in_time(denoise, x, t, s):
    velocity = (x - denoise(x, t)) / t
    end = x + (s - t) * velocity
    return x + (s - t) * (velocity + (end - denoise(end, t)) / t) / 2


def _time_rises(denoise, x, t, s):
    velocity = (x - denoise(x, t)) / t
    end = x + (t - s) * velocity
    return x + (t - s) * (velocity + (end - denoise(end, s)) / s) / 2


def _goes_on_from_end(denoise, x, t, s):
    end = x + (s - t) * (x - denoise(x, t)) / t
    return end + (s - t) * (end - denoise(end, s)) / s


def _mixture():
    generator = torch.Generator().manual_seed(0)
    denoise = eight_gaussians().denoiser(flow)
    return [
        (denoise, torch.randn(n, 2, generator=generator), torch.tensor(t), torch.tensor(s))
        for n, t, s in [(6, 0.8, 0.5), (6, 0.4, 0.3), (1, 1.0, 0.9)]
    ]


exercise(
    "04.6",
    level=3,
    solution=heun_flow,
    inputs=_mixture,
    task=r"On the flow schedule $\alpha = 1 - t$, $\sigma = t$ the line integral has a velocity, "
    r"$dx/dt = \hat\epsilon - \hat x_0 = (x - \hat x_0) / t$. Write `heun_flow`: step with the "
    "velocity at $t$, ask for the velocity there, at $s$, and step again from `x` with the average "
    "of the two. `denoise(x, t)` returns `x0_hat`.",
    hint="Three lines before the return: velocity, end, velocity_end; the last one is at the point "
    "`end` and at the time `s`. Time falls, so s - t is negative.",
    wrong={
        _asks_at_the_start: "the second velocity is that of the point reached, not of x.",
        _only_the_end: "only the second velocity is used; Heun takes the average of both.",
        _euler: "that is the first-order step alone; its velocity is still to be averaged.",
        _stays_in_time: "the second velocity belongs to the time s, not t.",
        _time_rises: "time falls, so the step is s - t, a negative number.",
        _goes_on_from_end: "that makes two whole steps; average the velocities, step once from x.",
    },
)
