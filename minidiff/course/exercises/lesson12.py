"""Exercises of lesson 12: pitfalls."""

import torch

from minidiff.course.exercises import exercise


def picture_flop(steps, guided, call, decode):
    """steps in all, guided of them with guidance; call and decode in FLOP; returns FLOP."""
    return (steps + guided) * call + decode


def _always_guided(steps, guided, call, decode):
    return 2 * steps * call + decode


def _never_guided(steps, guided, call, decode):
    return steps * call + decode


def _decodes_each_step(steps, guided, call, decode):
    return (steps + guided) * call + steps * decode


def _budgets():
    return [(25, 25, 3e8, 8e8), (12, 5, 3e8, 8e8), (50, 0, 7e11, 2e12), (4, 3, 10.0, 7.0)]


exercise(
    "12.1",
    level=1,
    solution=picture_flop,
    inputs=_budgets,
    task="Write `picture_flop`, the operations for one picture. Of `steps` steps of `dpmpp_2m`, "
    "`guided` are guided, the others not; `call` is the cost of one call of the network, `decode` "
    "that of the decoder.",
    hint="Every step calls once, a guided step once more. How often is a picture decoded?",
    wrong={
        _always_guided: "only `guided` of the steps ask twice.",
        _never_guided: "a guided step asks twice: with the prompt and without.",
        _decodes_each_step: "the decoder works once, when the latents are finished.",
    },
)


def watt_hours(flop, speed, watts):
    """flop operations at `speed` FLOP/s on a machine that draws `watts`; returns watt-hours."""
    seconds = flop / speed
    return watts * seconds / 3600


def _joules(flop, speed, watts):
    return watts * flop / speed


def _minutes(flop, speed, watts):
    return watts * flop / speed / 60


def _upside_down(flop, speed, watts):
    return watts * speed / flop / 3600


def _machines():
    return [(8e9, 25e9, 10.0), (3.4e13, 1e14, 400.0)]


exercise(
    "12.2",
    level=1,
    solution=watt_hours,
    inputs=_machines,
    task="Write `watt_hours`: the energy of `flop` operations on a machine that does `speed` of them "
    "a second and draws `watts` meanwhile. A watt-hour is one watt for one hour.",
    hint="How many seconds does it take? A watt for a second is a joule.",
    wrong={
        _joules: "those are joules, watts times seconds; an hour has 3600 seconds.",
        _minutes: "those are watt-minutes: an hour has 3600 seconds.",
        _upside_down: "the time is operations over speed, not the other way round.",
    },
)


def points_euler(ink):
    """ink (N, H, W) booleans; returns points - pairs + squares (N,)."""
    points = ink.sum((1, 2))
    beside = (ink[:, :, 1:] & ink[:, :, :-1]).sum((1, 2))
    above = (ink[:, 1:] & ink[:, :-1]).sum((1, 2))
    squares = ink[:, 1:, 1:] & ink[:, 1:, :-1] & ink[:, :-1, 1:] & ink[:, :-1, :-1]
    return points - beside - above + squares.sum((1, 2))


def _no_squares(ink):
    beside = (ink[:, :, 1:] & ink[:, :, :-1]).sum((1, 2))
    above = (ink[:, 1:] & ink[:, :-1]).sum((1, 2))
    return ink.sum((1, 2)) - beside - above


def _only_beside(ink):
    return ink.sum((1, 2)) - (ink[:, :, 1:] & ink[:, :, :-1]).sum((1, 2))


def _any_of_four(ink):
    beside = (ink[:, :, 1:] & ink[:, :, :-1]).sum((1, 2))
    above = (ink[:, 1:] & ink[:, :-1]).sum((1, 2))
    squares = ink[:, 1:, 1:] | ink[:, 1:, :-1] | ink[:, :-1, 1:] | ink[:, :-1, :-1]
    return ink.sum((1, 2)) - beside - above + squares.sum((1, 2))


def _adds_all(ink):
    beside = (ink[:, :, 1:] & ink[:, :, :-1]).sum((1, 2))
    above = (ink[:, 1:] & ink[:, :-1]).sum((1, 2))
    squares = ink[:, 1:, 1:] & ink[:, 1:, :-1] & ink[:, :-1, 1:] & ink[:, :-1, :-1]
    return ink.sum((1, 2)) + beside + above + squares.sum((1, 2))


def _all_together(ink):
    return points_euler(ink).sum()


def _shapes():
    ring = torch.ones(2, 6, 6, dtype=torch.bool)
    ring[0, 2:4, 2:4] = ring[1, 1, 1:3] = ring[1, 4, 4] = False
    random = torch.rand(3, 8, 5, generator=torch.Generator().manual_seed(0)) < 0.6
    return [(ring,), (random,)]


