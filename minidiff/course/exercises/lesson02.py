"""The exercises of lesson 02, learning to denoise."""

import torch

import minidiff
from minidiff.course.exercises import exercise


def turned(x, v, angle):
    """Where x, moving with velocity v, is `angle` (a tensor, ()) further on; x and v (B, 2)."""
    return angle.cos() * x + angle.sin() * v


def _straight_on(x, v, angle):
    return x + angle * v


def _exchanged(x, v, angle):
    return angle.sin() * x + angle.cos() * v


def _turned_back(x, v, angle):
    return angle.cos() * x - angle.sin() * v


def _arcs():
    """Both ways round, a quarter, not at all; two sizes."""
    g, angles = (
        torch.Generator().manual_seed(0),
        [(5, 0.3), (5, -0.8), (3, torch.pi / 2), (1, 0.0), (4, 2.0)],
    )
    return [(*torch.randn(2, n, 2, generator=g), torch.tensor(angle)) for n, angle in angles]


exercise(
    "02.1",
    level=1,
    solution=turned,
    inputs=_arcs,
    task=r"On the cosine schedule a point that starts at $x_0$ with velocity $\epsilon$ is at $\cos\phi\; x_0 + "
    r"\sin\phi\; \epsilon$ after the angle $\phi$ (section 5). Its way has no special start: from $x_t$, where its "
    "velocity is v, it goes on by the same rule. Write `turned`. **Then walk** back from `model.noise(600)`: at "
    r"$t$ = 1, 0.9, ..., 0.1 ask `exact_v` for v, and turn by $-\pi/20$. How many of the 600 points end within $3 \cdot 0.15$ "
    "of a centre? And how many if it is `plain` that is asked?",
    hint="x plays the part of x0, v that of eps, and the angle is what is turned from here on. For the walk: "
    "`t = torch.full((600,), 1 - k / 10)`, under `torch.no_grad()`; section 9 counts who is near.",
    wrong={
        _straight_on: "that goes straight on along the velocity; the way is bent.",
        _exchanged: "at angle 0 nothing has moved yet: the cosine goes with x.",
        _turned_back: "a small positive angle moves x the way that v points.",
    },
)


def best_guess():
    # The average of what it could have been: 0.1 * (-1) + 0.3 * 0 + 0.6 * 2.
    return 1.1


exercise(
    "02.2",
    level=1,
    solution=best_guess,
    task="A noisy number could have come from $-1$ (probability 0.1), from $0$ (0.3) or from $2$ "
    "(0.6). Which single guess `best_guess` has the smallest mean squared error? **Then punish** otherwise: "
    r"draw, as in section 2, the mean of $\lvert c - m \rvert$, unsquared, over guesses from $-1$ to 2. Where is it lowest, "
    "and is that still a guess that never occurs?",
    hint="Which point of the parabola in section 2 was the lowest? Here are three answers, not two.",
    wrong={
        2: "that is the most probable answer; squared error asks for the average.",
        1 / 3: "that is the average without the probabilities.",
        0: "that is the answer in the middle; squared error asks for the average.",
    },
)


def weight_of_x0(a, b, alpha, sigma):
    """What the squared error of x0_hat is multiplied by to give that of out."""
    return ((alpha * b - sigma * a) / sigma) ** 2


def _factor(a, b, alpha, sigma):
    return (sigma / (alpha * b - sigma * a)) ** 2


def _wrong_sign(a, b, alpha, sigma):
    return weight_of_x0(-a, b, alpha, sigma)


def _no_noise(a, b, alpha, sigma):
    return (alpha * b - sigma * a) ** 2


def _weight_on_a_circle(a, b, alpha, sigma):
    return weight_of_x0(a, b, alpha, (1 - alpha**2) ** 0.5)


def _questions():
    """Whatever may be asked, at levels of a circle and of the straight line, nearly the end too."""
    g, levels = torch.Generator().manual_seed(0), [(0.8, 0.6), (0.28, 0.96), (0.7, 0.3), (0.01, 1)]
    return [(*torch.randn(2, 6, generator=g), *level) for level in levels]


