"""Exercises of lesson 07: classifier-free guidance."""

import torch

from minidiff.course.exercises import exercise
from minidiff.schedules import uniform_grid


def walk_along(cond, null, w):
    """The guided estimate from the one with and the one without the prompt."""
    return null + w * (cond - null)


def _away(cond, null, w):
    return null - w * (cond - null)


def _off_by_one(cond, null, w):
    return cond + w * (cond - null)


def _two_estimates():
    generator = torch.Generator().manual_seed(0)
    cases = zip((0.0, 1.0, 3.0, 1.5, -1.0), 4 * [(4, 2)] + [(3, 1, 5, 5)])
    return [(*torch.randn(2, *size, generator=generator), w) for w, size in cases]


exercise(
    "07.1",
    level=1,
    solution=walk_along,
    inputs=_two_estimates,
    task="Write `walk_along`: start at the estimate without the prompt, `null`, and walk `w` times "
    "the way to the one with the prompt, `cond`. So $w = 0$ gives `null`, $w = 1$ gives `cond`. "
    "**Then look** where the lesson did not: one may walk the other way, too. Paint twenty times "
    '"seven" with `paint` at $w = -1$. How many of them does the judge read as sevens?',
    hint="The way from null to cond is cond - null. Take it w times, beginning at null.",
    wrong={
        _away: "the sign is wrong: that walks away from the prompt.",
        _off_by_one: "w = 1 should give cond. Yours starts at cond, which is Ho & Salimans' way to count.",
    },
)


def found_w(cond, null, guided):
    """Of each sample (B, ...), the w whose point on the line from null to cond is nearest to guided, (B,)."""
    way, gone = (cond - null).flatten(1), (guided - null).flatten(1)
    return (gone * way).sum(1) / (way * way).sum(1)


def _counted_from_cond(cond, null, guided):
    return found_w(cond, null, guided) - 1


def _one_for_all(cond, null, guided):
    way = cond - null
    return (((guided - null) * way).sum() / (way * way).sum()).expand(len(cond))


def _lengths(cond, null, guided):
    return (guided - null).flatten(1).norm(dim=1) / (cond - null).flatten(1).norm(dim=1)


def _mean_ratio(cond, null, guided):
    return ((guided - null) / (cond - null)).flatten(1).mean(1)


