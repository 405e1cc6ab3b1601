"""Exercises of lesson 06, text steers the digits."""

import math

import torch

from minidiff.course.exercises import exercise


def counting():
    # The start token and the five words count; the other places are padding.
    return 1 + 5


exercise(
    "06.1",
    level=1,
    solution=counting,
    task='The prompt "a thick seven leaning right" becomes 11 tokens. How many entries of its mask '
    "are True?",
    hint="The mask is True on every token that is not padding.",
    wrong={
        5: "those are the words; which token stands before every prompt?",
        7: "the words and the start token: count them again.",
        11: "that is the length after padding; padding does not count.",
    },
)


def padding_mask(lengths, L):
    """lengths (B,), words in each prompt; returns (B, L) bool, True on start token and words."""
    return torch.arange(L) <= lengths[:, None]


def _forgets_start(lengths, L):
    return torch.arange(L) < lengths[:, None]


def _inverted(lengths, L):
    return torch.arange(L) > lengths[:, None]


def _one_too_many(lengths, L):
    return torch.arange(L) <= lengths[:, None] + 1


def _all_true(lengths, L):
    return torch.ones(len(lengths), L, dtype=torch.bool)


def _other_way_round(lengths, L):
    return (torch.arange(L) <= lengths[:, None]).T


def _lengths():
    return [(torch.tensor([5, 0, 1]), 11), (torch.tensor([2, 3]), 4)]


exercise(
    "06.2",
    level=1,
    solution=padding_mask,
    inputs=_lengths,
    task="Write `padding_mask`: from the number of words in each of B prompts, a table that is True "
    "on the start token and on the words, and False on the padding.",
    hint="Compare `torch.arange(L)` with `lengths[:, None]`. Which place does the last word have, "
    "if the start token has place 0?",
    wrong={
        _forgets_start: "off by one: the start token takes place 0, so n words end at place n, and "
        "the empty prompt still has one True.",
        _one_too_many: "one place too many: n words stand at places 1 to n, and place n + 1 is padding.",
        _all_true: "nothing is masked: padding counts for none of these prompts.",
        _inverted: "inverted: True marks the tokens that count, not the padding.",
        _other_way_round: "a row for each prompt, please: (B, L), not (L, B).",
    },
)


def tokenise(prompt, index, length):
    """A text -> a list of `length` numbers: 1, one number for each word, then zeros."""
    numbers = [1] + [index[word] for word in prompt.lower().split()]
    return numbers + [0] * (length - len(numbers))


def _without_start(prompt, index, length):
    numbers = [index[word] for word in prompt.lower().split()]
    return numbers + [0] * (length - len(numbers))


def _minds_case(prompt, index, length):
    numbers = [1] + [index[word] for word in prompt.split()]
    return numbers + [0] * (length - len(numbers))


def _without_padding(prompt, index, length):
    return [1] + [index[word] for word in prompt.lower().split()]


def _pads_too_much(prompt, index, length):
    words = prompt.lower().split()
    return [1] + [index[word] for word in words] + [0] * (length - len(words))


def _starts_with_zero(prompt, index, length):
    numbers = [0] + [index[word] for word in prompt.lower().split()]
    return numbers + [0] * (length - len(numbers))


def _skips_unknown(prompt, index, length):
    numbers = [1] + [index[word] for word in prompt.lower().split() if word in index]
    return numbers + [0] * (length - len(numbers))


def _prompts():
    words = "a leaning right seven thick".split()
    prompts = ("a thick seven", 6), ("Seven leaning RIGHT", 4), ("", 3), ("a red seven", 6)
    return [
        (prompt, {word: number for number, word in enumerate(words, start=2)}, length)
        for prompt, length in prompts
    ]


exercise(
    "06.3",
    level=2,
    solution=tokenise,
    inputs=_prompts,
    task="Write `tokenise`: the start token 1, then the number of each word, then padding 0 up to "
    "`length`. `index` maps words in small letters to numbers; a word it does not know is a "
    "`KeyError`, which `index[word]` raises by itself. No prompt here has a comma, or more words "
    "than fit.",
    hint="`prompt.lower().split()` gives the words.",
    wrong={
        _without_start: "every prompt begins with the start token 1, the empty one too.",
        _pads_too_much: "one zero too many: the start token takes one of the `length` places.",
        _starts_with_zero: "0 is padding; the start token has number 1.",
        _minds_case: '"RIGHT" and "right" are one word: make all letters small first.',
        _without_padding: "all rows of a batch need one length: fill up with 0.",
        _skips_unknown: "a word that is not known must not be skipped in silence: the reader would "
        "wait for a red seven in vain.",
    },
)


