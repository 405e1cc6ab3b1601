"""Exercises of lesson 03: the posterior, its noise, and DDPM's own letters."""

import math

import torch

from minidiff.course.exercises import exercise
from minidiff.schedules import DDPM, cosine, flow


def noisy_steps():
    # The last step lands on the data, where sigma_s = 0: nothing is left to add.
    return 299


exercise(
    "03.1",
    level=1,
    solution=noisy_steps,
    task="`ddpm` walks from $t = 1$ to $t = 0$ in 300 steps. Set `noisy_steps` to the number of those steps that add "
    "noise.",
    hint="What is `std` when $s = 0$?",
    wrong={
        300: "the last step goes to the data, where sigma_s is 0, and adds none.",
        301: "that is the number of times in `ts`; the steps are the gaps between them.",
        1: "it is the other way round: every step but one adds noise.",
    },
)


def table_places(t, T):
    """Where time t stands in our table (entry 0 is the data) and in diffusers'."""
    entry = round(T * t)
    return entry, entry - 1


def _cuts(t, T):
    return int(T * t), int(T * t) - 1


def _not_rounded(t, T):
    return T * t, T * t - 1


def _rounds_up(t, T):
    return math.ceil(T * t), math.ceil(T * t) - 1


def _same(t, T):
    return round(T * t), round(T * t)


def _other_way(t, T):
    return round(T * t), round(T * t) + 1


def _not_below_zero(t, T):
    return round(T * t), max(round(T * t) - 1, 0)


exercise(
    "03.2",
    level=1,
    solution=table_places,
    inputs=lambda: [(1.0, 1000), (0.001, 1000), (0.29, 100), (0.07, 100), (1 / 3, 1000), (0.0, 50)],
    task="Write `table_places`, which returns two whole numbers for a time `t` and a table of `T` steps: our entry, and "
    "the timestep that diffusers gives the same noise level. (For clean data it has none; the rule gives -1 there.)",
    hint="The closest whole number to `T * t` is our entry; diffusers leaves the clean one out. Try `100 * 0.29`.",
    wrong={
        _cuts: "`int` cuts off: 100 * 0.29 is 28.999..., and becomes 28. Round to the nearest.",
        _not_rounded: "two whole numbers are asked for: round `T * t` to the nearest.",
        _rounds_up: "`ceil` rounds up: 100 * 0.07 is 7.000...01, and becomes 8. Round to the nearest.",
        _same: "diffusers' table has no entry for clean data, so its places are one lower.",
        _other_way: "off by one in the wrong direction: diffusers' last timestep is T - 1.",
        _not_below_zero: "at t = 0 the rule gives -1: diffusers' timestep 0 is our entry 1, not clean data.",
    },
)


def fresh_noise(now, nxt):
    """The standard deviation of the noise that one step from t to s adds."""
    (alpha, sigma), (alpha_s, sigma_s) = now, nxt
    kept = alpha / alpha_s * sigma_s**2 / sigma
    return (sigma_s**2 - kept**2).sqrt()


def _variance(now, nxt):
    return fresh_noise(now, nxt) ** 2


def _subtracts(now, nxt):
    return nxt[1] - _kept(now, nxt)


def _forward(now, nxt):
    (alpha, sigma), (alpha_s, sigma_s) = now, nxt
    return (sigma**2 - (alpha / alpha_s * sigma_s) ** 2).sqrt()


def _kept(now, nxt):
    return now[0] / nxt[0] * nxt[1] ** 2 / now[1]


def _on_a_circle(now, nxt):
    (alpha, _), (alpha_s, _) = now, nxt
    ratio = alpha / alpha_s
    return ((1 - alpha_s**2) / (1 - alpha**2) * (1 - ratio**2)).sqrt()


def _marks(*steps):
    """(now, nxt) for each (schedule, t, s)."""
    return [
        tuple(schedule(torch.tensor(time).double()) for time in pair) for schedule, *pair in steps
    ]