def _lines():
    """Estimates on the line and beside it, with a w of its own for each sample, below 0 too."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for size, beside in [((6, 2), 0), ((4, 1, 5, 5), 0.3), ((8, 3), 0.5)]:
        cond, null, off = torch.randn(3, *size, generator=generator)
        w = torch.linspace(-1, 4, size[0]).roll(1).view(-1, *[1] * (len(size) - 1))
        found.append((cond, null, null + w * (cond - null) + beside * off))
    return found


exercise(
    "07.2",
    level=2,
    solution=found_w,
    inputs=_lines,
    task="A program does not say how it counts, but you can get at its three estimates: `cond`, `null` "
    "and the one that it uses, `guided`. Write `found_w`: for each sample of the batch the $w$, in our counting, for which "
    "`null + w * (cond - null)` has the least squared distance to `guided`. **Then measure**: section 6 paints with "
    "$w = 8$ and clamps each estimate. For the noisy pictures `model.noise(96)` at $t = 1$, which $w$ is left of 8 after "
    "the clamp, in the mean? And of 2?",
    hint="With d = cond - null, the squared distance is a parabola in w, lowest where (guided - null - w d) times d "
    "sums to 0. Solve that for w; flatten(1) makes one row of each sample.",
    wrong={
        _counted_from_cond: "that is Ho & Salimans' w, counted from cond: here w = 1 is plain cond.",
        _one_for_all: "each sample has a w of its own; yours is one for the whole batch.",
        _lengths: "lengths know no direction: w may be negative, and what lies beside the line does not count.",
        _mean_ratio: "a mean of ratios is ruled by the entries where cond and null nearly agree.",
    },
)


def composed(null, conds, ws):
    """Start at null (B, ...), and walk along each of conds, its w times; ws, a number for each."""
    return null + sum(w * (cond - null) for cond, w in zip(conds, ws))


def _one_after_the_other(null, conds, ws):
    for cond, w in zip(conds, ws):
        null = null + w * (cond - null)
    return null


def _averaged(null, conds, ws):
    return null + sum(w * (cond - null) for cond, w in zip(conds, ws)) / len(ws)


def _starts_again(null, conds, ws):
    return sum(null + w * (cond - null) for cond, w in zip(conds, ws))


def _several():
    generator = torch.Generator().manual_seed(2)
    found = []
    for size, ws in ((4, 2), [2.0, 3.0]), ((3, 1, 5, 5), [1.5, -1.0, 0.5]), ((5, 2), [4.0]):
        null, *conds = torch.randn(len(ws) + 1, *size, generator=generator)
        found.append((null, conds, ws))
    return found


exercise(
    "07.3",
    level=2,
    solution=composed,
    inputs=_several,
    task="Two prompts at once: each has its own way from the empty prompt. Write `composed`: begin at `null`, "
    "walk `ws[0]` times the way from `null` to `conds[0]`, and from there on `ws[1]` times the way from `null` to "
    'the next one, and so on. **Then paint** twenty pictures for "a three" and "an eight" at once, each with $w = 2$, '
    'with `sampled` of section 5. What comes, and what comes of "a thick digit" with 2 and "a three" with -2?',
    hint="Every way begins at null: the sum of w times (cond - null), added to null once. For the picture give "
    '`sampled` a clamped function of x and t that asks `given(model.denoiser, *model.encoder(["a three"] * 20))` and its fellows.',
    wrong={
        _one_after_the_other: "each way begins at null, not at the place where the last walk ended.",
        _averaged: "the walks add up; they are not averaged.",
        _starts_again: "null is there once, not once for each prompt.",
    },
)


def calls_within(ts, low, high):
    """Network calls of a one-call-a-step sampler, guided only where low <= t <= high."""
    starts = ts[:-1]  # the last time is where the walk ends: nothing is asked there
    guided = (low <= starts) & (starts <= high)
    return len(starts) + int(guided.sum())


def _at_the_ends(ts, low, high):
    ends = ts[1:]
    return len(ends) + int(((low <= ends) & (ends <= high)).sum())


def _open_interval(ts, low, high):
    starts = ts[:-1]
    return len(starts) + int(((low < starts) & (starts < high)).sum())


def _guided_only(ts, low, high):
    starts = ts[:-1]
    return 2 * int(((low <= starts) & (starts <= high)).sum())


def _asks_at_the_end(ts, low, high):
    return len(ts) + int(((low <= ts) & (ts <= high)).sum())


def _grids():
    """Limits between the times of a grid, then limits that are times of it, and its two ends."""
    cases = [(n, *limits) for n in (10, 25) for limits in [(0.23, 0.77), (0.51, 0.99)]]
    cases += [(8, *limits) for limits in [(0.25, 0.8), (0.2, 0.75), (0.0, 0.6), (0.6, 1.0)]]
    return [(uniform_grid(n), low, high) for n, low, high in cases]


exercise(
    "07.4",
    level=2,
    solution=calls_within,
    inputs=_grids,
    task="DDIM asks its denoiser once a step, at the time where the step starts. The denoiser is "
    "guided where `low` $\\le t \\le$ `high`, and plain elsewhere. Write `calls_within`: how often is "
    "the *network* called on the grid of times `ts`? **Then find**, on the clouds of section 3 with 50 steps "
    "at $w = 8$, the largest `high` of 0.5, 0.6 to 1 that leaves less than a tenth of the points outside. How many calls is that?",
    hint="Every step asks with the prompt. Which steps ask a second time?",
    wrong={
        _guided_only: "the steps outside the interval ask the network as well, once each.",
        _at_the_ends: "a step asks at the time where it starts, not where it ends.",
        _open_interval: "the limits belong to the interval: a step that starts at one of them is guided.",
        _asks_at_the_end: "ts holds one time more than there are steps: nothing is asked at the last.",
    },
)


def spread_factor(guided, plain, share):
    """What each guided sample (B, ...) is multiplied with, about its mean: (B,)."""
    ratio = plain.flatten(1).std(1) / guided.flatten(1).std(1)
    return share * ratio + (1 - share)


def _upside_down(guided, plain, share):
    return share * guided.flatten(1).std(1) / plain.flatten(1).std(1) + (1 - share)


def _whole_batch(guided, plain, share):
    return (share * plain.std() / guided.std() + (1 - share)).expand(len(guided))


def _power(guided, plain, share):
    return (plain.flatten(1).std(1) / guided.flatten(1).std(1)) ** share


def _over_three_axes(guided, plain, share):
    dims = tuple(range(1, 4))
    return share * plain.std(dims) / guided.std(dims) + (1 - share)


def _spreads():
    generator = torch.Generator().manual_seed(2)
    size = torch.tensor([1.0, 2.0, 4.0]).view(3, 1, 1, 1)
    pictures = [
        (size * guided, plain, share)
        for share in (0.0, 0.3, 1.0)
        for guided, plain in [torch.randn(2, 3, 1, 4, 4, generator=generator)]
    ]
    points = torch.tensor([[0.5], [3.0]]) * torch.randn(2, 6, generator=generator)
    return [*pictures, (points, torch.randn(2, 6, generator=generator), 0.5)]


exercise(
    "07.5",
    level=3,
    solution=spread_factor,
    inputs=_spreads,
    task="Write `spread_factor`, the heart of `guidance_rescale`: for each sample of a batch `guided` (B, ...), the "
    "number that it is multiplied with. `share` 0 gives 1; `share` 1 gives the number that brings the sample's standard "
    "deviation to that of its partner in `plain`; in between, the two are mixed linearly. **Then draw** with `viz.curve` the mean factor over $t$, at the twelve times of section 6, for $w = 2$ "
    "and $w = 8$ at share 1. At which end of the walk does rescaling act?",
    hint="flatten(1) makes one row of each sample, std(1) measures each row. Then mix with 1. For the curve, the noisy "
    "pictures on the way are what a sampler yields.",
    wrong={
        _upside_down: "upside down: a guided sample that is too wide must shrink.",
        _whole_batch: "each sample has its own factor; yours measures the whole batch at once.",
        _power: "mix linearly: share times the ratio, plus 1 - share.",
        _over_three_axes: "samples may have any number of axes: flatten(1) makes one row of each.",
    },
)


def chosen_w(ws, obeyed, recalls, least):
    """Of the settings with a recall of at least `least`, the one obeyed best; of equals the smallest w."""
    allowed = [(-right, w) for w, right, recall in zip(ws, obeyed, recalls) if recall >= least]
    return min(allowed)[1]


def _most_allowed(ws, obeyed, recalls, least):
    return max(w for w, recall in zip(ws, recalls) if recall >= least)


def _obeyed_best(ws, obeyed, recalls, least):
    return min(zip([-right for right in obeyed], ws))[1]


def _largest_of_equals(ws, obeyed, recalls, least):
    return max((right, w) for w, right, recall in zip(ws, obeyed, recalls) if recall >= least)[1]


def _settings():
    """A tie, settings out of order, a recall that is just enough, and one setting alone."""
    return [
        ([1.0, 1.5, 2.0, 4.0], [0.9, 0.97, 0.97, 1.0], [0.9, 0.85, 0.8, 0.6], 0.8),
        ([3.0, 1.0, 2.0], [0.98, 0.92, 0.99], [0.75, 0.9, 0.8], 0.72),
        ([1.0, 1.5, 2.0, 4.0], [0.9, 0.8, 0.97, 0.98], [0.9, 0.8, 0.7, 0.6], 0.7),
        ([0.5, 1.0, 2.0], [0.2, 0.9, 1.0], [0.95, 0.8, 0.7], 0.9),
    ]


exercise(
    "07.6",
    level=2,
    solution=chosen_w,
    inputs=_settings,
    task="What section 5 measures is there to choose by. Write `chosen_w`: of the settings `ws` whose recall is at least "
    "`least`, the one at which most is obeyed; where several are equal, the smallest. At least one is always allowed. "
    "**Then choose**: paint and measure as in section 5, at $w$ = 1, 1.25, 1.5, 2 and 3 and with noises of its own (`seed=500`). "
    "Which $w$ is it for a recall of 0.8, and for 0.7?",
    hint="Keep the allowed ones first. Among pairs of (-obeyed, w) the least one is best, and of equals it has the smallest w.",
    wrong={
        _most_allowed: "that is the largest w allowed, whether or not it buys anything.",
        _obeyed_best: "recall plays no part: some of these settings are not allowed.",
        _largest_of_equals: "where several are obeyed equally, the smallest w costs the least diversity.",
    },
)