exercise(
    "12.3",
    level=2,
    solution=points_euler,
    inputs=_shapes,
    task="Holes can be counted without a flood, by a formula of Euler's from 1758. Inked pixels are "
    "*points*; two that lie side by side or one above the other are a *pair*; a block of two by two is a "
    "*square*. Write `points_euler`: points - pairs + squares of each picture, which is the number of its "
    "pieces less that of its holes, if pixels that touch at a corner only count as apart.",
    hint="`ink[:, :, 1:] & ink[:, :, :-1]` is True where a pixel and the one before it are both inked.",
    wrong={
        _no_squares: "the squares are missing: without them every block of four counts as a hole.",
        _only_beside: "pairs above one another are pairs, too, and then the squares are due.",
        _any_of_four: "a square needs all four of its pixels.",
        _adds_all: "the pairs are taken away; only points and squares count for it.",
        _all_together: "one number for each picture: sum over the last two axes only.",
    },
)


def copied(made, training, ratio):
    """made (N, D), training (M, D); returns booleans (N,)."""
    different = torch.unique(training, dim=0)
    nearest, second = torch.cdist(made, different).topk(2, largest=False).values.T
    return nearest <= ratio * second


def _twins_stay(made, training, ratio):
    nearest, second = torch.cdist(made, training).topk(2, largest=False).values.T
    return nearest <= ratio * second


def _farthest(made, training, ratio):
    apart = torch.cdist(made, torch.unique(training, dim=0))
    return apart.amin(1) <= ratio * apart.amax(1)


def _absolute(made, training, ratio):
    return torch.cdist(made, torch.unique(training, dim=0)).amin(1) <= ratio


def _squared(made, training, ratio):
    different = torch.unique(training, dim=0)
    nearest, second = torch.cdist(made, different).square().topk(2, largest=False).values.T
    return nearest <= ratio * second


def _the_others(made, training, ratio):
    return ~copied(made, training, ratio)


def _crowds():
    generator = torch.Generator().manual_seed(1)
    training = torch.rand(40, 6, generator=generator)
    near = training[:8] + 0.1 * torch.rand(8, 6, generator=generator)
    made = torch.cat([near, torch.rand(8, 6, generator=generator)])
    twins = torch.cat([training, training[:4], training[:2]])
    # at another scale, an absolute limit means something else
    third = 1 / 3
    return [
        (made, training, third),
        (made.clone(), twins, third),
        (20 * made, 20 * training, third),
        (made.clone(), twins.clone(), 0.5),
        # just as far as the limit
        (torch.tensor([[1.0, 0.0], [1.2, 0.0]]), torch.tensor([[0.0, 0.0], [3.0, 0.0]]), 0.5),
    ]


exercise(
    "12.4",
    level=2,
    solution=copied,
    inputs=_crowds,
    task="Write `copied`, which says of each made picture whether its nearest training picture is at "
    "most `ratio` times as far away as the second nearest. Beware: `training` may hold a picture "
    "more than once.",
    hint="`torch.unique(training, dim=0)` leaves one of each; `topk(2, largest=False)` finds the two "
    "smallest distances in each row.",
    wrong={
        _twins_stay: "a picture that is there twice is its own second neighbour, so its copies are "
        "never found: remove the twins first.",
        _farthest: "compare with the second nearest, not with the farthest.",
        _squared: "compare the distances themselves; of their squares, a third is another limit.",
        _the_others: "True is for the copies, those that are near to one picture only.",
        _absolute: "a distance alone says little; compare it with that to the second nearest.",
    },
)


def guided_share(p, q, w):
    """p: share with the prompt, q: share without it; w: guidance; returns the guided share."""
    with_trait, without_trait = p**w * q ** (1 - w), (1 - p) ** w * (1 - q) ** (1 - w)
    return with_trait / (with_trait + without_trait)


def _straight_line(p, q, w):
    return q + w * (p - q)


def _not_divided(p, q, w):
    return p**w * q ** (1 - w)


def _prompt_only(p, q, w):
    return p**w / (p**w + (1 - p) ** w)


def _signs(p, q, w):
    with_trait, without_trait = p**w / q ** (1 - w), (1 - p) ** w / (1 - q) ** (1 - w)
    return with_trait / (with_trait + without_trait)


def _guided_from_one(p, q, w):
    return guided_share(p, q, 1 + w)


def _skews():
    # w = 0 is the share without the prompt, w = 1 the share with it
    skews = (0.8, 0.5, 2), (0.6, 0.55, 4), (0.3, 0.55, 3), (0.6, 0.3, 1), (0.6, 0.3, 0)
    return [tuple(map(torch.tensor, map(float, skew))) for skew in skews]


exercise(
    "12.5",
    level=3,
    solution=guided_share,
    inputs=_skews,
    task="A share $p$ of a prompt's training pictures has a trait, and a share $q$ of all of them. "
    "Guidance aims at what is proportional to $p(x \\mid c)^w\\, p(x)^{1-w}$ (lesson 07). Write "
    "`guided_share`: the share with the trait, if it did exactly that.",
    hint="Two kinds of pictures, with the trait and without. Work out the weight of each, then divide "
    "by their sum.",
    wrong={
        _straight_line: "it is the logarithms that guidance extrapolates; your share can exceed 1.",
        _not_divided: "that is a weight; divide by the weights of both kinds together.",
        _prompt_only: "what is common without the prompt counts against: the factor q ** (1 - w).",
        _guided_from_one: "w = 1 is the prompt alone here, as in lesson 07; it is w, not 1 + w.",
        _signs: "the exponent of q is 1 - w, and it multiplies.",
    },
)
