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


def view(strides):
    """How many input places, each way, one place sees after 3x3 convolutions with these strides."""
    seen, apart = 1, 1
    for stride in strides:
        seen += 2 * apart
        apart *= stride
    return seen


def _strides_forgotten(strides):
    return 1 + 2 * len(strides)


def _stride_too_early(strides):
    seen, apart = 1, 1
    for stride in strides:
        apart *= stride
        seen += 2 * apart
    return seen


def _three_each(strides):
    seen, apart = 0, 1
    for stride in strides:
        seen += 3 * apart
        apart *= stride
    return seen


def _powers(strides):
    return 3 ** len(strides)


def _one_side(strides):
    return 1 + (view(strides) - 1) // 2


exercise(
    "05.2",
    level=1,
    solution=view,
    inputs=lambda: [([1],), ([1, 1],), ([1, 2, 1],), ([2, 2, 1, 1],), ([1, 1, 1, 2, 3, 1],), ([],)],
    task="How far does a place see? Write `view`: the side of the square of input places that reach "
    "one place through 3x3 convolutions with these strides, one after the other. Then reckon with "
    "it: how many convolutions of stride 1 does it take until one place sees all 28 pixels each way? How "
    "many, if the second and the fourth have stride 2? And what does a network gain that has "
    "attention at its bottom?",
    hint="A convolution adds one neighbour at either side. After a stride of 2 neighbours are two "
    "places of the input apart.",
    wrong={
        _strides_forgotten: "after a stride, neighbours lie further apart in the input.",
        _stride_too_early: "a convolution's own stride moves its results apart, not its inputs.",
        _three_each: "the place itself is seen already: each convolution adds one neighbour at "
        "either side.",
        _powers: "the views overlap: each convolution adds to the side, it does not multiply it.",
        _one_side: "neighbours come in at both sides.",
    },
)


def faded(values, decay):
    """The average of tensors, oldest first, each counting `decay` times as much as the next one."""
    total = count = 0
    for value in values:
        total = decay * total + value
        count = decay * count + 1
    return total / count


def _not_divided(values, decay):
    return sum(decay ** (len(values) - 1 - k) * value for k, value in enumerate(values))


def _oldest_counts_most(values, decay):
    return faded(values[::-1], decay)


def _begins_at_zero(values, decay):
    average = 0 * values[0]
    for value in values:
        average = decay * average + (1 - decay) * value
    return average


def _begins_at_the_first(values, decay):
    average = values[0]
    for value in values[1:]:
        average = decay * average + (1 - decay) * value
    return average


def _plain_mean(values, decay):
    return sum(values) / len(values)


def _linear(values, decay):
    shares = [1 - (1 - decay) * (len(values) - 1 - k) for k in range(len(values))]
    return sum(share * value for share, value in zip(shares, values)) / sum(shares)


def _weights_over_time():
    g = torch.Generator().manual_seed(1)
    cases = ((5, (3, 4), 0.9), (2, (5,), 0.5), (4, (2, 2), 1.0), (1, (3,), 0.7))

    def tensors(count, shape):  # of its own for every call: an update in place is a right answer
        return [torch.randn(shape, generator=g) for _ in range(count)]

    return [(tensors(count, shape), decay) for count, shape, decay in cases]


