"""Exercises of lesson 01: the forward process."""

import torch

from minidiff.course.exercises import exercise
from minidiff.schedules import DDPM, cosine, flow


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


def time_of(schedule, lam):
    """The time t, a number, at which log(alpha / sigma) of the schedule is lam."""
    low, high = 0.0, 1.0
    for _ in range(30):
        t = (low + high) / 2
        alpha, sigma = schedule(torch.tensor(t))
        if (alpha / sigma).log() > lam:
            low = t
        else:
            high = t
    return t


def _time_of_power(schedule, lam):
    return time_of(schedule, lam / 2)


def _time_of_upside_down(schedule, lam):
    return time_of(schedule, -lam)


def _time_of_other_half(schedule, lam):
    low, high = 0.0, 1.0
    for _ in range(30):
        t = (low + high) / 2
        alpha, sigma = schedule(torch.tensor(t))
        low, high = (low, t) if (alpha / sigma).log() > lam else (t, high)
    return t


def _time_of_cosine(schedule, lam):
    return time_of(cosine, lam)


exercise(
    "01.3",
    level=2,
    solution=time_of,
    inputs=lambda: [(flow, 1.0), (cosine, -0.5), (DDPM(), -2.0), (flow, -3.0), (cosine, 0.9)],
    rtol=5e-3,
    task=r"Write `time_of`: at which time does a schedule reach the log signal-to-noise ratio "
    r"$\lambda$? Find it to three digits, for any schedule. ($\lambda$ falls as $t$ grows: try the "
    r"middle, and see in which half the answer lies.) Then choose a $\lambda$, noise `digit` by each of "
    r"the three schedules at its own time, and look at $x_t / \alpha$: can you tell them apart?",
    hint="Keep a low and a high end, 0 and 1. If the ratio in the middle is still above lam, the "
    "middle becomes the low end, otherwise the high one. Ten halvings give three digits.",
    wrong={
        _time_of_power: "that is the time for alpha^2 / sigma^2, the ratio of the powers.",
        _time_of_upside_down: "that is the time for log(sigma / alpha): signal over noise, please.",
        _time_of_other_half: "where the ratio is still too large, the answer is a later time.",
        _time_of_cosine: "call the `schedule` that is given, not `cosine`: others come too.",
    },
)


def best_guess(x, known, alpha, sigma):
    """The believed average of known x0 (N, D) for noisy x (B, D): (B, D)."""
    squares = torch.cdist(x, alpha * known).square()
    return (-squares / (2 * sigma**2)).softmax(1) @ known


def _best_guess_nearest(x, known, alpha, sigma):
    return known[torch.cdist(x, alpha * known).argmin(1)]


def _best_guess_mean(x, known, alpha, sigma):
    return known.mean(0).expand_as(x)


def _best_guess_unshrunk(x, known, alpha, sigma):
    return best_guess(x, known / alpha, alpha, sigma) * alpha


def _weighing(exponent):
    """A guess whose weights come from another exponent of the noise's length and sigma."""
    return lambda x, known, alpha, sigma: (
        exponent(torch.cdist(x, alpha * known), sigma).softmax(1) @ known
    )


_best_guess_not_squared = _weighing(lambda length, sigma: -length / (2 * sigma**2))
_best_guess_no_two = _weighing(lambda length, sigma: -((length / sigma) ** 2))
_best_guess_sigma = _weighing(lambda length, sigma: -(length**2) / (2 * sigma))
_best_guess_farthest = _weighing(lambda length, sigma: length**2 / (2 * sigma**2))


def _guessing():
    generator = torch.Generator().manual_seed(3)
    runs = []
    for b, n, d, level in ((4, 6, 2, (0.6, 0.8)), (3, 5, 4, (0.7, 0.3)), (1, 3, 2, (0.3, 0.7))):
        draw = torch.randn(b + n, d, generator=generator)
        runs.append((draw[:b], draw[b:], *map(torch.tensor, level)))
    return runs


exercise(
    "01.4",
    level=2,
    solution=best_guess,
    inputs=_guessing,
    task=r"The comparing reader votes for a label. Let it paint instead: write `best_guess`, the "
    r"*average* of the known $x_0$, each weighted by how much it is believed. Predict: what will it "
    r"paint for pure static? A random digit? Grey? Then noise `digit` with `cosine` at "
    r"$t$ = 0.3, 0.5, 0.7, 0.9 and 1, and look at the guesses with `viz.images`, beside what they were "
    r"made from. (Lesson 02 says why this average is the best possible answer.)",
    hint="`torch.cdist(x, alpha * known).square()` are the squared lengths of the noises; a bell over "
    "them, scaled to sum up to 1, is a softmax; the average is a matrix product with `known`.",
    wrong={
        _best_guess_nearest: "that is the most believed one alone; the others count, too.",
        _best_guess_mean: "that ignores x: the weights depend on what is seen.",
        _best_guess_unshrunk: "the data in x are shrunk: compare x with alpha * known.",
        _best_guess_not_squared: "the bell curve has the square of the distance in its exponent.",
        _best_guess_no_two: "the exponent of the bell is r^2 over *two* sigma^2.",
        _best_guess_sigma: "the distance is measured in sigmas: divide its square by sigma^2.",
        _best_guess_farthest: "the nearer the more believed: the exponent is negative.",
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
