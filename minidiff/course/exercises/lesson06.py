"""Exercises of lesson 06: text steers the digits."""

import math

import torch

from minidiff.course.exercises import exercise


def silent():
    # Each of 49 places has a share for each of 11 tokens; the start token and three words are heard.
    return 49 * (11 - (1 + 3))


exercise(
    "06.1",
    level=1,
    solution=silent,
    task='The layer `up[0].cross_attention` hears the prompt "a thin nine". How many of its shares, averaged over the '
    'heads as in `listen`, are exactly 0? **Then count** them, with `listen(layer, torch.randn(1, 64, 7, 7), *encoder(["a thin '
    'nine"]))`, and those of the empty prompt.',
    hint="The table has a row for each of 7 x 7 places and a column for each of 11 tokens. Which columns are padding?",
    wrong={
        49 * 8: "the start token is heard, too, though it is no word.",
        49 * 6: "one token too few is heard: count the words and the start token again.",
        11 - 4: "that is one place; every place has a row of its own.",
        49 * 4: "those are the shares that are heard; the others are asked for.",
        49 * 11: "that is the whole table; the words and the start token are heard.",
        4 * 49 * 7: "averaged over the four heads, there is one table.",
        7 * (11 - 4): "the places are a square, 7 x 7 of them, not one row of seven.",
        49 * (10 - 4): "the ten words that fit and the start token make 11 columns.",
    },
)


def climbs(rungs):
    """rungs (R, N), a row for each prompt, a column for each noise; returns a share of the N."""
    return (rungs.diff(dim=0) > 0).all(0).float().mean().item()


def _climbing(how):
    """A wrong `climbs`: something else made of the steps (R - 1, N) and the rungs."""
    return lambda rungs: how(rungs.diff(dim=0), rungs)


_each_step = _climbing(lambda step, rungs: (step > 0).float().mean())
_ends_only = _climbing(lambda step, rungs: (rungs[-1] > rungs[0]).float().mean())
_may_rest = _climbing(lambda step, rungs: (step >= 0).all(0).float().mean())
_some_step = _climbing(lambda step, rungs: (step > 0).any(0).float().mean())
_of_the_means = _climbing(lambda step, rungs: (rungs.mean(1).diff() > 0).all().float())
_across = _climbing(lambda step, rungs: (rungs.diff() > 0).all(0).float().mean())
_descends = _climbing(lambda step, rungs: (step < 0).all(0).float().mean())
_counted = _climbing(lambda step, rungs: (step > 0).all(0).sum())
_not_all = _climbing(lambda step, rungs: 1 - (step > 0).all(0).float().mean())
_each_rung = _climbing(lambda step, rungs: (step > 0).all(1).float().mean())


def _ladders():
    g = torch.Generator().manual_seed(0)
    found = [(torch.tensor([[1.0, 2, 4, 3], [2, 2, 6, 1], [3, 4, 5, 0]]),)]
    for R, N, up in [(3, 20, 0.5), (5, 24, 1.2), (4, 30, 0.2)]:
        found.append((torch.arange(R)[:, None] * up + torch.randn(R, N, generator=g),))
    return found


exercise(
    "06.2",
    level=1,
    solution=climbs,
    inputs=_ladders,
    task="A ladder of prompts: each rung asks for more than the one before, all are painted from the same noises, and a ruler "
    "measures each picture. Write `climbs`: the share of noises for which *every* rung lies above the one before. **Then measure** "
    'the thickness, twenty noises a rung, of "a thin thin seven", "a thin seven", "a seven", "a thick seven" and "a thick thick seven". '
    'How many climb it all, and how many would by chance? And where do "a thin thick seven" and "a thick thin seven" stand?',
    hint="`diff(dim=0)` gives the steps from rung to rung; which of its columns are above 0 all the way? A rung is "
    "`captions.measure(model([prompt] * 20, seed=0, **fast))[:, 0]`, and `torch.stack` makes rows of them.",
    wrong={
        _each_step: "that counts single steps; a noise counts if all of its steps lead up.",
        _ends_only: "the rungs between the first and the last count as well.",
        _may_rest: "equal is not above: such a step does not climb.",
        _some_step: "one step up is not enough: all of them must lead up.",
        _of_the_means: "each noise has a ladder of its own; compare before you average.",
        _across: "the steps go from prompt to prompt, down a column; yours go from noise to noise.",
        _descends: "these climb down: the later rung is to be the higher one.",
        _counted: "that is a number of noises; divide by all of them.",
        _not_all: "that is the share that does not climb.",
        _each_rung: "that asks which rungs lift all noises; ask which noises all rungs lift.",
    },
)