exercise(
    "05.3",
    level=2,
    solution=faded,
    inputs=_weights_over_time,
    task="The running average of the lesson needs a value to begin with. Write `faded`, which needs "
    "none: the average of tensors, the oldest first, in which each counts `decay` times as much as the "
    "next one, and the shares add up to 1. **Then measure**: `pairs` holds eight raw networks, ten "
    "steps apart. Put the average of their weights into a copy of one (`state_dict`, "
    "`load_state_dict`), with a decay of 0.5, 0.9 and 1. How does its `test_loss` compare with those of the "
    "raw ones, and with the running average's?",
    hint="The last one counts 1, the one before it `decay`, the one before that `decay ** 2`. "
    "Divide by the sum of these.",
    wrong={
        _not_divided: "the shares must add up to 1: divide by their sum.",
        _oldest_counts_most: "the oldest comes first, and counts least.",
        _begins_at_zero: "this begins at 0, so the shares do not add up to 1.",
        _begins_at_the_first: "this gives the oldest one all that the others leave; its share is to "
        "be the smallest.",
        _plain_mean: "older ones count less: `decay` times as much as the next one.",
        _linear: "each counts `decay` times the next one: powers of decay, not a straight line.",
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


def masked_weights(query, key, allowed):
    """Shares (L, M) in which questions (L, D) listen to the keys (M, D) that they are allowed to.

    allowed: booleans (L, M). A row adds up to 1, or is 0 where nothing is allowed.
    """
    scores = query @ key.T / math.sqrt(query.shape[1])
    shares = scores.exp() * allowed
    return shares / shares.sum(1, keepdim=True).clamp(min=1e-12)


def _masked_afterwards(query, key, allowed):
    return F.softmax(query @ key.T / math.sqrt(query.shape[1]), dim=1) * allowed


def _scores_set_to_zero(query, key, allowed):
    return F.softmax(query @ key.T / math.sqrt(query.shape[1]) * allowed, dim=1)


def _turned_round(query, key, allowed):
    return masked_weights(query, key, ~allowed)


def _not_masked(query, key, allowed):
    return F.softmax(query @ key.T / math.sqrt(query.shape[1]), dim=1)


def _no_number(query, key, allowed):
    scores = query @ key.T / math.sqrt(query.shape[1])
    return F.softmax(scores.masked_fill(~allowed, -math.inf), dim=1)


def _evenly(query, key, allowed):
    scores = query @ key.T / math.sqrt(query.shape[1])
    return F.softmax(scores.masked_fill(~allowed, -1e9), dim=1)


def _unscaled(query, key, allowed):
    return masked_weights(query * math.sqrt(query.shape[1]), key, allowed)


def _over_the_questions(query, key, allowed):
    shares = (query @ key.T / math.sqrt(query.shape[1])).exp() * allowed
    return shares / shares.sum(0, keepdim=True).clamp(min=1e-12)


def _questions():
    g = torch.Generator().manual_seed(3)
    cases = []
    for questions, keys, width in ((5, 5, 16), (3, 7, 8)):
        allowed = torch.rand(questions, keys, generator=g) < 0.6
        allowed[:2] = False  # nothing, and one key alone, whose product is negative
        query, key = (torch.randn(n, width, generator=g) for n in (questions, keys))
        allowed[1, (key @ query[1]).argmin()] = True
        cases.append((query, key, allowed))
    return cases


exercise(
    "05.5",
    level=3,
    solution=masked_weights,
    inputs=_questions,
    task="Write `masked_weights`: attention in which not every question may hear every key. Only where "
    "`allowed` is True does a share go; the shares of a row add up to 1, and where nothing is allowed all "
    "are 0. **Then count**: copy `look`, let a place hear only the places of its own row of seven "
    "(`allowed` is the same for all heads and pictures), and put it into the trained network as "
    "`model.denoiser.net.attention.forward`. How many of 100 digits does the reader read as asked: heard "
    "by all, by the own row, by itself alone?",
    hint="What is not allowed must be gone *before* the shares are divided by their sum. Setting a score "
    "to 0 does not do it: $e^0 = 1$.",
    wrong={
        _masked_afterwards: "mask before the shares are divided by their sum, or they add up to less "
        "than 1.",
        _scores_set_to_zero: "a score of 0 still gets a share, since e to the power 0 is 1.",
        _turned_round: "True means allowed.",
        _not_masked: "every key is heard here, allowed or not.",
        _no_number: "where nothing is allowed all shares are 0; here they are 0 / 0.",
        _evenly: "where nothing is allowed all shares are 0; here everything is heard evenly.",
        _unscaled: "divide the products by sqrt(D), or wide keys make nearly all-or-nothing shares.",
        _over_the_questions: "each row, one question, must add up to 1.",
    },
)
