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


def _swapped(cond, null, w):
    return cond + w * (null - cond)


def _two_estimates():
    generator = torch.Generator().manual_seed(0)
    sizes = (4, 2), (4, 2), (4, 2), (3, 1, 5, 5)
    return [
        (*torch.randn(2, *size, generator=generator), w)
        for size, w in zip(sizes, (0.0, 1.0, 3.0, 1.5))
    ]


exercise(
    "07.1",
    level=1,
    solution=walk_along,
    inputs=_two_estimates,
    task="Write `walk_along`: start at the estimate without the prompt, `null`, and walk `w` times "
    "the way to the one with the prompt, `cond`. So $w = 0$ gives `null`, $w = 1$ gives `cond`.",
    hint="The way from null to cond is cond - null. Take it w times, beginning at null.",
    wrong={
        _away: "the sign is wrong: that walks away from the prompt.",
        _off_by_one: "w = 1 should give cond. Yours starts at cond, which is Ho & Salimans' way to count.",
        _swapped: "w = 0 gives cond and w = 1 gives null: the two estimates are swapped.",
    },
)


def to_ours(paper_w):
    """Our w for a w of Ho & Salimans, who write (1 + w) cond - w null."""
    return paper_w + 1


def _minus(paper_w):
    return paper_w - 1


def _never_below_one(paper_w):
    return max(paper_w, 0) + 1


def _the_same(paper_w):
    return paper_w


exercise(
    "07.2",
    level=1,
    solution=to_ours,
    inputs=lambda: [(0.0,), (0.3,), (4.0,), (-1.0,)],
    task="A program guides with Ho & Salimans' formula, $(1 + w)$ `cond` $-\\ w$ `null`. Write "
    "`to_ours`, which turns its $w$ into the one that does the same here.",
    hint="For which w does their formula give plain cond? For which does ours?",
    wrong={
        _minus: "that is the other direction: from ours to theirs.",
        _never_below_one: "their w may be negative, too: -1 is what the empty prompt gives.",
        _the_same: "their w = 0 is plain cond; here that is w = 1.",
    },
)


def steer_away(cond, null, negative, w):
    """The guided estimate with a negative prompt."""
    return negative + w * (cond - negative)


def _from_null(cond, null, negative, w):
    return null + w * (cond - negative)


def _ignores(cond, null, negative, w):
    return null + w * (cond - null)


def _paper_way(cond, null, negative, w):
    return (1 + w) * cond - w * negative


def _subtracts(cond, null, negative, w):
    return cond - w * negative


def _three_estimates():
    generator = torch.Generator().manual_seed(1)
    sizes = (4, 2), (4, 2), (3, 1, 5, 5)
    return [
        (*torch.randn(3, *size, generator=generator), w) for size, w in zip(sizes, (1.0, 2.0, 0.0))
    ]


exercise(
    "07.3",
    level=2,
    solution=steer_away,
    inputs=_three_estimates,
    task="Three estimates of one noisy picture: `cond` with the prompt, `null` without, `negative` "
    "with the negative prompt. Write `steer_away`, the guided estimate as this lesson uses a "
    "negative prompt. One of the four arguments is not needed.",
    hint="The negative prompt takes the place of the empty one, everywhere.",
    wrong={
        _from_null: "it replaces null at both places: the walk also starts at the negative estimate.",
        _ignores: "that is plain guidance: the negative prompt plays no part in it.",
        _paper_way: "that is the paper's way to count: here w = 1 is plain cond.",
        _subtracts: "a weighted mean needs weights that sum to 1, or w = 1 is not plain cond.",
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


def _everywhere(ts, low, high):
    return 2 * (len(ts) - 1)


def _asks_at_the_end(ts, low, high):
    return len(ts) + int(((low <= ts) & (ts <= high)).sum())


def _grids():
    between = [
        (uniform_grid(n), *limits) for n in (10, 25) for limits in [(0.23, 0.77), (0.51, 0.99)]
    ]
    # limits that are times of the grid, and the two ends of it
    on_it = [
        (uniform_grid(8), *limits) for limits in [(0.25, 0.8), (0.2, 0.75), (0.0, 0.6), (0.6, 1.0)]
    ]
    return between + on_it


exercise(
    "07.4",
    level=2,
    solution=calls_within,
    inputs=_grids,
    task="DDIM asks its denoiser once a step, at the time where the step starts. The denoiser is "
    "guided where `low` $\\le t \\le$ `high`, and plain elsewhere. Write `calls_within`: how often is "
    "the *network* called on the grid of times `ts`?",
    hint="Every step asks with the prompt. Which steps ask a second time?",
    wrong={
        _guided_only: "the steps outside the interval ask the network as well, once each.",
        _everywhere: "outside the interval a step needs only one call.",
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


def _one_for_all(guided, plain, share):
    return (share * plain.std() / guided.std() + (1 - share)).expand(len(guided))


def _power(guided, plain, share):
    return (plain.flatten(1).std(1) / guided.flatten(1).std(1)) ** share


def _over_three_axes(guided, plain, share):
    dims = tuple(range(1, 4))
    return share * plain.std(dims) / guided.std(dims) + (1 - share)


def _share_of_the_other(guided, plain, share):
    return (1 - share) * plain.flatten(1).std(1) / guided.flatten(1).std(1) + share


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
    task="Write `spread_factor`, the heart of `guidance_rescale`: for each sample of a batch "
    "`guided` (B, ...), "
    "the number that it is multiplied with. `share` 0 gives 1; `share` 1 gives the number that "
    "brings the sample's standard deviation to that of its partner in `plain`; in between, the two "
    "are mixed linearly.",
    hint="flatten(1) makes one row of each sample, std(1) measures each row. Then mix with 1.",
    wrong={
        _upside_down: "upside down: a guided sample that is too wide must shrink.",
        _one_for_all: "each sample has its own factor; yours measures the whole batch at once.",
        _power: "mix linearly: share times the ratio, plus 1 - share.",
        _over_three_axes: "samples may have any number of axes: flatten(1) makes one row of each.",
        _share_of_the_other: "share 0 should give 1, and share 1 the whole correction.",
    },
)
