"""Exercises of lesson 16: pictures and words in one space."""

import torch
import torch.nn.functional as F

from minidiff.course.exercises import exercise


def cosines(a, b):
    """The cosine of each row of a (A, D) with each row of b (B, D), of any lengths: (A, B)."""
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def _not_divided(a, b):
    return a @ b.T


def _one_divided(a, b):
    return F.normalize(a, dim=1) @ b.T


def _divided_down(a, b):
    return F.normalize(a, dim=0) @ F.normalize(b, dim=0).T


def _squared_lengths(a, b):
    return (a @ b.T) / (a.square().sum(1)[:, None] * b.square().sum(1))


def _turned(a, b):
    return cosines(b, a)


def _two_sets():
    generator = torch.Generator().manual_seed(0)
    sizes = ((3, 5, 8), (4, 2, 3), (1, 6, 64))
    return [
        (
            3 * torch.randn(a, width, generator=generator),
            torch.randn(b, width, generator=generator) + 1,
        )
        for a, b, width in sizes
    ]


exercise(
    "16.1",
    level=1,
    solution=cosines,
    inputs=_two_sets,
    task="Write `cosines`: of each row of `a` with each row of `b`, whatever their lengths are. Then "
    "search the library of section 4 with three descriptions of your own, one of them of something "
    "that it does not hold. How large is the best cosine where the answer is right, and where there "
    "is none? Could a search engine tell the two apart?",
    hint="The cosine is the product of two rows, divided by the length of each. "
    "`F.normalize(a, dim=1)` divides each row by its length.",
    wrong={
        _not_divided: "these are products; divide by the lengths of both rows.",
        _one_divided: "both rows have a length to divide by.",
        _divided_down: "the length is that of a row, so along the last axis.",
        _squared_lengths: "divide by the lengths, the roots of the sums of squares.",
        _turned: "a row for each row of a, a column for each row of b.",
    },
)


def ranks(scores):
    """Of scores (N, N): at which place, 1 for the best, the diagonal's entry stands in its row, (N,)."""
    return (scores > scores.diagonal()[:, None]).sum(1) + 1


def _from_zero(scores):
    return ranks(scores) - 1


def _in_columns(scores):
    return ranks(scores.T)


def _from_the_worst(scores):
    return (scores < scores.diagonal()[:, None]).sum(1) + 1


def _of_the_first(scores):
    return (scores > scores[:, :1]).sum(1) + 1


def _squares():
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(n, n, generator=generator),) for n in (2, 7, 30)]


exercise(
    "16.2",
    level=2,
    solution=ranks,
    inputs=_squares,
    task="A search shows a page of ten, so what counts is how far down the right picture stands. Write "
    "`ranks`: for a square of scores, at which place of its row the entry on the diagonal stands, 1 for "
    "the best. Then search the library by words, a *caption* down and the *pictures* across "
    "(`words @ seen.T`), and compare the mean rank for captions that tell the thing alone "
    '(`article(f"a {scene.thing}")`), the thing and its place (add `WHERE[scene.place][0]`, from '
    "`minidiff.data.scenes.captions`), and everything (`captions`). Each thing is on about a dozen "
    "drawings: what is the best mean rank that a caption of the thing alone could reach? Which of the two "
    "steps narrows the search more?",
    hint="Count how many entries of the row are greater than the diagonal's. `scores.diagonal()` has "
    "them; `[:, None]` lays them beside the rows.",
    wrong={
        _from_zero: "the best has place 1.",
        _in_columns: "compare within the row: each row looks among the columns.",
        _from_the_worst: "place 1 is for the best, the largest score.",
        _of_the_first: "row k's own entry is the one in column k.",
    },
)


def moved_over(vectors, here, there, share=1.0):
    """Unit vectors (N, D) moved by a share of the way from the mean of `here` to the mean of `there`.

    here (A, D), there (B, D): two sets of vectors. The result is made of unit vectors again.
    """
    return F.normalize(vectors + share * (there.mean(0) - here.mean(0)), dim=1)


def _back(vectors, here, there, share=1.0):
    return moved_over(vectors, there, here, share)


def _not_made_unit(vectors, here, there, share=1.0):
    return vectors + share * (there.mean(0) - here.mean(0))


def _all_the_way(vectors, here, there, share=1.0):
    return moved_over(vectors, here, there)


def _only_there(vectors, here, there, share=1.0):
    return F.normalize(vectors + share * there.mean(0), dim=1)


def _unit_means(vectors, here, there, share=1.0):
    way = F.normalize(there.mean(0), dim=0) - F.normalize(here.mean(0), dim=0)
    return F.normalize(vectors + share * way, dim=1)


def _sums(vectors, here, there, share=1.0):
    return F.normalize(vectors + share * (there.sum(0) - here.sum(0)), dim=1)


def _patches():
    generator = torch.Generator().manual_seed(2)
    cases = []
    for sizes, width, *share in (((4, 6, 3), 5), ((2, 3, 9), 64, 0.5), ((3, 2, 2), 8, 1.5)):
        drawn = torch.randn(sum(sizes), width, generator=generator) + 0.3
        cases.append((*F.normalize(drawn, dim=1).split(sizes), *share))
    return cases


