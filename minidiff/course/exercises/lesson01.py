"""Exercises of lesson 01: the forward process."""

import torch

from minidiff.course.exercises import exercise
from minidiff.schedules import cosine, flow


def std_of_sum():
    # Variances add: 5 ** 2 + 12 ** 2 = 169, and the standard deviation is its square root.
    return 13


exercise(
    "01.1",
    level=1,
    solution=std_of_sum,
    task="One noise has standard deviation 5, another, drawn independently, has 12. What is the "
    "standard deviation of their sum? Put the number in place of the dots.",
    hint="Which of the two adds up, the standard deviation or its square, the variance?",
    wrong={
        17: "standard deviations do not add, variances do.",
        169: "that is the variance of the sum; its square root is asked for.",
        7: "independent noises never cancel on average, even when one is subtracted.",
        8.5: "noises were added, not averaged.",
    },
)


def noised(x0, eps, alpha_bar):
    """x_t in one jump; x0 and eps have the same shape, alpha_bar is a number in 0..1."""
    return alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * eps


def _noised_without_roots(x0, eps, alpha_bar):
    return alpha_bar * x0 + (1 - alpha_bar) * eps


def _noised_subtracts(x0, eps, alpha_bar):
    return alpha_bar**0.5 * x0 - (1 - alpha_bar) ** 0.5 * eps


def _noised_swapped(x0, eps, alpha_bar):
    return (1 - alpha_bar) ** 0.5 * x0 + alpha_bar**0.5 * eps


def _noised_weights_add_to_one(x0, eps, alpha_bar):
    return alpha_bar**0.5 * x0 + (1 - alpha_bar**0.5) * eps


def _points(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 4, 2, generator=generator).unbind()


def _at(schedule, *times, seed=0):
    x, eps = _points(seed)
    return schedule, x, *map(torch.tensor, times), eps


exercise(
    "01.2",
    level=1,
    solution=noised,
    inputs=lambda: [
        (*_points(seed), torch.tensor(alpha_bar))
        for seed, alpha_bar in enumerate([0.64, 0.1, 1.0, 0.0])
    ],
    task=r"Write `noised`, which takes clean data $x_0$ and noise $\epsilon$ to $x_t$ in one "
    r"jump, given DDPM's $\bar\alpha_t$.",
    hint=r"$\bar\alpha_t$ is a share of the variance; what multiplies data and noise is a root.",
    wrong={
        _noised_without_roots: "alpha_bar and 1 - alpha_bar are variances: take their roots.",
        _noised_subtracts: "the noise is added, not subtracted.",
        _noised_swapped: "data and noise are swapped: alpha_bar is the share of the data.",
        _noised_weights_add_to_one: "sigma is not 1 - alpha: it is the squares that add up to 1.",
    },
)


def alpha_bars(beta):
    """The table alpha_bar (T + 1,) of betas (T,); entry 0 stands for the data."""
    return torch.cat([torch.ones(1), (1 - beta).cumprod(0)])


def _alpha_bars_off_by_one(beta):
    return (1 - beta).cumprod(0)


def _alpha_bars_sums(beta):
    return 1 - torch.cat([torch.zeros(1), beta.cumsum(0)])


def _alpha_bars_of_beta(beta):
    return torch.cat([torch.ones(1), beta.cumprod(0)])


def _alpha_bars_rooted(beta):
    return alpha_bars(beta).sqrt()


exercise(
    "01.3",
    level=2,
    solution=alpha_bars,
    inputs=lambda: [(torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5]),), (torch.tensor([0.25]),)],
    task=r"Write `alpha_bars`, which turns the $T$ numbers $\beta_1, \ldots, \beta_T$ into the "
    r"table $\bar\alpha_0, \bar\alpha_1, \ldots, \bar\alpha_T$.",
    hint="Each step keeps 1 - beta of the signal's variance; before the first step all is left.",
    wrong={
        _alpha_bars_off_by_one: "entry 0, the untouched data with alpha_bar = 1, is missing.",
        _alpha_bars_sums: "each step keeps a share of what is left: multiply, do not sum.",
        _alpha_bars_of_beta: "that multiplies the betas; what a step keeps is 1 - beta.",
        _alpha_bars_rooted: "that is alpha, the square root of alpha_bar.",
    },
)


def recovered(schedule, x, t, eps):
    """x0 from x at time t and the noise eps that is in it; x, eps (B, *), t a 0-dim tensor."""
    alpha, sigma = schedule(t)
    return (x - sigma * eps) / alpha


def _recovered_unscaled(schedule, x, t, eps):
    return x - schedule(t)[1] * eps


def _recovered_adds(schedule, x, t, eps):
    alpha, sigma = schedule(t)
    return (x + sigma * eps) / alpha


