"""Exercises of lesson 05, a tiny U-Net on digits."""

import math

import torch
import torch.nn.functional as F

from minidiff.course.exercises import exercise


def numbers():
    # One 3x3 kernel for each pair of an input and an output channel, and one bias per output.
    return 3 * 3 * 4 * 32 + 32


exercise(
    "05.1",
    level=1,
    solution=numbers,
    task="How many numbers does the U-Net's first layer learn, a 3x3 convolution with bias from "
    "4 channels to 32? Reckon before you ask PyTorch.",
    hint="Every output channel has a 3x3 kernel for each input channel, and one bias.",
    wrong={
        3 * 3 * 4 * 32: "the 32 biases are missing.",
        3 * 3 * 4 * 32
        + 4: "there is one bias for each output channel, not for each input channel.",
        3 * 3 * 32 + 32: "each output channel has a kernel for each of the 4 input channels.",
        (3 * 3 * 4 + 1) * 32 * 14 * 14: "the same kernels slide over all 196 places, so the size "
        "of the picture does not count.",
    },
)


def filmed(h, scale, shift):
    """h (B, C, H, W), scale and shift (B, C); returns (B, C, H, W)."""
    return h * (1 + scale[:, :, None, None]) + shift[:, :, None, None]


def _kills(h, scale, shift):
    return h * scale[:, :, None, None] + shift[:, :, None, None]


def _shifts_first(h, scale, shift):
    return (h + shift[:, :, None, None]) * (1 + scale[:, :, None, None])


def _films():
    g = torch.Generator().manual_seed(0)
    shapes = [(4, 6, 5, 5), (4, 6), (4, 6)], [(1, 2, 3, 4), (1, 2), (1, 2)]
    return [tuple(torch.randn(shape, generator=g) for shape in three) for three in shapes]


exercise(
    "05.2",
    level=1,
    solution=filmed,
    inputs=_films,
    task="Write `filmed`, the FiLM step of the residual block: each channel is multiplied by one "
    "plus its scale, then its shift is added.",
    hint="`scale[:, :, None, None]` has shape (B, C, 1, 1), which spreads over all pixels.",
    wrong={
        _kills: "multiply by 1 + scale: with a scale of 0 a channel should pass as it is, not "
        "vanish.",
        _shifts_first: "scale first and shift afterwards, or the shift is scaled too.",
    },
)


def averaged(average, weights, decay):
    """The new average: a list of tensors, from two lists of tensors and a number."""
    return [decay * old + (1 - decay) * new for old, new in zip(average, weights)]


def _forgets(average, weights, decay):
    return [(1 - decay) * old + decay * new for old, new in zip(average, weights)]


def _piles_up(average, weights, decay):
    return [decay * old + new for old, new in zip(average, weights)]


def _plain_mean(average, weights, decay):
    return [(old + new) / 2 for old, new in zip(average, weights)]


def _averages():
    g = torch.Generator().manual_seed(1)
    shapes = (3, 4), (5,)

    def tensors():  # of its own for every call: an update in place is a right answer
        return [torch.randn(shape, generator=g) for shape in shapes]

    return [(tensors(), tensors(), decay) for decay in (0.99, 0.9)]


exercise(
    "05.3",
    level=2,
    solution=averaged,
    inputs=_averages,
    task="Write `averaged`, one update of the moving average of the weights (EMA): keep the share "
    "`decay` of the old average and take the rest from the new weights.",
    hint="The two shares add up to 1, and with a decay of 0.99 the average moves slowly.",
    wrong={
        _forgets: "decay and 1 - decay are swapped: this one forgets nearly everything at once.",
        _piles_up: "the shares must add up to 1: the new weights count 1 - decay, or the average "
        "grows with every step.",
        _plain_mean: "that is the plain mean of the two: decay says how much of the old one stays.",
    },
)


def packed(x):
    """x (B, 1, H, W) with H and W even; returns (B, 4, H / 2, W / 2)."""
    return torch.cat([x[:, :, i::2, j::2] for i in range(2) for j in range(2)], 1)


def _quarters(x):
    top, bottom = x.chunk(2, 2)
    return torch.cat([*top.chunk(2, 3), *bottom.chunk(2, 3)], 1)


def _columns_first(x):
    return torch.cat([x[:, :, i::2, j::2] for j in range(2) for i in range(2)], 1)


def _reshaped(x):
    return x.reshape(len(x), 4, x.shape[2] // 2, x.shape[3] // 2)


def _pictures():
    g = torch.Generator().manual_seed(2)
    return [(torch.randn(2, 1, 6, 8, generator=g),), (torch.randn(1, 1, 4, 4, generator=g),)]


exercise(
    "05.4",
    level=2,
    solution=packed,
    inputs=_pictures,
    task="Write `packed`, space to depth without a reshape: slice out the four small pictures "
    "(even rows and even columns, even rows and odd columns, odd and even, odd and odd) and join "
    "them along the channels, in this order.",
    hint="`x[:, :, 0::2, 1::2]` is the second of the four.",
    wrong={
        _quarters: "these are the four quarters of the picture; take every second row and column.",
        _columns_first: "the order is off: go through the columns before you go to the next row.",
        _reshaped: "a plain reshape cuts rows apart: each small picture must be a coarse copy of "
        "the whole.",
    },
)


def attention_weights(query, key):
    """query (L, D) and key (M, D); returns (L, M), every row a set of shares that add up to 1."""
    scores = query @ key.T / math.sqrt(query.shape[1])
    return F.softmax(scores, dim=1)


def _unscaled(query, key):
    return F.softmax(query @ key.T, dim=1)


def _wrong_axis(query, key):
    return F.softmax(query @ key.T / math.sqrt(query.shape[1]), dim=0)


def _by_width(query, key):
    return F.softmax(query @ key.T / query.shape[1], dim=1)


def _over_everything(query, key):
    scores = query @ key.T / math.sqrt(query.shape[1])
    return scores.flatten().softmax(0).view_as(scores)


def _raw_scores(query, key):
    return query @ key.T / math.sqrt(query.shape[1])


def _questions():
    g = torch.Generator().manual_seed(3)
    return [
        (torch.randn(5, 16, generator=g), torch.randn(5, 16, generator=g)),
        (torch.randn(3, 8, generator=g), torch.randn(7, 8, generator=g)),
    ]


exercise(
    "05.5",
    level=3,
    solution=attention_weights,
    inputs=_questions,
    task="Write `attention_weights`: how much each of L questions listens to each of M keys, the "
    "softmax over the keys of $q \\cdot k / \\sqrt{D}$.",
    hint="`query @ key.T` holds all products at once, a row for each question; which axis must "
    "add up to 1?",
    wrong={
        _unscaled: "divide the products by sqrt(D), or wide keys make nearly all-or-nothing "
        "shares.",
        _wrong_axis: "the softmax runs over the wrong axis: each row, one question, must add up "
        "to 1.",
        _over_everything: "every row, one question, must add up to 1, not the whole table.",
        _by_width: "divide by sqrt(D), the typical size of a product, not by D.",
        _raw_scores: "these are the scores; the softmax that makes shares of them is missing.",
    },
)
