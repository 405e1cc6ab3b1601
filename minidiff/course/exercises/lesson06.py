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
        1: "that is the mask of the empty prompt; each word has a token, too.",
        4: "each word counts, the little ones as well, and so does what stands before them.",
        10: "that is the length without the start token; it is the padding that does not count.",
        12: "more tokens than there are: the start token is one of the 11.",
        5: "those are the words; which token stands before every prompt?",
        7: "the words and the start token: count them again.",
        11: "that is the length after padding; padding does not count.",
    },
)


def padding_mask(lengths, L):
    """lengths (B,), words in each prompt; returns (B, L) bool, True on start token and words."""
    return torch.arange(L) <= lengths[:, None]


def _compared(how):
    """A wrong `padding_mask`: another comparison of places, from 0, and the numbers of words."""
    return lambda lengths, L: how(torch.arange(L), lengths[:, None])


_forgets_start = _compared(lambda place, words: place < words)
_inverted = _compared(lambda place, words: place > words)
_turned_round = _compared(lambda place, words: place >= words)
_one_too_many = _compared(lambda place, words: place <= words + 1)
_other_way_round = _compared(lambda place, words: (place <= words).T)


def _all_true(lengths, L):
    return torch.ones(len(lengths), L, dtype=torch.bool)


def _not_each_place(lengths, L):
    return L <= lengths[:, None]


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
        _turned_round: "the comparison points the wrong way: the words are the places up to the last "
        "word's, not from there on.",
        _not_each_place: "L is one number; compare each of the places 0 to L - 1.",
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


def _pads_first(prompt, index, length):
    numbers = [1] + [index[word] for word in prompt.lower().split()]
    return [0] * (length - len(numbers)) + numbers


def _made(start=1, pad=0, pads=lambda length, made: length - made):
    """A wrong `tokenise`: another start token or padding, or another number of paddings."""

    def wrong(prompt, index, length):
        numbers = [start] + [index[word] for word in prompt.lower().split()]
        return numbers + [pad] * pads(length, len(numbers))

    return wrong


_starts_with_zero, _starts_with_two = _made(start=0), _made(start=2)
_pads_with_start, _pads_with_minus = _made(pad=1), _made(pad=-1)
_without_padding = _made(pads=lambda length, made: 0)
_pads_too_much = _made(pads=lambda length, made: length - made + 1)
_pads_by_length = _made(pads=lambda length, made: length)
_pads_by_sum = _made(pads=lambda length, made: length + made)
_pads_once = _made(pads=lambda length, made: 1)


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
        _starts_with_two: "2 is the number of the first word in `index`; the start token has another.",
        _pads_with_start: "1 is the start token, and there is only one; padding has another number.",
        _pads_with_minus: "padding is 0 here, not -1.",
        _pads_first: "the padding comes at the end: the start token keeps the first place.",
        _pads_by_length: "`length` is that of the whole: what has its place already needs no padding.",
        _pads_by_sum: "a sign: the more numbers there are, the less is to be filled up.",
        _pads_once: "one zero will not do for every prompt: how many are missing up to `length`?",
        _minds_case: '"RIGHT" and "right" are one word: make all letters small first.',
        _without_padding: "all rows of a batch need one length: fill up with 0.",
        _skips_unknown: "a word that is not known must not be skipped in silence: the reader would "
        "wait for a red seven in vain.",
    },
)


def drop_captions(captions, draws, p):
    """captions, a list of B texts; draws (B,), uniform in 0..1; returns a list of B texts."""
    return ["" if draw < p else caption for caption, draw in zip(captions, draws.tolist())]


def _dropped(where):
    """A wrong `drop_captions`: another condition on a draw and p."""
    return lambda captions, draws, p: [
        "" if where(draw, p) else caption for caption, draw in zip(captions, draws.tolist())
    ]


_keeps_few = _dropped(lambda draw, p: draw >= p)
_above_p = _dropped(lambda draw, p: draw > p)
_at_p_too = _dropped(lambda draw, p: draw <= p)
_never, _always = _dropped(lambda draw, p: False), _dropped(lambda draw, p: True)


def _shortens(captions, draws, p):
    return [caption for caption, draw in zip(captions, draws.tolist()) if draw >= p]


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
        _never: "nothing is ever dropped: what becomes of a caption whose draw is below p?",
        _always: "all of them are dropped: a caption stays where its draw is not below p.",
        _above_p: "the comparison points the wrong way: a small draw drops, a large one keeps.",
        _one_for_all: "each caption has a draw of its own; this drops all of them or none.",
    },
)


def listening(query, key, mask):
    """query (P, D), key (L, D), mask (L,) bool; returns (P, L), rows that add up to 1."""
    scores = query @ key.T / math.sqrt(query.shape[1])
    return scores.masked_fill(~mask, -math.inf).softmax(1)


def _shared(how):
    """A wrong `listening`: something else made of the right scores and the mask."""
    return lambda query, key, mask: how(query @ key.T / math.sqrt(query.shape[1]), mask)


_masks_late = _shared(lambda scores, mask: scores.softmax(1) * mask)
_without_mask = _shared(lambda scores, mask: scores.softmax(1))
_wrong_axis = _shared(lambda scores, mask: scores.masked_fill(~mask, -math.inf).softmax(0))
_zero_score = _shared(lambda scores, mask: scores.masked_fill(~mask, 0).softmax(1))
_hears_padding = _shared(lambda scores, mask: scores.masked_fill(mask, -math.inf).softmax(1))
_only_scores = _shared(lambda scores, mask: scores.masked_fill(~mask, -math.inf))
_plus_infinity = _shared(lambda scores, mask: scores.masked_fill(~mask, math.inf).softmax(1))


def _scaled(factor):
    """A wrong `listening`: scores times a factor, of query and key, in place of 1 / sqrt(D)."""

    def wrong(query, key, mask):
        scores = query @ key.T * factor(query, key)
        return scores.masked_fill(~mask, -math.inf).softmax(1)

    return wrong


_unscaled = _scaled(lambda query, key: 1)
_fixed_scale = _scaled(lambda query, key: 1 / math.sqrt(16))
_without_root = _scaled(lambda query, key: 1 / query.shape[1])
_multiplied = _scaled(lambda query, key: math.sqrt(query.shape[1]))
_by_pixels = _scaled(lambda query, key: 1 / math.sqrt(query.shape[0]))
_by_tokens = _scaled(lambda query, key: 1 / math.sqrt(key.shape[0]))


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
        _without_root: "the root is missing: a sum of D products grows with sqrt(D), not with D.",
        _multiplied: "a large D makes scores large, so they are divided, not multiplied.",
        _by_pixels: "D is the width of a query; yours is the number of pixels, along another axis.",
        _by_tokens: "D is the width of a key; yours is the number of tokens, along another axis.",
        _only_scores: "these are the scores; shares that add up to 1 are still to be made of them.",
        _plus_infinity: "NaN: a share of 0 comes of minus infinity; plus infinity, or 0 times it, gives no number.",
        _fixed_scale: "D is the width of query and key, here and there another one, not always 16.",
        _without_mask: "the mask is not used: padding is heard like any word.",
        _wrong_axis: "the softmax runs over the wrong axis: each row, one pixel, must add up to 1.",
        _zero_score: "a score of 0 is not silence: exp(0) = 1, so padding is still heard.",
        _hears_padding: "inverted: this listens to the padding and to nothing else.",
    },
)
