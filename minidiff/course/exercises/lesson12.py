"""Exercises of lesson 12: pitfalls."""

import torch

from minidiff.course.exercises import exercise


def picture_flop(steps, guided, call, decode):
    """steps in all, guided of them with guidance; call and decode in FLOP; returns FLOP."""
    return (steps + guided) * call + decode


def _called(times):
    """A wrong `picture_flop`: another number of calls."""
    return lambda steps, guided, call, decode: times(steps, guided) * call + decode


_always_guided = _called(lambda steps, guided: 2 * steps)
_never_guided = _called(lambda steps, guided: steps)
_guided_twice = _called(lambda steps, guided: steps + 2 * guided)
_guided_less = _called(lambda steps, guided: steps - guided)


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
        _guided_twice: "`steps` counts the guided ones as well: their first call is there already.",
        _guided_less: "a sign: a guided step costs a call more, not one less.",
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


def _counted(signs, pair=torch.logical_and, square=lambda a, b, c, d: a & b & c & d):
    """A wrong `points_euler`: other signs of points, pairs beside and above, squares, or other ones."""

    def wrong(ink):
        beside, above = pair(ink[:, :, 1:], ink[:, :, :-1]), pair(ink[:, 1:], ink[:, :-1])
        corners = ink[:, 1:, 1:], ink[:, 1:, :-1], ink[:, :-1, 1:], ink[:, :-1, :-1]
        parts = ink, beside, above, square(*corners)
        return sum(sign * part.sum((1, 2)) for sign, part in zip(signs, parts))

    return wrong


_no_squares, _only_beside = _counted((1, -1, -1, 0)), _counted((1, -1, 0, 0))
_adds_all, _adds_beside = _counted((1, 1, 1, 1)), _counted((1, 1, -1, 1))
_adds_above, _no_above = _counted((1, -1, 1, 1)), _counted((1, -1, 0, 1))
_no_beside, _minus_squares = _counted((1, 0, -1, 1)), _counted((1, -1, -1, -1))
_any_of_two = _counted((1, -1, -1, 1), pair=torch.logical_or)
_any_of_four = _counted((1, -1, -1, 1), square=lambda a, b, c, d: a | b | c | d)
_three_of_four = _counted((1, -1, -1, 1), square=lambda a, b, c, d: a & b & c)


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
        _adds_beside: "the pairs side by side are taken away, as the others are.",
        _adds_above: "the pairs above one another are taken away, as the others are.",
        _no_above: "a pair is missing: two pixels one above the other are one, too.",
        _no_beside: "a pair is missing: two pixels side by side are one, too.",
        _minus_squares: "a sign: the squares are added again.",
        _any_of_two: "a pair needs both of its pixels.",
        _three_of_four: "that looks at three corners of a square; which one is missing?",
        _adds_all: "the pairs are taken away; only points and squares count for it.",
        _all_together: "one number for each picture: sum over the last two axes only.",
    },
)


def copied(made, training, ratio):
    """made (N, D), training (M, D); returns booleans (N,)."""
    different = torch.unique(training, dim=0)
    nearest, second = torch.cdist(made, different).topk(2, largest=False).values.T
    return nearest <= ratio * second


def _near(how, different=lambda training: torch.unique(training, dim=0)):
    """A wrong `copied`: another comparison, or twins removed in another way."""

    def wrong(made, training, ratio):
        apart = torch.cdist(made, different(training))
        return how(*apart.topk(2, largest=False).values.T, ratio)

    return wrong


_twins_stay = _near(lambda first, second, ratio: first <= ratio * second, lambda training: training)
_squared = _near(lambda first, second, ratio: first**2 <= ratio * second**2)
_turned_round = _near(lambda first, second, ratio: first >= ratio * second)
_the_others = _near(lambda first, second, ratio: first > ratio * second)
_absolute = _near(lambda first, second, ratio: first <= ratio)
_divided = _near(lambda first, second, ratio: first <= second / ratio)


def _columns(made, training, ratio):
    return copied(made, torch.unique(training, dim=1), ratio)


def _farthest(made, training, ratio):
    apart = torch.cdist(made, torch.unique(training, dim=0))
    return apart.amin(1) <= ratio * apart.amax(1)


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
        _turned_round: "the comparison points the wrong way: a copy is *nearer* than that.",
        _divided: "at most a share of the second distance: multiply it by `ratio`.",
        _columns: "a picture is a row: remove rows that are there twice, not numbers of all pictures.",
        _absolute: "a distance alone says little; compare it with that to the second nearest.",
    },
)


def guided_share(p, q, w):
    """p: share with the prompt, q: share without it; w: guidance; returns the guided share."""
    with_trait, without_trait = p**w * q ** (1 - w), (1 - p) ** w * (1 - q) ** (1 - w)
    return with_trait / (with_trait + without_trait)


def _straight_line(p, q, w):
    return q + w * (p - q)


def _weighed(has=lambda w: (w, 1 - w), lacks=lambda w: (w, 1 - w), share=lambda a, b: a / (a + b)):
    """A wrong `guided_share`: other exponents where the trait is there or lacking, or another share."""

    def wrong(p, q, w):
        (on_p, on_q), (on_rest, on_others) = has(w), lacks(w)
        return share(p**on_p * q**on_q, (1 - p) ** on_rest * (1 - q) ** on_others)

    return wrong


def _without_q(w):
    return w, 0


def _divided_by_q(w):
    return w, w - 1


_not_divided, _odds = _weighed(share=lambda a, b: a), _weighed(share=lambda a, b: a / b)
_prompt_only, _signs = _weighed(_without_q, _without_q), _weighed(_divided_by_q, _divided_by_q)
_one_prompt_only, _other_prompt_only = _weighed(_without_q), _weighed(lacks=_without_q)
_one_sign, _other_sign = _weighed(_divided_by_q), _weighed(lacks=_divided_by_q)


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
        _odds: "that is with over without, the odds; a share is with over both.",
        _one_prompt_only: "the weight of what has the trait lacks its factor for all pictures, of q.",
        _other_prompt_only: "the weight of what lacks the trait misses its factor for all, of 1 - q.",
        _one_sign: "q divides where it should multiply: mind the sign of its exponent.",
        _other_sign: "1 - q divides where it should multiply: mind the sign of its exponent.",
        _prompt_only: "what is common without the prompt counts against: the factor q ** (1 - w).",
        _guided_from_one: "w = 1 is the prompt alone here, as in lesson 07; it is w, not 1 + w.",
        _signs: "the exponent of q is 1 - w, and it multiplies.",
    },
)