def _recovered_divides_x_only(schedule, x, t, eps):
    alpha, sigma = schedule(t)
    return x / alpha - sigma * eps


def _recovered_raw_noise(schedule, x, t, eps):
    return (x - eps) / schedule(t)[0]


def _recovered_circle(schedule, x, t, eps):
    alpha, _ = schedule(t)
    return (x - (1 - alpha**2).sqrt() * eps) / alpha


def _recovered_cosine(schedule, x, t, eps):
    return recovered(cosine, x, t, eps)


exercise(
    "01.4",
    level=2,
    solution=recovered,
    inputs=lambda: [_at(cosine, 0.3), _at(flow, 0.3, seed=1), _at(flow, 0.9), _at(cosine, 0.0)],
    task=r"Write `recovered`, the jump backwards: given $x_t$, $t$ and the noise $\epsilon$ "
    r"that is in it, return $x_0$.",
    hint=r"Solve $x_t = \alpha x_0 + \sigma \epsilon$ for $x_0$.",
    wrong={
        _recovered_unscaled: "the noise is gone, but the data are still shrunk by alpha.",
        _recovered_adds: "the noise was added on the way there, so it is subtracted on the way back.",
        _recovered_divides_x_only: "divide all of x - sigma eps by alpha, the noise too.",
        _recovered_raw_noise: "x holds sigma times eps, not eps itself.",
        _recovered_circle: "sigma is not sqrt(1 - alpha^2) on every schedule: ask `schedule`.",
        _recovered_cosine: "call the `schedule` that is given, not `cosine`: others come too.",
    },
)


def further(schedule, x, s, t, eps):
    """x at the noisier time t, from x at time s and fresh noise eps; x, eps (B, *), s < t."""
    (alpha_s, sigma_s), (alpha, sigma) = schedule(s), schedule(t)
    ratio = alpha / alpha_s
    return ratio * x + (sigma**2 - (ratio * sigma_s) ** 2).sqrt() * eps


def _further_subtracts_sigmas(schedule, x, s, t, eps):
    (alpha_s, sigma_s), (alpha, sigma) = schedule(s), schedule(t)
    ratio = alpha / alpha_s
    return ratio * x + (sigma - ratio * sigma_s) * eps


def _further_without_root(schedule, x, s, t, eps):
    (alpha_s, sigma_s), (alpha, sigma) = schedule(s), schedule(t)
    ratio = alpha / alpha_s
    return ratio * x + (sigma**2 - (ratio * sigma_s) ** 2) * eps


def _further_forgets_shrinking(schedule, x, s, t, eps):
    (alpha_s, sigma_s), (alpha, sigma) = schedule(s), schedule(t)
    return alpha / alpha_s * x + (sigma**2 - sigma_s**2).sqrt() * eps


def _further_circle(schedule, x, s, t, eps):
    ratio = schedule(t)[0] / schedule(s)[0]
    return ratio * x + (1 - ratio**2).sqrt() * eps


def _further_cosine(schedule, x, s, t, eps):
    return further(cosine, x, s, t, eps)


def _further_sigma_of_t(schedule, x, s, t, eps):
    return schedule(t)[0] / schedule(s)[0] * x + schedule(t)[1] * eps


def _further_from_data(schedule, x, s, t, eps):
    alpha, sigma = schedule(t)
    return alpha * x + sigma * eps


exercise(
    "01.5",
    level=3,
    solution=further,
    inputs=lambda: [
        _at(cosine, 0.2, 0.7),
        _at(flow, 0.3, 0.6, seed=1),
        _at(flow, 0.5, 1.0),
        _at(cosine, 0.0, 0.6, seed=1),
    ],
    task=r"Write `further`, which carries $x_s$ on to a noisier time $t$ without going back to the "
    r"data: $x_t = r\,x_s + \text{(some)}\,\epsilon$. Which $r$, and how much noise?",
    hint=r"Shrink by $r = \alpha_t / \alpha_s$, so that the signal fits. The old noise shrinks "
    r"with it, to a variance of $r^2 \sigma_s^2$: what is missing to $\sigma_t^2$?",
    wrong={
        _further_subtracts_sigmas: "variances are subtracted, not standard deviations.",
        _further_without_root: "that is the variance of the noise to add: take its square root.",
        _further_forgets_shrinking: "the noise that is already in x shrinks too, by r.",
        _further_circle: "1 - r^2 is right only where alpha^2 + sigma^2 = 1, which flow does without.",
        _further_cosine: "call the `schedule` that is given, not `cosine`: others come too.",
        _further_sigma_of_t: "sigma_t is all the noise that x_t holds; part of it is in x_s already.",
        _further_from_data: "that treats x_s as clean data: it has lost part of its signal already.",
    },
)