exercise(
    "03.3",
    level=2,
    solution=fresh_noise,
    inputs=lambda: _marks(
        (cosine, 0.9, 0.8),
        (flow, 0.6, 0.2),
        (cosine, 0.3, 0.29),
        (flow, 0.9, 0.5),
        (flow, 0.1, 0.0),
    ),
    task="Write `fresh_noise`, the standard deviation that a step adds, from the noise budget: what "
    "$\\text{on\\_x} = r\\,\\sigma_s^2/\\sigma_t^2$ keeps of the old noise and what is added make up $\\sigma_s$. `now` is "
    "$(\\alpha_t, \\sigma_t)$, `nxt` is $(\\alpha_s, \\sigma_s)$, all four of them tensors.",
    hint="The old noise is `sigma * eps`, and `on_x` multiplies it. Independent noises add as variances.",
    wrong={
        _variance: "that is the variance; the sampler multiplies noise by its square root.",
        _subtracts: "standard deviations do not add up; their squares, the variances, do.",
        _forward: "that is what the forward step from s to t adds: the budget is sigma_s, not sigma_t.",
        _on_a_circle: "1 - alpha^2 is sigma^2 on some schedules only: use the sigmas that are given.",
        _kept: "that is the noise that is kept; asked is what must be added to it.",
    },
)


def mean_from_eps(x, eps_hat, now, nxt):
    """The posterior's mean from a guess of the noise instead of the data."""
    (alpha, sigma), (alpha_s, sigma_s) = now, nxt
    ratio = alpha / alpha_s
    share = 1 - (ratio * sigma_s / sigma) ** 2
    return (x - share * sigma * eps_hat) / ratio


def _plus(x, eps_hat, now, nxt):
    return mean_from_eps(x, -eps_hat, now, nxt)


def _takes_all(x, eps_hat, now, nxt):
    return (x - now[1] * eps_hat) * nxt[0] / now[0]


def _unscaled(x, eps_hat, now, nxt):
    return mean_from_eps(x, eps_hat, now, nxt) * now[0] / nxt[0]


def _alpha_bar(x, eps_hat, now, nxt):
    (alpha, sigma), (alpha_s, sigma_s) = now, nxt
    return mean_from_eps(x, eps_hat, (alpha**2, sigma), (alpha_s**2, sigma_s))


def _swapped(x, eps_hat, now, nxt):
    return mean_from_eps(x, eps_hat, nxt, now)


def _of_algorithm_2(x, eps_hat, now, nxt):
    ratio = now[0] / nxt[0]
    return (x - (1 - ratio**2) / now[1] * eps_hat) / ratio


def _by_weights(x, x0_hat, now, nxt):
    """The posterior's mean for any guess of the data."""
    ratio = now[0] / nxt[0]
    on_x = ratio * (nxt[1] / now[1]) ** 2
    return on_x * x + nxt[0] * (1 - ratio * on_x) * x0_hat


def _no_division(x, eps_hat, now, nxt):
    return _by_weights(x, x - now[1] * eps_hat, now, nxt)


def _weights_exchanged(x, eps_hat, now, nxt):
    x0_hat = (x - now[1] * eps_hat) / now[0]
    return _by_weights(x0_hat, x, now, nxt)


def _keeps_the_noise(x, eps_hat, now, nxt):
    return _takes_all(x, eps_hat, now, nxt) + nxt[1] * eps_hat


def _noisy_points():
    g = torch.Generator().manual_seed(0)
    steps = [(cosine, 0.9, 0.8), (flow, 0.6, 0.2), (cosine, 0.6, 0.2), (flow, 0.3, 0.0)]
    return [
        (*torch.randn(2, n, 2, generator=g, dtype=torch.float64), *marks)
        for n, marks in zip((5, 5, 3, 1), _marks(*steps))
    ]


exercise(
    "03.4",
    level=2,
    solution=mean_from_eps,
    inputs=_noisy_points,
    task="Many networks guess the noise, `eps_hat`, and not the data. Write `mean_from_eps`, the same posterior mean from "
    "`x` and `eps_hat`.",
    hint="Put `x0_hat = (x - sigma * eps_hat) / alpha` into `on_x * x + on_x0 * x0_hat`. It tidies up to one subtraction "
    "and one division by the ratio alpha / alpha_s.",
    wrong={
        _plus: "the guessed noise is taken out, so its sign is minus.",
        _takes_all: "that takes out all of the noise at t; only the share that came in since s goes.",
        _keeps_the_noise: "that puts all of `sigma_s` back as the guessed noise, for a walk without dice; the "
        "posterior's mean keeps less.",
        _no_division: "`x - sigma * eps_hat` is alpha times the data: divide it by alpha to get `x0_hat`.",
        _weights_exchanged: "the weights are exchanged: on_x belongs to `x`, on_x0 to `x0_hat`.",
        _unscaled: "the division by alpha / alpha_s is missing: x at s holds more data than x at t.",
        _of_algorithm_2: "1 - ratio^2 is the paper's beta, right only where alpha^2 + sigma^2 = 1.",
        _alpha_bar: "the ratio is that of alpha, the square root; you took alpha squared, alpha_bar.",
        _swapped: "t and s are swapped: `now` is the noisier time.",
    },
)