exercise(
    "02.3",
    level=2,
    solution=weight_of_x0,
    inputs=_questions,
    task=r"A network is trained on the squared error of its `out` $= a\,x_0 + b\,\epsilon$. In terms of $\hat x_0$, "
    "which is read off it, that is the squared error of $\\hat x_0$ times a weight. Write `weight_of_x0`: this weight. **Then draw** it with `viz.curve` over "
    "`grid` of section 5, logarithmic, for eps, x0 and v. At $t = 0.1$, how many times more does an error of "
    r"$\hat x_0$ count than at $t = 0.9$, for each of the three? Which network neglects which end, and does section 8 agree?",
    hint="Section 5 has what an error of `out` is multiplied with on its way to x0_hat. Here you go the other way, and "
    "errors are squared. For x0 the weight is one number: multiply it by `torch.ones(99)` to draw it.",
    wrong={
        _factor: "upside down: that leads from the error of out to that of x0_hat.",
        _wrong_sign: "alpha * b MINUS sigma * a: look at the last equation of section 5.",
        _no_noise: "the division by sigma is missing.",
        _weight_on_a_circle: "sigma is not sqrt(1 - alpha^2) on every schedule: use the argument.",
    },
)


def floor_of_one(std, alpha, sigma):
    """The mean squared error of the exact denoiser for data from N(mu, std^2)."""
    return 1 / (1 / std**2 + alpha**2 / sigma**2)


def _varies(std, alpha, sigma):
    return alpha**2 * std**4 / (alpha**2 * std**2 + sigma**2)


def _plain_sigma(std, alpha, sigma):
    return std**2 * sigma / (alpha**2 * std**2 + sigma)


def _plain_std(std, alpha, sigma):
    return floor_of_one(std**0.5, alpha, sigma)


def _seen_only(std, alpha, sigma):
    return sigma**2 / alpha**2


def _circle_floor(std, alpha, sigma):
    return floor_of_one(std, alpha, (1 - alpha**2) ** 0.5)


def _bells():
    """Widths at levels of a circle and of the straight line, and nearly at both ends."""
    levels = [(0.8, 0.6), (0.28, 0.96), (0.7, 0.3), (0.4, 0.6), (0.999, 0.05), (0.02, 1.0)]
    return [(std, *level) for std, level in zip((0.5, 1.5, 0.2, 2.0, 0.3, 1.2), levels)]


exercise(
    "02.4",
    level=2,
    solution=floor_of_one,
    inputs=_bells,
    task=r"Let the data be a single Gaussian $\mathcal N(\mu, \text{std}^2)$, on plain numbers. Its best denoiser is $g$ of step 1 in section 3. Write "
    "`floor_of_one`: the mean squared error of that. **Then draw** with `viz.curve`, logarithmic, the `floor` of section 4 over "
    "`times`, and beside it yours for std 0.15, as wide as one group, and for std 1, as wide as all. Up to which of `times` does our floor keep within a twentieth of the first, "
    "and from which on of the second?",
    hint="Step 1: given x_t, x0 is again a bell, and its variance, the same for every x_t, is the error. A bell of variance V has the exponent "
    "-x0^2 / (2 V) + ...: collect what multiplies -x0^2 / 2 in the exponent there; that is 1 / V.",
    wrong={
        _varies: "that is how much the guess varies; its error is what is left of std^2.",
        _plain_sigma: "variances add, not standard deviations: sigma is squared.",
        _plain_std: "variances add, not standard deviations: std is squared.",
        _seen_only: "that is the error of x_t / alpha, which knows nothing of the data.",
        _circle_floor: "sigma^2 is not 1 - alpha^2 on every schedule: use the argument.",
    },
)


def share_of_first(x, means, stds, weights, alpha, sigma):
    """The probability that x_t came from group 0; numbers x (B,) -> (B,)."""
    variance = alpha**2 * stds**2 + sigma**2  # one for each group
    bells = torch.exp(-((x[:, None] - alpha * means) ** 2) / (2 * variance)) / variance**0.5
    first, second = (weights * bells).T
    return first / (first + second)


def _forgets_weights(x, means, stds, weights, alpha, sigma):
    return share_of_first(x, means, stds, torch.ones(2), alpha, sigma)


def _forgets_alpha(x, means, stds, weights, alpha, sigma):
    return share_of_first(x, means / alpha, stds, weights, alpha, sigma)


def _forgets_half(x, means, stds, weights, alpha, sigma):
    return share_of_first(x, means, stds / 2**0.5, weights, alpha, sigma / 2**0.5)


def _equally_high(x, means, stds, weights, alpha, sigma):
    weights = weights * (alpha**2 * stds**2 + sigma**2) ** 0.5
    return share_of_first(x, means, stds, weights, alpha, sigma)


def _by_variance(x, means, stds, weights, alpha, sigma):
    weights = weights / (alpha**2 * stds**2 + sigma**2) ** 0.5
    return share_of_first(x, means, stds, weights, alpha, sigma)


def _only_noise(x, means, stds, weights, alpha, sigma):
    return share_of_first(x, means, 0 * stds, weights, alpha, sigma)


def _unshrunk_spread(x, means, stds, weights, alpha, sigma):
    return share_of_first(x, means, stds / alpha, weights, alpha, sigma)