exercise(
    "16.3",
    level=2,
    solution=moved_over,
    inputs=_patches,
    task="Section 7 moves captions over to the pictures, all the way. Write `moved_over`, which moves "
    "unit vectors by a `share` of the way from the mean of one set to the mean of another, and makes "
    "them unit vectors again. Then paint the 20 prompts of section 7 from captions moved by 0.5 and by 2, "
    "have the judge read them, and lay the pictures of four prompts in rows, from 0 to 2. Which facts "
    "come back, and does going further bring back more?",
    hint="`there.mean(0) - here.mean(0)` is the whole way. `F.normalize(..., dim=1)` makes rows unit "
    "vectors.",
    wrong={
        _back: "the way goes from the mean of `here` to the mean of `there`.",
        _not_made_unit: "a moved vector is of another length; make it a unit vector again.",
        _all_the_way: "go only that share of the way.",
        _only_there: "the way begins at the mean of `here`: take that away.",
        _unit_means: "take the means as they are, and make only the result a unit vector.",
        _sums: "the mean of each set, not its sum: the sets may be of different sizes.",
    },
)


def without(vectors, direction):
    """Unit vectors (N, D) with nothing left of a direction (D,), of any length, made unit again."""
    unit = F.normalize(direction, dim=0)
    return F.normalize(vectors - (vectors @ unit)[:, None] * unit, dim=1)


def _direction_not_unit(vectors, direction):
    return F.normalize(vectors - (vectors @ direction)[:, None] * direction, dim=1)


def _not_unit_again(vectors, direction):
    unit = F.normalize(direction, dim=0)
    return vectors - (vectors @ unit)[:, None] * unit


def _all_of_it(vectors, direction):
    return F.normalize(vectors - F.normalize(direction, dim=0), dim=1)


def _turned_round(vectors, direction):
    unit = F.normalize(direction, dim=0)
    return F.normalize(vectors - 2 * (vectors @ unit)[:, None] * unit, dim=1)


def _mean_of_all(vectors, direction):
    unit = F.normalize(direction, dim=0)
    return F.normalize(vectors - (vectors @ unit).mean() * unit, dim=1)


def _vectors_and_directions():
    generator = torch.Generator().manual_seed(3)
    cases = []
    for n, width, length in ((4, 6, 3.0), (2, 64, 0.3), (1, 3, 1.7)):
        vectors = F.normalize(torch.randn(n, width, generator=generator), dim=1)
        cases.append((vectors, length * torch.randn(width, generator=generator)))
    return cases


exercise(
    "16.4",
    level=2,
    solution=without,
    inputs=_vectors_and_directions,
    task="Can a vector be made to forget? Write `without`: unit vectors with their part along `direction` "
    "taken away, $v - (v \\cdot d)\\, d$ for a unit $d$, and made unit again. Then take the direction of "
    '"at night" (the vector of these words) out of four pictures of night, and paint variations. '
    "Where are the things now? Is it the same place for all four?",
    hint="Make the direction a unit vector first. `vectors @ unit` has one number for each vector.",
    wrong={
        _direction_not_unit: "the direction may have any length; make it a unit vector first.",
        _not_unit_again: "what is left is shorter than 1; make it a unit vector again.",
        _all_of_it: "each vector loses its own part along the direction, not one of length 1.",
        _turned_round: "this mirrors the vector; take its part away once, not twice.",
        _mean_of_all: "each vector has a part of its own along the direction.",
    },
)


def obeyed(right, wrong, w, classes=10):
    """How often an ideal network paints what the caption says, at guidance w; all classes are alike.

    right, wrong: shares of the captions that tell the class, and any of the others; the rest is silent.
    """
    told = right / (right + wrong)
    others = classes - 1
    return told**w / (told**w + others * ((1 - told) / others) ** w)


def _silent_ones_too(right, wrong, w, classes=10):
    others = classes - 1
    return right**w / (right**w + others * (wrong / others) ** w + (1 - right - wrong) ** w)


def _one_other(right, wrong, w, classes=10):
    told = right / (right + wrong)
    return told**w / (told**w + (1 - told) ** w)


def _no_guidance(right, wrong, w, classes=10):
    return right / (right + wrong)


def _not_shared_out(right, wrong, w, classes=10):
    told = right / (right + wrong)
    return told**w / (told**w + (classes - 1) * (1 - told) ** w)


exercise(
    "16.5",
    level=3,
    solution=obeyed,
    inputs=lambda: [
        (0.4, 0.3, 1.0),
        (0.4, 0.3, 2.0),
        (0.7, 0.1, 3.0, 4),
        (0.2, 0.5, 1.5),
        (0.5, 0.5, 2.0, 2),
    ],
    task="What would an *ideal* network make of poor captions? It paints class $c$ for the caption $k$ as "
    "often as $c$ was called $k$, $p(c \\mid k)$, and guidance sharpens that to "
    "$p(c \\mid k)^w\\, p(c)^{1-w}$, divided by its sum over all $c$ (lesson 07). Write `obeyed`, the "
    "chance of $c = k$. Then set it beside section 8: how far is our network from the ideal one at "
    "$w$ = 1, 2 and 4? Then let the wrong captions agree: `wrong = (labels + 1) % 10`, 30 % of them as "
    "before. What would an ideal network reach now at $w$ = 2 and 4? Train ours on them: does guidance "
    "still repair it?",
    hint="Captions that say nothing tell the network nothing about $k$: divide by right + wrong first. "
    "$p(c)$ is the same for all classes, so it cancels. Where the wrong ones agree, two classes are left "
    "(by hand: 0.64 and 0.76 at $w$ = 2 and 4).",
    wrong={
        _silent_ones_too: "captions that say nothing are not drawn when k is asked for.",
        _one_other: "a wrong caption may be any of the other classes, each with its share.",
        _no_guidance: "this is right at w = 1; guidance raises each probability to the power w.",
        _not_shared_out: "the wrong share is spread over the other classes before the power.",
    },
)