def small_for_its_kind(sizes, labels, q):
    """sizes, labels (N,); returns (N,) bool: up to the q-quantile of the sizes of its label."""
    small = torch.zeros_like(labels, dtype=torch.bool)
    for label in labels.unique():
        kind = labels == label
        small[kind] = sizes[kind] <= torch.quantile(sizes[kind], q)
    return small


def _by_kind(how):
    """A wrong `small_for_its_kind`: another rule for the sizes of one kind."""

    def wrong(sizes, labels, q):
        small = torch.zeros_like(labels, dtype=torch.bool)
        for label in labels.unique():
            small[labels == label] = how(sizes[labels == label], q)
        return small

    return wrong


_cut_excluded = _by_kind(lambda own, q: own < torch.quantile(own, q))
_large = _by_kind(lambda own, q: own > torch.quantile(own, q))
_from_the_top = _by_kind(lambda own, q: own >= torch.quantile(own, 1 - q))
_other_end = _by_kind(lambda own, q: own <= torch.quantile(own, 1 - q))
_share_of_range = _by_kind(lambda own, q: own <= own.min() + q * (own.max() - own.min()))


def _one_cut(sizes, labels, q):
    return sizes <= torch.quantile(sizes, q)


def _mean_cut(sizes, labels, q):
    return sizes <= torch.stack([sizes[labels == k].quantile(q) for k in labels.unique()]).mean()


def _sizes():
    g = torch.Generator().manual_seed(1)
    found = []
    for kinds, n, q in (([0, 1, 2], 60, 0.3), ([1, 7, 8, 9], 50, 0.6), ([4], 20, 0.1)):
        labels = torch.tensor(kinds)[torch.randint(len(kinds), (n,), generator=g)]
        found.append((3.0 * labels + 10 + torch.randn(n, generator=g).exp(), labels, q))
    # here some sizes are the cut point itself
    return [*found, (torch.arange(10.0) * 7 % 11, torch.tensor([3, 5] * 5), 0.5)]


exercise(
    "06.3",
    level=2,
    solution=small_for_its_kind,
    inputs=_sizes,
    task="Nearly all ones are called small and hardly any zeros, since one cut point serves all digits. Write `small_for_its_kind`, with "
    "a cut point for each label: True where a size is not above the `q`-quantile of the sizes with the same label. **Then look**, with "
    "`measured[:, 2]` and `labels`: for $q = 0.3$ show, of each of the ten digits, the largest picture that is now called small. How many "
    'pixels have the one and the zero? How many of the 60,000 gain or lose the word? And what would become of "a large one"?',
    hint="For each of `labels.unique()`: pick its sizes by `labels == label`, and `torch.quantile(…, q)` of those is the cut point.",
    wrong={
        _one_cut: "that is one cut point for all; each label has its own.",
        _mean_cut: "the cut points of the labels must not be averaged: each goes with its own label.",
        _cut_excluded: "what lies at the cut point is small, too.",
        _large: "that is what is not small.",
        _from_the_top: "those are the large ones: small is the lowest share q.",
        _other_end: "the lowest share q, not all but the highest share q.",
        _share_of_range: "a quantile counts digits: q of them lie below it, wherever the smallest and the largest lie.",
    },
)


def carried(said, hidden):
    """said (N, 3), hidden (K, N, 3), measured; returns (K, 3), mean changes in spreads of `said`."""
    return (hidden - said).mean(1) / said.std(0)


def _of(how):
    """A wrong `carried`: something else made of the changes, of `said` and of `hidden`."""
    return lambda said, hidden: how(hidden - said, said, hidden)


