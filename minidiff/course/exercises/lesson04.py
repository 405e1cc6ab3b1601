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


def heun_steps():
    # 2 n - 1 calls for n steps: the last step ends at t = 0, where there is nothing left to ask.
    return (31 + 1) // 2


exercise(
    "04.2",
    level=1,
    solution=heun_steps,
    task="You may pay for 31 network calls. How many steps of `heun` do they buy on a grid that ends at "
    "$t = 0$? Set `heun_steps`.",
    hint="One call where a step starts, one where it ends. Which end is data already?",
    wrong={
        15: "one more: the last step ends at t = 0, where no sampler asks the denoiser, and costs one call.",
        31: "that is one call a step; Heun asks at both ends of a step.",
        30: "Heun asks at both ends of a step, so the calls do not reach for nearly as many steps.",
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


def least_eta():
    # For two sets of 2048 noises: 0.18, 0.4, 1.0, 1.7 and 2.3 at the five values.
    return 0.3


exercise(
    "04.4",
    level=2,
    solution=least_eta,
    task=r"An experiment: how much noise makes a point forget where it came from? Make the roll of section 3 with "
    r"`generate(partial(ddim, eta=eta), uniform_grid(40))`, always from the same noises and dice, for $\eta$ = 0, 0.05, 0.1, 0.2, 0.3 and "
    r"0.5. Draw the rolls in the `colours` of section 3, and measure how far each end lies from that of $\eta = 0$. Which is the least "
    r"$\eta$ of these at which the median is more than 1.3?",
    hint="`(ends[eta] - ends[0]).norm(dim=1).median()`, with the roll of each eta in `ends`.",
    wrong={
        0: "at eta 0 no noise is added, and the ends are the same.",
        0.05: "at 0.05 half of the ends lie within 0.2.",
        0.1: "at 0.1 half of the ends lie within 0.4.",
        0.2: "at 0.2 the median is about 1: nearly.",
        0.5: "at 0.5 it is 2.3, but a smaller eta will do.",
    },
)


def noise_ratios(n, top, bottom, rho):
    """(n + 1,) ratios sigma / alpha, from top down to bottom, and then 0."""
    # On the roll about 985 points of a thousand are strays with rho = 1, 75 with 3, and 1 with 7.
    k = torch.arange(n) / (n - 1)
    ratios = (top ** (1 / rho) + k * (bottom ** (1 / rho) - top ** (1 / rho))) ** rho
    return torch.cat([ratios, torch.zeros(1)])


def _no_data(n, top, bottom, rho):
    return noise_ratios(n, top, bottom, rho)[:-1]


def _upwards(n, top, bottom, rho):
    return torch.cat([noise_ratios(n, bottom, top, rho)[:-1], torch.zeros(1)])


def _one_short(n, top, bottom, rho):
    return torch.cat([noise_ratios(n + 1, top, bottom, rho)[:-2], torch.zeros(1)])


def _even(n, top, bottom, rho):
    return noise_ratios(n, top, bottom, 1)


def _root_twice(n, top, bottom, rho):
    return noise_ratios(n, top, bottom, 1 / rho)


def _even_logarithms(n, top, bottom, rho):
    return torch.cat([torch.linspace(math.log(top), math.log(bottom), n).exp(), torch.zeros(1)])


def _grids():
    return [(5, 80.0, 0.01, 7.0), (3, 30.0, 0.05, 3.0), (2, 1000.0, 0.1, 1.0), (8, 4.0, 0.5, 2.0)]


exercise(
    "04.5",
    level=2,
    solution=noise_ratios,
    inputs=_grids,
    task=r"The compromise of Karras et al. (2022): take the root $\rho$ of the ratio $\sigma / \alpha$, make `n` values of "
    "it in even steps from `top` to `bottom`, both included, and raise them to the power again; after them comes 0. Write "
    "`noise_ratios`, `n + 1` numbers. **Then look**: `ts = torch.atan(noise_ratios(10, 30, 0.01, rho)) / math.acos(1e-3)` makes a "
    "grid for the cosine schedule. Draw the roll of `heun` with it for a `rho` of 1, 3 and 7, and count `strays(three(heun, ts))` for each.",
    hint="`torch.linspace` makes even steps between two roots; both ends are among the `n`.",
    wrong={
        _no_data: "the 0 at the end is missing: the last step has to reach the data.",
        _upwards: "noise falls while we generate: from top down to bottom.",
        _one_short: "bottom itself is among the n values; the 0 comes after it.",
        _root_twice: "first the root, ** (1 / rho), then the power, ** rho, not the other way about.",
        _even_logarithms: "these are even steps of the logarithm, the log-SNR grid: rho is not used.",
        _even: "these are even steps of the ratio itself: take the root first.",
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
