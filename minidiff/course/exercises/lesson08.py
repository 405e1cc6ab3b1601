"""Exercises of lesson 08, latents."""

import math

import torch

from minidiff.course.exercises import exercise
from minidiff.schedules import cosine, flow


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
        16: "that takes a pixel for one number; it has three, red, green and blue.",
        6: "that is this lesson's codec, which folds 4 pixels each way into 8 numbers.",
        8: "8 is the factor along one side.",
    },
)


def size_for(t, schedule):
    """How many times as large as unit variance the data must be, for equal shares at time t."""
    alpha, sigma = schedule(t)
    return sigma / alpha


def _inverted(t, schedule):
    alpha, sigma = schedule(t)
    return alpha / sigma


def _variances(t, schedule):
    alpha, sigma = schedule(t)
    return (sigma / alpha) ** 2


def _at_half(t, schedule):
    alpha, sigma = schedule(t)
    return sigma / (alpha + sigma)


def _times():
    return [(torch.tensor([0.5, 0.2, 0.8]), cosine), (torch.tensor([0.9, 0.5, 0.1]), flow)]


exercise(
    "08.2",
    level=1,
    solution=size_for,
    inputs=_times,
    task="Someone wants noise and data in equal shares not at $t = 0.5$ but later, for more of the "
    "walk to be spent on fine detail. Write `size_for`, which says for times `t` and a schedule how "
    "large the standard deviation of the latents must be. Then put what it gives for $t = 0.8$ in "
    "the place of 5.5 in the `ks` of the lesson's cell that draws `noisy`, and look.",
    hint="Shares are equal where alpha times the data's standard deviation is sigma.",
    wrong={
        _inverted: "the other way round: later there is more noise, so the data must be larger.",
        _variances: "that is the ratio of variances; asked is the standard deviation.",
        _at_half: "that is the noise's share of the sum, not how large the data must be.",
    },
)


def pasted(x0, onto, top, left, side):
    """Latents (B, C, h, w) `onto`, with the square of `side` pixels at (top, left) from x0."""
    rows = slice(top // 4, (top + side) // 4)
    columns = slice(left // 4, (left + side) // 4)
    made = onto.clone()
    made[:, :, rows, columns] = x0[:, :, rows, columns]
    return made


def _in_pixels(x0, onto, top, left, side):
    made = onto.clone()
    window = (..., slice(top, top + side), slice(left, left + side))
    made[window] = x0[window]
    return made


def _wrong_way_round(x0, onto, top, left, side):
    return pasted(onto, x0, top, left, side)


def _transposed(x0, onto, top, left, side):
    return pasted(x0, onto, left, top, side)


def _side_in_pixels(x0, onto, top, left, side):
    made = onto.clone()
    window = (..., slice(top // 4, top // 4 + side), slice(left // 4, left // 4 + side))
    made[window] = x0[window]
    return made


def _two_latents():
    g = torch.Generator().manual_seed(1)
    places = [(3, 16, 24, 32), (1, 0, 40, 12)]
    return [(*torch.randn(2, n, 8, 16, 16, generator=g), *place) for n, *place in places]


exercise(
    "08.3",
    level=2,
    solution=pasted,
    inputs=_two_latents,
    task="A collage in latents. Write `pasted`: the latents `onto`, but with the latents `x0` in a "
    "square that is given in *pixels*, as multiples of 4. Then look at "
    "`viz.images(codec.decode(pasted(x0[1:2], x0[7:8], 16, 16, 32)))`: is there a seam?",
    hint="A place stands for 4 x 4 pixels: divide all three numbers by 4. Copy before you write.",
    wrong={
        _in_pixels: "the square is given in pixels, and latents have a place for every 4.",
        _side_in_pixels: "the side, too, is given in pixels.",
        _wrong_way_round: "the square comes from x0, all around it stays `onto`.",
        _transposed: "top counts rows, the third dimension; left counts columns, the fourth.",
    },
)


def cheapest_width(harm, price):
    """The s at which harm * s^2 + price * KL(N(mu, s^2) || N(0, 1)) is smallest."""
    return (price / (2 * harm + price)) ** 0.5


def _no_root(harm, price):
    return price / (2 * harm + price)


def _no_square(harm, price):
    return (price / (2 * harm)) ** 0.5


def _half_forgotten(harm, price):
    return (price / (harm + price)) ** 0.5


def _plus_one(harm, price):
    return (price / (2 * harm + 1)) ** 0.5


exercise(
    "08.4",
    level=2,
    solution=cheapest_width,
    inputs=lambda: [
        (torch.tensor([0.0, 0.03, 1.0]), 3e-5),
        (torch.tensor([0.03, 0.03]), torch.tensor([3e-5, 1e-2])),
    ],
    task="Why are the clouds as wide as they are? Suppose a cloud of width $s$ makes the pictures "
    "worse by `harm` times $s^2$, and the KL costs `price`. Write `cheapest_width`, the $s$ at which "
    "both together are smallest. Then compare the shipped codec: its clouds are 0.02 wide at a price "
    "of 0.00003. How wide would they be if the KL were 300 times as dear?",
    hint="Only $s^2/2 - \\log s$ of the KL depends on $s$. Set the derivative by $s$ of the whole "
    "to 0; without harm $s$ is 1.",
    wrong={
        _no_root: "that is $s^2$; take its square root.",
        _no_square: "the $s^2$ in the KL counts, too: without harm $s$ must be 1, not endless.",
        _half_forgotten: "the derivative of harm * $s^2$ is 2 harm $s$, of $s^2 / 2$ it is $s$.",
        _plus_one: "the price multiplies $s^2 / 2$ as well as $-\\log s$.",
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


def _one_side(layers):
    return (field_of_view(layers) - 1) // 2


exercise(
    "08.5",
    level=3,
    solution=field_of_view,
    inputs=lambda: [
        ([(3, 1)],),
        ([(3, 1), (3, 1)],),
        ([(3, 2), (5, 1), (3, 2), (3, 1)],),
        ([(2, 2)] + [(3, 1)] * 3 + [(3, 2)] + [(3, 1)] * 5,),
    ],
    task="How much of a picture does one latent place see? Write `field_of_view`: how many pixels "
    "along one axis one place sees after a chain of convolutions, each a pair (kernel, stride). One "
    "convolution of 3, `[(3, 1)]`, sees 3 pixels, two see 5. The encoder is "
    "`[(2, 2)] + [(3, 1)] * 3 + [(3, 2)] + [(3, 1)] * 5`: folding 2 x 2 pixels works as a kernel of 2 "
    "with a stride of 2. Then look: paint the left half of `pictures` grey, encode, and find by how "
    "much each of the 16 columns of latents differs from `x0`. How far does a place see, and how far "
    "does it care?",
    hint="A kernel of k reaches over k - 1 steps, and after a stride of 2 a step is twice as many "
    "pixels.",
    wrong={
        _ignores_strides: "after a stride of 2 neighbouring places lie twice as many pixels apart.",
        _multiplies: "two kernels of 3 see 5 pixels, not 9: they overlap.",
        _stride_first: "a layer's own stride counts for the layers after it, not for itself.",
        _one_side: "that is the margin on one side; asked is all that a place sees.",
    },
)