_raw = _of(lambda change, said, hidden: change.mean(1))
_one_unit = _of(lambda change, said, hidden: change.mean(1) / said.std())
_own_spread = _of(lambda change, said, hidden: change.mean(1) / hidden.std(1))
_of_changes = _of(lambda change, said, hidden: change.mean(1) / change.std(1))
_in_errors = _of(lambda change, said, hidden: change.mean(1) / change.std(1) * len(said) ** 0.5)
_variance = _of(lambda change, said, hidden: change.mean(1) / said.var(0))
_times = _of(lambda change, said, hidden: change.mean(1) * said.std(0))
_by_n = _of(lambda change, said, hidden: change.mean(1) / said.std(0, correction=0))
_turned_sign = _of(lambda change, said, hidden: -change.mean(1) / said.std(0))
_unsigned = _of(lambda change, said, hidden: change.abs().mean(1) / said.std(0))
_unsigned_late = _of(lambda change, said, hidden: change.mean(1).abs() / said.std(0))
_over_words = _of(lambda change, said, hidden: change.mean(0) / said.std(0))
_each_picture = _of(lambda change, said, hidden: change / said.std(0))
_not_compared = _of(lambda change, said, hidden: hidden.mean(1) / said.std(0))


def _hidden_once():
    g = torch.Generator().manual_seed(2)
    unit, usual = torch.tensor([0.5, 6.0, 1.5]), torch.tensor([3.0, 18.0, 17.0])
    found = []
    for K, N in (6, 20), (2, 5), (1, 8):
        said = usual + unit * torch.randn(N, 3, generator=g)
        moved = torch.randn(K, 1, 3, generator=g) + 0.3 * torch.randn(K, N, 3, generator=g)
        found.append((said, said + unit * moved))
    return found


exercise(
    "06.4",
    level=2,
    solution=carried,
    inputs=_hidden_once,
    task="Which word carries which fact? Thickness and size are pixels, slant is degrees, so they need one unit. Write `carried`: for "
    "each of K hidden words the mean change of the three measurements over the N pictures, each divided by its standard deviation in "
    '`said` (`std(0)`). What shrinks is negative. **Then hide**, with `painted`, each of the six tokens of "a thick seven leaning right" in turn, from '
    "both ways, twenty pictures each, and print the table. Which facts go with which word? And which token, when it is hidden, makes the digit *thicker*? "
    'Would it in "a thin seven leaning right"?',
    hint="`hidden - said` is (K, N, 3): the pictures are its axis 1. `torch.stack` joins `captions.measure(painted([prompt] * 20, hidden=k))` "
    "for k = 0 to 5, under `torch.no_grad()`. For the last two questions: the shares of a place add up to 1.",
    wrong={
        _raw: "pixels and degrees still stand side by side: divide by the spread of each measurement.",
        _one_unit: "each measurement has a spread of its own; yours is one for all.",
        _own_spread: "the unit is the spread with the word heard, one for all hidden words.",
        _of_changes: "the unit is the spread of what is measured in `said`, not of its changes.",
        _in_errors: "those are standard errors: they tell whether a change is luck, not whether it is large.",
        _times: "to count in spreads, divide by the spread; do not multiply.",
        _unsigned_late: "without its sign nobody can see whether a word made more or less of it.",
        _variance: "that is the variance; a standard deviation is its root.",
        _by_n: "`std(0)` divides by N - 1; yours by N.",
        _turned_sign: "the sign: what shrinks when the word is hidden is negative.",
        _unsigned: "a change has a sign: up and down must not be added up.",
        _over_words: "that is a mean over the words; take it over the pictures, axis 1.",
        _each_picture: "take the mean over the pictures: (K, 3).",
        _not_compared: "what is asked for is the change: take off what `said` measures.",
    },
)


def listening(query, key, volume):
    """query (..., P, D), key (..., L, D), volume (L,), at least 0; returns shares (..., P, L)."""
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    heard = volume * scores.softmax(-1)
    return heard / heard.sum(-1, keepdim=True)


def _shared(how):
    """A wrong `listening`: something else made of the right scores and the volume."""
    return lambda query, key, volume: how(query @ key.mT / math.sqrt(query.shape[-1]), volume)