def drop_captions(captions, draws, p):
    """captions, a list of B texts; draws (B,), uniform in 0..1; returns a list of B texts."""
    return ["" if draw < p else caption for caption, draw in zip(captions, draws.tolist())]


def _keeps_few(captions, draws, p):
    return [caption if draw < p else "" for caption, draw in zip(captions, draws.tolist())]


def _shortens(captions, draws, p):
    return [caption for caption, draw in zip(captions, draws.tolist()) if draw >= p]


def _at_p_too(captions, draws, p):
    return ["" if draw <= p else caption for caption, draw in zip(captions, draws.tolist())]


def _one_for_all(captions, draws, p):
    return [""] * len(captions) if draws[0] < p else captions


def _drawn_captions():
    g = torch.Generator().manual_seed(0)
    captions = [f"a {name}" for name in "zero one two three four five six seven".split()]
    cases = [(list(captions), torch.rand(8, generator=g), p) for p in (0.1, 0.5, 0.0, 1.0)]
    # one draw equals p: it keeps its caption
    return [*cases, (list(captions), torch.tensor([0.0, 0.25, 0.5, 0.75] * 2), 0.25)]


exercise(
    "06.4",
    level=2,
    solution=drop_captions,
    inputs=_drawn_captions,
    task='Write `drop_captions`: each caption is replaced by "" with probability p. The random '
    "numbers are handed in, so that a run can be repeated: caption i is dropped if `draws[i] < p`.",
    hint="The list stays as long as it was: every picture keeps a caption, be it an empty one.",
    wrong={
        _keeps_few: "the wrong way round: with p = 0.1 this keeps one caption in ten.",
        _shortens: "the captions no longer line up with their pictures: replace them, don't remove "
        "them.",
        _at_p_too: "a draw that equals p keeps its caption: with p = 0 nothing may ever be dropped.",
        _one_for_all: "each caption has a draw of its own; this drops all of them or none.",
    },
)


def listening(query, key, mask):
    """query (P, D), key (L, D), mask (L,) bool; returns (P, L), rows that add up to 1."""
    scores = query @ key.T / math.sqrt(query.shape[1])
    return scores.masked_fill(~mask, -math.inf).softmax(1)


def _masks_late(query, key, mask):
    return (query @ key.T / math.sqrt(query.shape[1])).softmax(1) * mask


def _unscaled(query, key, mask):
    return (query @ key.T).masked_fill(~mask, -math.inf).softmax(1)


def _fixed_scale(query, key, mask):
    return (query @ key.T / math.sqrt(16)).masked_fill(~mask, -math.inf).softmax(1)


def _without_mask(query, key, mask):
    return (query @ key.T / math.sqrt(query.shape[1])).softmax(1)


def _wrong_axis(query, key, mask):
    scores = query @ key.T / math.sqrt(query.shape[1])
    return scores.masked_fill(~mask, -math.inf).softmax(0)


def _zero_score(query, key, mask):
    scores = query @ key.T / math.sqrt(query.shape[1])
    return scores.masked_fill(~mask, 0).softmax(1)


def _hears_padding(query, key, mask):
    scores = query @ key.T / math.sqrt(query.shape[1])
    return scores.masked_fill(mask, -math.inf).softmax(1)


def _questions():
    g = torch.Generator().manual_seed(1)
    sizes = [(49, 6, 16, 4), (5, 11, 8, 7), (5, 11, 8, 1)]
    return [
        (torch.randn(P, D, generator=g), torch.randn(L, D, generator=g), torch.arange(L) < n)
        for P, L, D, n in sizes
    ]


exercise(
    "06.5",
    level=3,
    solution=listening,
    inputs=_questions,
    task="Write `listening`: how much each of P pixels listens to each of L tokens, the softmax over "
    r"the tokens of $q \cdot k / \sqrt{D}$, where a token whose mask is False gets exactly 0 and "
    "every row still adds up to 1.",
    hint=r"A score of $-\infty$ becomes a share of exactly 0, and `masked_fill` sets it.",
    wrong={
        _masks_late: "masked after the softmax: the rows no longer add up to 1. Mask the scores.",
        _unscaled: "the scores must be divided by sqrt(D).",
        _fixed_scale: "D is the width of query and key, here and there another one, not always 16.",
        _without_mask: "the mask is not used: padding is heard like any word.",
        _wrong_axis: "the softmax runs over the wrong axis: each row, one pixel, must add up to 1.",
        _zero_score: "a score of 0 is not silence: exp(0) = 1, so padding is still heard.",
        _hears_padding: "inverted: this listens to the padding and to nothing else.",
    },
)
