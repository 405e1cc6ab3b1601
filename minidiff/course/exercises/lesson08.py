"""Exercises of lesson 08, latents."""

import math

import torch
from torch.distributions import Normal, kl_divergence

from minidiff.course.exercises import exercise


def fewer_numbers():
    # 512 * 512 pixels of 3 colours, and an eighth of the places each way with 4 numbers at each.
    return (512 * 512 * 3) / (64 * 64 * 4)


exercise(
    "08.1",
    level=1,
    solution=fewer_numbers,
    task="Stable Diffusion turns a picture of 512 x 512 colour pixels into latents of shape "
    "(4, 64, 64). How many times fewer numbers are that?",
    hint="Count the numbers of both, colours and channels included, and divide.",
    wrong={
        64: "that counts places alone; a pixel has 3 numbers and a latent place 4.",
        12: "that is this lesson's codec, which folds 4 pixels each way, not 8.",
        8: "8 is the factor along one side.",
    },
)


def decibels_of(made, asked):
    """One PSNR a picture, (B,), for pictures (B, C, H, W) in 0..1."""
    error = (made - asked).square().mean((1, 2, 3))
    return -10 * error.log10()


def _natural(made, asked):
    return -10 * (made - asked).square().mean((1, 2, 3)).log()


def _one_for_all(made, asked):
    return -10 * (made - asked).square().mean().log10().expand(len(made))


def _absolute(made, asked):
    return -10 * (made - asked).abs().mean((1, 2, 3)).log10()


def _wrong_sign(made, asked):
    return 10 * (made - asked).square().mean((1, 2, 3)).log10()


def _two_batches():
    g = torch.Generator().manual_seed(0)
    return [(torch.rand(3, 3, 8, 8, generator=g), torch.rand(3, 3, 8, 8, generator=g))]


exercise(
    "08.2",
    level=1,
    solution=decibels_of,
    inputs=_two_batches,
    task="Write `decibels_of`, which gives every picture of a batch its own figure in decibels: "
    "$-10 \\log_{10}$ of its mean squared error.",
    hint="The mean runs over colours, rows and columns, `mean((1, 2, 3))`, not over the batch.",
    wrong={
        _natural: "decibels take the logarithm to base 10, `log10`.",
        _one_for_all: "every picture gets its own figure: do not average over the batch.",
        _absolute: "square the differences, rather than take their absolute value.",
        _wrong_sign: "the sign: a smaller error must give a larger figure.",
    },
)


def drawn_latent(mean, log_variance, noise):
    """z drawn from N(mean, exp(log_variance)), from standard normal noise of the same shape."""
    return mean + (log_variance / 2).exp() * noise


def _variance(mean, log_variance, noise):
    return mean + log_variance.exp() * noise


def _no_exp(mean, log_variance, noise):
    return mean + log_variance * noise


def _scales_all(mean, log_variance, noise):
    return (mean + noise) * (log_variance / 2).exp()


def _posteriors():
    g = torch.Generator().manual_seed(1)
    return [tuple(torch.randn(3, 2, 4, 3, 3, generator=g))]


exercise(
    "08.3",
    level=2,
    solution=drawn_latent,
    inputs=_posteriors,
    task="Write `drawn_latent`: a draw from the normal distribution with this mean and this "
    "*logarithm of the variance*, made from noise that is given.",
    hint="The standard deviation is the square root of the variance, which halves its logarithm.",
    wrong={
        _variance: "the noise is multiplied by the standard deviation, not by the variance.",
        _no_exp: "log_variance is a logarithm: take its exponential.",
        _scales_all: "only the noise is scaled; the mean stays as it is.",
    },
)


def divergence(mean, log_variance):
    """KL(N(mean, exp(log_variance)) || N(0, 1)) for each entry."""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def _other_way(mean, log_variance):
    std = (log_variance / 2).exp()
    return kl_divergence(Normal(torch.zeros(()), torch.ones(())), Normal(mean, std))


def _forgets_log(mean, log_variance):
    return (mean.square() + log_variance.exp() - 1) / 2


def _std_for_variance(mean, log_variance):
    return (mean.square() + (log_variance / 2).exp() - 1 - log_variance) / 2


exercise(
    "08.4",
    level=2,
    solution=divergence,
    inputs=lambda: [args[:2] for args in _posteriors()],
    task="Write `divergence`, the KL divergence of $N(\\mu, s^2)$ from $N(0, 1)$ for each entry, "
    "given $\\mu$ and $\\log s^2$. It is 0 where both are 0.",
    hint="In the lesson's formula, $\\log s$ is half of `log_variance`.",
    wrong={
        _other_way: "the other way round: the picture's distribution comes first.",
        _forgets_log: "without the logarithm nothing keeps s from shrinking to 0.",
        _std_for_variance: "the term is the square of s, which is exp(log_variance).",
    },
)


def field_of_view(layers):
    """How many pixels, along one axis, one output place sees: layers is a list of (kernel, stride)."""
    pixels, step = 1, 1  # step: pixels between two neighbouring places
    for kernel, stride in layers:
        pixels += (kernel - 1) * step
        step *= stride
    return pixels


def _ignores_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def _multiplies(layers):
    return math.prod(kernel for kernel, _ in layers)


def _stride_first(layers):
    pixels, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        pixels += (kernel - 1) * step
    return pixels


exercise(
    "08.5",
    level=3,
    solution=field_of_view,
    inputs=lambda: [
        ([(3, 1)],),
        ([(3, 1), (3, 1)],),
        ([(2, 2)] + [(3, 1)] * 3 + [(3, 2)] + [(3, 1)] * 5,),
    ],
    task="How wide a margin do tiles need? Write `field_of_view`: how many pixels along one axis "
    "one place sees after a chain of convolutions, each a pair (kernel, stride). A convolution of "
    "3 sees 3 pixels, two of them 5. The last case is the codec's encoder.",
    hint="A kernel of k reaches over k - 1 steps, and after a stride of 2 a step is twice as many "
    "pixels.",
    wrong={
        _ignores_strides: "after a stride of 2 neighbouring places lie twice as many pixels apart.",
        _multiplies: "two kernels of 3 see 5 pixels, not 9: they overlap.",
        _stride_first: "a layer's own stride counts for the layers after it, not for itself.",
    },
)