def algorithm_2_step(x, eps_hat, k, beta, alpha_bar, z):
    """One step from entry k to entry k - 1, as in Ho et al., algorithm 2."""
    b = beta[k - 1]  # beta has no entry for the data, alpha_bar has
    mean = (x - b / (1 - alpha_bar[k]).sqrt() * eps_hat) / (1 - b).sqrt()
    return mean + b.sqrt() * z if k > 1 else mean


def _always_noise(x, eps_hat, k, beta, alpha_bar, z):
    return algorithm_2_step(x, eps_hat, k, beta, alpha_bar, 0 * z) + beta[k - 1].sqrt() * z


def _adds_eps(x, eps_hat, k, beta, alpha_bar, z):
    return algorithm_2_step(x, -eps_hat, k, beta, alpha_bar, z)


def _next_beta(x, eps_hat, k, beta, alpha_bar, z):
    return algorithm_2_step(x, eps_hat, k, beta.roll(-1), alpha_bar, z)


def _beta_as_std(x, eps_hat, k, beta, alpha_bar, z):
    return algorithm_2_step(x, eps_hat, k, beta, alpha_bar, beta[k - 1].sqrt() * z)


def _earlier_alpha_bar(x, eps_hat, k, beta, alpha_bar, z):
    return algorithm_2_step(x, eps_hat, k, beta, alpha_bar.roll(1), z)


def _noise_inside(x, eps_hat, k, beta, alpha_bar, z):
    mean = algorithm_2_step(x, eps_hat, k, beta, alpha_bar, 0 * z)
    return mean + (beta[k - 1] / (1 - beta[k - 1])).sqrt() * z * (k > 1)


def _beta_tilde(x, eps_hat, k, beta, alpha_bar, z):
    share = (1 - alpha_bar[k - 1]) / (1 - alpha_bar[k])
    return algorithm_2_step(x, eps_hat, k, beta, alpha_bar, share.sqrt() * z)


def _table_steps():
    g = torch.Generator().manual_seed(0)
    long, short = DDPM(T=20, beta_min=0.01, beta_max=0.3), DDPM(T=4, beta_min=0.2, beta_max=0.5)
    steps = ((long, 5, 20), (long, 5, 12), (long, 5, 2), (short, 3, 4), (short, 3, 1))
    return [
        (x, eps_hat, k, table.beta.clone(), table.alpha_bar.clone(), z)
        for table, n, k in steps
        for x, eps_hat, z in [torch.randn(3, n, 2, generator=g, dtype=torch.float64)]
    ]


exercise(
    "03.5",
    level=3,
    solution=algorithm_2_step,
    inputs=_table_steps,
    task="Write `algorithm_2_step`, one step of the sampler as the paper prints it:\n\n"
    "$$x_{k-1} = \\frac{1}{\\sqrt{1 - \\beta_k}}\\Big(x_k - \\frac{\\beta_k}{\\sqrt{1 - \\bar\\alpha_k}}\\,"
    "\\hat\\epsilon\\Big) + \\sqrt{\\beta_k}\\; z, \\qquad z = 0 \\text{ in the last step, } k = 1.$$\n\n"
    "`beta` and `alpha_bar` are the tables of our `DDPM` class, with $T$ and $T + 1$ entries.",
    hint="`alpha_bar[0]` is the data, but `beta[0]` belongs to the first step. And look at what the formula says of z.",
    wrong={
        _always_noise: "the last step, k = 1, must add no noise: it would stay on the samples.",
        _adds_eps: "the guessed noise is subtracted, not added.",
        _next_beta: "off by one: the step from k to k - 1 uses beta[k - 1].",
        _beta_as_std: "beta is a variance: z goes with its square root.",
        _noise_inside: "the noise is added after the division by the root of 1 - beta, not inside the bracket.",
        _beta_tilde: "that adds the posterior's std; the paper's sampler takes the root of beta, a little more.",
        _earlier_alpha_bar: "off by one: alpha_bar has an entry for the data, so x at k uses alpha_bar[k].",
    },
)