_not_to_one = _shared(lambda scores, volume: volume * scores.softmax(-1))
_without_volume = _shared(lambda scores, volume: scores.softmax(-1))
_on_scores = _shared(lambda scores, volume: (volume * scores).softmax(-1))
_added = _shared(lambda scores, volume: (scores + volume).softmax(-1))
_only_mask = _shared(lambda scores, volume: scores.masked_fill(volume == 0, -math.inf).softmax(-1))
_soft_twice = _shared(lambda scores, volume: (volume * scores.softmax(-1)).softmax(-1))
_wrong_axis = _shared(lambda scores, volume: (scores + volume.log()).softmax(-2))
_only_scores = _shared(lambda scores, volume: scores + volume.log())


def _scaled(factor):
    """A wrong `listening`: scores times a factor, of query and key, in place of 1 / sqrt(D)."""
    return lambda q, k, volume: (q @ k.mT * factor(q, k) + volume.log()).softmax(-1)


_unscaled = _scaled(lambda query, key: 1)
_fixed_scale = _scaled(lambda query, key: 1 / math.sqrt(16))
_without_root = _scaled(lambda query, key: 1 / query.shape[-1])
_by_pixels = _scaled(lambda query, key: 1 / math.sqrt(query.shape[-2]))
_by_tokens = _scaled(lambda query, key: 1 / math.sqrt(key.shape[-2]))


def _questions():
    g = torch.Generator().manual_seed(1)
    sizes = [((), 49, 6, 16), ((), 5, 4, 8), ((2, 4), 9, 5, 16)]
    volumes = [[1, 1, 4, 1, 0, 0], [0.5, 3, 1, 2], [1, 0, 8, 0.25, 0]]
    found = []
    for (many, P, L, D), volume in zip(sizes, volumes):
        query, key = (torch.randn(*many, n, D, generator=g) for n in (P, L))
        found.append((query, key, torch.tensor(volume).float()))
    return found


exercise(
    "06.5",
    level=3,
    solution=listening,
    inputs=_questions,
    task=r"Words with a volume. Write `listening`: the shares with which P places hear L tokens, where token $j$ has the volume $v_j$ and its "
    r"share is proportional to $v_j \, e^{s_{ij}}$, with $s_{ij}$ as in the lesson; every row adds up to 1. So a mask is the volumes 0 and 1, and 2 hears a "
    'token as if it stood there twice. **Then turn it up**: let the three `listeners` hear this way, with the volume 0, 1, 2, 4, 8 and 16 for "thick" in "a thick '
    'seven leaning right", paint ten pictures for each with `painted`, and draw with `viz.curve` the thickness over the volume. Does the slant stay as it is? And which word would you turn up for more of that?',
    hint="Multiply the softmax by the volumes, then divide each row by its sum. For the picture, copy `listen`, use your function on its `q` and `k`, with "
    "`mask[0] * volume`, and hook it to each layer: what a forward hook returns takes the place of the output, `lambda layer, told, heard: loud(layer, *told)`. Paint under `torch.no_grad()`, and remove the hooks at the end.",
    wrong={
        _not_to_one: "the rows no longer add up to 1: divide each by its sum.",
        _without_volume: "the volume is not used: padding is heard like any word.",
        _on_scores: "the volume multiplies shares, not scores: a score times 0 is 0, and that is no silence.",
        _added: "added to a score, a volume v makes exp(v) of the share: add its logarithm.",
        _only_mask: "only silence is heard here: a volume other than 0 and 1 counts as well.",
        _soft_twice: "one softmax is enough: after the volumes, divide by the sum.",
        _only_scores: "these are the scores; shares that add up to 1 are still to be made of them.",
        _wrong_axis: "the softmax runs over the wrong axis: each row, one place, must add up to 1.",
        _unscaled: "the scores must be divided by sqrt(D).",
        _without_root: "the root is missing: a sum of D products grows with sqrt(D), not with D.",
        _by_pixels: "D is the width of a query; yours is the number of places, along another axis.",
        _by_tokens: "D is the width of a key; yours is the number of tokens, along another axis.",
        _fixed_scale: "D is the width of query and key, here and there another one, not always 16.",
    },
)