def _two_groups():
    return [
        (torch.linspace(-2, 2, n), *map(torch.tensor, (means, stds, weights)), alpha, sigma)
        for n, means, stds, weights, alpha, sigma in [
            (9, (-1.0, 1.0), (0.2, 0.2), (0.5, 0.5), 0.8, 0.6),
            (9, (-1.0, 2.0), (0.5, 1.0), (0.8, 0.2), 0.6, 0.8),
            (7, (0.5, -1.5), (0.9, 0.3), (0.3, 0.7), 0.4, 0.6),
        ]
    ]


exercise(
    "02.5",
    level=3,
    solution=share_of_first,
    inputs=_two_groups,
    task="Two unequal groups: `means`, `stds` and `weights` (how frequent each is) are tensors of two numbers. Write `share_of_first`: the "
    "responsibility of the first for the number $x_t$. **Then look** where the guess switches, at one half: draw it over $x$ for means $-1$ and 1, stds 0.15 and weights 0.9 and "
    r"0.1. At which $x / \alpha$ is that for $t = 0.2$, and for $t = 0.5$? On which side of the rare group's centre? With weights 0.5 and 0.5 but stds 0.15 and 0.6, how often does it switch at $t = 0.1$ between $x = -4$ and 2?",
    hint="Section 3, step 2, with a variance alpha^2 std^2 + sigma^2 for each group. Multiply each bell by its weight; and as every bell has the area 1, one that is "
    "twice as wide is half as high: divide by the root of the variance. Then by the sum of both.",
    wrong={
        _forgets_weights: "how frequent each group is counts too: multiply by the weights.",
        _forgets_alpha: "x_t lies around alpha * mean, not around mean.",
        _forgets_half: "the exponent is -(distance)^2 / (2 variance): the 2 is missing.",
        _equally_high: "a wider bell is lower: divide each by the root of its variance.",
        _by_variance: "a bell's height goes with 1 over its standard deviation, not its variance.",
        _unshrunk_spread: "alpha shrinks the groups' widths as well: alpha^2 std^2.",
        _only_noise: "a group has a width of its own: the variance is alpha^2 std^2 + sigma^2.",
    },
)


def weighted_loss(net, schedule, x0, t, eps, most):
    """The loss of one batch for a net that answers x0: x0 and eps (B, 2), t (B,) -> a scalar."""
    alpha, sigma = (value[:, None] for value in schedule(t))
    weight = (1 / sigma**2).clamp(max=most)
    return (weight * (net(alpha * x0 + sigma * eps, t) - x0).square()).mean()


def _shows_clean(net, schedule, x0, t, eps, most):
    return weighted_loss(lambda x, t: net(x0, t), schedule, x0, t, eps, most)


def _no_weight(net, schedule, x0, t, eps, most):
    return weighted_loss(net, schedule, x0, t, eps, 0.1) * 10


def _not_clamped(net, schedule, x0, t, eps, most):
    return weighted_loss(net, schedule, x0, t, eps, float("inf"))


def _batches():
    def net(x, t):
        return torch.sin(x) + t[:, None]

    g, found = torch.Generator().manual_seed(0), []
    for schedule, n, most in (
        (minidiff.cosine, 6, 4.0),
        (minidiff.flow, 6, 30.0),
        (minidiff.flow, 3, 8.0),
    ):
        x0, eps = torch.randn(2, n, 2, generator=g)
        found.append((net, schedule, x0, torch.linspace(0.1, 0.9, n), eps, most))
    return found


exercise(
    "02.6",
    level=3,
    solution=weighted_loss,
    inputs=_batches,
    task=r"Section 8 found the x0 network weak at low noise, and 02.3 says why. Give its loss the weight $1/\sigma^2$, but nowhere more than `most`. Write "
    "`weighted_loss`: the mean of the weighted squared errors of a network that answers $x_0$. **Then train** with it twice, `most` 1 (no weight, on this schedule) and 100: a fresh "
    "`PointNet()` after `torch.manual_seed(0)`, 300 steps of the loop of section 6. By how much does the absolute gap at $t = 0.02$ fall, and what becomes of that at $t = 0.99$?",
    hint="alpha[:, None] has shape (B, 1) and multiplies every coordinate of its point; so must the weight. To judge: "
    '`gaps(Denoiser(net, cosine, "x0")) * floor`.',
    wrong={
        _shows_clean: "the network must see the noisy x_t, not the clean x0.",
        _no_weight: "every error counts alike: multiply by the weight, point by point, before the mean.",
        _not_clamped: "no weight is above `most`: clamp it.",
    },
)
