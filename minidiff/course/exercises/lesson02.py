"""The exercises of lesson 02, learning to denoise."""

import torch

import minidiff
from minidiff.course.exercises import exercise


def _generator():
    return torch.Generator().manual_seed(0)


def _pairs():
    """Clean points, noise, alpha and sigma: two levels of a circle, then flow, then the data."""
    g = _generator()
    return [
        (torch.randn(n, 2, generator=g), torch.randn(n, 2, generator=g), alpha, sigma)
        for n, alpha, sigma in [(5, 0.8, 0.6), (5, 0.28, 0.96), (3, 0.7, 0.3), (1, 1.0, 0.0)]
    ]


def v_target(x0, eps, alpha, sigma):
    """The target v, of the shape of x0."""
    return alpha * eps - sigma * x0


def _v_adds(x0, eps, alpha, sigma):
    return alpha * eps + sigma * x0


def _v_swaps(x0, eps, alpha, sigma):
    return sigma * eps - alpha * x0


def _v_backwards(x0, eps, alpha, sigma):
    return sigma * x0 - alpha * eps


def _v_is_x(x0, eps, alpha, sigma):
    return alpha * x0 + sigma * eps


exercise(
    "02.1",
    level=1,
    solution=v_target,
    inputs=_pairs,
    task=r"Write `v_target`: the answer $v = \alpha\,\epsilon - \sigma\,x_0$ that a network with "
    "target v is trained to give.",
    hint="One product for the noise, one for the data; v points from the data towards the noise.",
    wrong={
        _v_adds: "the data is subtracted, not added.",
        _v_swaps: "alpha goes with the noise and sigma with the data: the reverse of x_t.",
        _v_backwards: "the sign of the whole is turned round.",
        _v_is_x: "that is x_t; v has alpha at the noise, and the data subtracted.",
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
    "(0.6). Which single guess `best_guess` has the smallest mean squared error?",
    hint="Which point of the parabola in section 2 was the lowest? Here are three answers, not two.",
    wrong={
        2: "that is the most probable answer; squared error asks for the average.",
        1 / 3: "that is the average without the probabilities.",
        0: "that is the answer in the middle; squared error asks for the average.",
    },
)


def x0_from_eps(x, eps_hat, alpha, sigma):
    """x0_hat from x_t and the network's guess of the noise."""
    return (x - sigma * eps_hat) / alpha


def _no_division(x, eps_hat, alpha, sigma):
    return x - sigma * eps_hat


def _adds_noise(x, eps_hat, alpha, sigma):
    return (x + sigma * eps_hat) / alpha


def _squares_sigma(x, eps_hat, alpha, sigma):
    return (x - sigma**2 * eps_hat) / alpha


def _sigma_of_a_circle(x, eps_hat, alpha, sigma):
    return (x - (1 - alpha**2) ** 0.5 * eps_hat) / alpha


exercise(
    "02.3",
    level=2,
    solution=x0_from_eps,
    inputs=_pairs,
    task=r"A network with target eps looked at $x_t$ and answered `eps_hat`. Write `x0_from_eps`: "
    r"solve $x_t = \alpha\,\hat x_0 + \sigma\,\hat\epsilon$ for $\hat x_0$.",
    hint="Take the noise away first. What is left is the data, shrunk.",
    wrong={
        _no_division: "what is left is alpha * x0: divide it by alpha.",
        _adds_noise: "the noise is to be taken away, not added once more.",
        _squares_sigma: "sigma is the standard deviation of the noise and comes in unsquared.",
        _sigma_of_a_circle: "sigma is not sqrt(1 - alpha^2) on every schedule: use the argument.",
    },
)


def one_gaussian(x, mu, std, alpha, sigma):
    """E[x0 | x_t] for data drawn from N(mu, std^2)."""
    shrink = alpha * std**2 / (alpha**2 * std**2 + sigma**2)
    return mu + shrink * (x - alpha * mu)


def _no_prior(x, mu, std, alpha, sigma):
    return x / alpha


def _only_prior(x, mu, std, alpha, sigma):
    return mu + 0 * x


def _plain_sigma(x, mu, std, alpha, sigma):
    return mu + alpha * std**2 / (alpha**2 * std**2 + sigma) * (x - alpha * mu)


def _mu_unshrunk(x, mu, std, alpha, sigma):
    return mu + alpha * std**2 / (alpha**2 * std**2 + sigma**2) * (x - mu)


def _circle_share(x, mu, std, alpha, sigma):
    return one_gaussian(x, mu, std, alpha, (1 - alpha**2) ** 0.5)


def _noisy_numbers():
    bells = [(2.0, 0.5, 0.8, 0.6), (-1.0, 1.5, 0.28, 0.96), (1.0, 0.5, 0.7, 0.3), (1.0, 2.0, 1, 0)]
    return [(torch.linspace(-2, 4, 7), *bell) for bell in bells]


exercise(
    "02.4",
    level=2,
    solution=one_gaussian,
    inputs=_noisy_numbers,
    task=r"Write `one_gaussian`: the best denoiser for data that is a single Gaussian "
    r"$\mathcal N(\mu, \text{std}^2)$, on plain numbers.",
    hint="Start at mu and go a share of the way that x_t lies off alpha * mu. The share is alpha "
    "std^2 over the variance of x_t.",
    wrong={
        _no_prior: "x / alpha forgets what is known about the data: it takes all noise for data.",
        _only_prior: "mu alone forgets what has been seen: x_t.",
        _plain_sigma: "variances add, not standard deviations: sigma is squared.",
        _circle_share: "sigma^2 is not 1 - alpha^2 on every schedule: use the argument.",
        _mu_unshrunk: "x_t lies around alpha * mu, not around mu.",
    },
)


def share_of_first(x, means, weights, alpha, sigma):
    """The probability that x_t came from means[0]; numbers x (B,) -> (B,)."""
    first, second = (
        weight * torch.exp(-((x - alpha * mean) ** 2) / (2 * sigma**2))
        for mean, weight in zip(means, weights)
    )
    return first / (first + second)


def _forgets_weights(x, means, weights, alpha, sigma):
    return share_of_first(x, means, (1, 1), alpha, sigma)


def _forgets_alpha(x, means, weights, alpha, sigma):
    return share_of_first(x, [mean / alpha for mean in means], weights, alpha, sigma)


def _forgets_half(x, means, weights, alpha, sigma):
    return share_of_first(x, means, weights, alpha, sigma / 2**0.5)


def _not_normalised(x, means, weights, alpha, sigma):
    return weights[0] * torch.exp(-((x - alpha * means[0]) ** 2) / (2 * sigma**2))


def _circle_bell(x, means, weights, alpha, sigma):
    return share_of_first(x, means, weights, alpha, (1 - alpha**2) ** 0.5)


def _two_places():
    """Tensors as in the lesson, so that `alpha * means` is right as well."""
    return [
        (torch.linspace(-2, 2, 9), torch.tensor(means), torch.tensor(weights), alpha, sigma)
        for means, weights, alpha, sigma in [
            ((-1.0, 1.0), (0.5, 0.5), 0.8, 0.6),
            ((-1.0, 2.0), (0.8, 0.2), 0.6, 0.8),
            ((0.5, -1.5), (0.3, 0.7), 0.4, 0.6),
        ]
    ]


exercise(
    "02.5",
    level=3,
    solution=share_of_first,
    inputs=_two_places,
    task="The data has only two values, `means[0]` and `means[1]`, with probabilities `weights`. "
    "Write `share_of_first`: the probability that the noisy number $x_t$ came from the first.",
    hint="Bayes: weight times the height of the bell curve of standard deviation sigma around "
    "alpha * mean, one for each value; then divide by their sum.",
    wrong={
        _forgets_weights: "how frequent each value is counts too: multiply by the weights.",
        _forgets_alpha: "x_t lies around alpha * mean, not around mean.",
        _forgets_half: "the exponent is -(distance)^2 / (2 sigma^2): the 2 is missing.",
        _circle_bell: "sigma is not sqrt(1 - alpha^2) on every schedule: use the argument.",
        _not_normalised: "the two shares must add up to 1: divide by the sum of both.",
    },
)


def denoising_loss(net, schedule, x0, t, eps):
    """The loss of one batch with target v: x0 and eps (B, 2), t (B,) -> a scalar."""
    alpha, sigma = (value[:, None] for value in schedule(t))
    x = alpha * x0 + sigma * eps
    v = alpha * eps - sigma * x0
    return (net(x, t) - v).square().mean()


def _shows_clean(net, schedule, x0, t, eps):
    alpha, sigma = (value[:, None] for value in schedule(t))
    return (net(x0, t) - (alpha * eps - sigma * x0)).square().mean()


def _asks_eps(net, schedule, x0, t, eps):
    alpha, sigma = (value[:, None] for value in schedule(t))
    return (net(alpha * x0 + sigma * eps, t) - eps).square().mean()


def _no_square(net, schedule, x0, t, eps):
    alpha, sigma = (value[:, None] for value in schedule(t))
    return (net(alpha * x0 + sigma * eps, t) - (alpha * eps - sigma * x0)).abs().mean()


def _batches():
    def net(x, t):
        return torch.sin(x) + t[:, None]

    g = _generator()
    return [
        (net, schedule, x0, torch.linspace(0.1, 0.9, n), eps)
        for schedule, n in ((minidiff.cosine, 6), (minidiff.flow, 6), (minidiff.flow, 3))
        for x0, eps in [torch.randn(2, n, 2, generator=g)]
    ]


exercise(
    "02.6",
    level=3,
    solution=denoising_loss,
    inputs=_batches,
    task="Write `denoising_loss`: make the batch noisy, ask the network, and return the mean "
    "squared error of its answer against v. `schedule(t)` gives alpha and sigma, each (B,).",
    hint="alpha[:, None] has shape (B, 1) and multiplies every coordinate of its point. Then three "
    "lines: x_t, v, and the mean of the squares.",
    wrong={
        _shows_clean: "the network must see the noisy x_t, not the clean x0.",
        _asks_eps: "that is the loss of target eps; v was asked for.",
        _no_square: "mean SQUARED error: square the difference.",
    },
)
