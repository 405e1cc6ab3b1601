"""Captions that are true of MNIST's digits, because thickness, slant and size are measured.

Each number becomes a word by one pair of cut points for all digits, the 30 % and 70 % quantiles of
the training set, so that a caption can be checked on the picture alone, without its label. What
follows from that: "small" is said of almost every 1, and "upright" of what leans as the average
hand does, 6 degrees to the right by image moments (which count the bar of a 7 as leaning left).
"""

from functools import lru_cache

import torch
import torch.nn.functional as F

from ..errors import UserError
from . import mnist

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# what is said of low, middle and high measurements, in the order of `measure`'s columns
ATTRIBUTES = {
    "thickness": ("thin", "", "thick"),
    "slant": ("leaning left", "upright", "leaning right"),
    "size": ("small", "", "large"),
}
PHRASES = tuple(ATTRIBUTES.values())
OTHERS = ("a", "an", "the", "and", "digit", "number", "handwritten", "even", "odd")
WORDS = tuple(sorted({*" ".join(sum(PHRASES, ())).split(), *NAMES, *"0123456789", *OTHERS}))
MAX_WORDS = 10
QUANTILES = (0.15, 0.3, 0.5, 0.7, 0.85)


def squared_distance(inside, reach=9):
    """Squared distance (N, H, W) uint8 of pixels `inside` (N, H, W) to the nearest outside.

    Exact up to `reach` pixels, at most 9 so that a byte holds the sums. One pass along each axis,
    as in Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions".
    """
    far = 255 - reach**2
    nearest = inside.to(torch.uint8) * far
    for axis, padding in ((1, (0, 0, reach, reach)), (2, (reach, reach))):
        n = nearest.shape[axis]
        padded = F.pad(nearest, padding)  # around the picture is outside too
        for k in range(1, reach + 1):
            before, after = (padded.narrow(axis, reach + shift, n) for shift in (-k, k))
            nearest = torch.minimum(nearest, torch.minimum(before, after) + k**2)
    return nearest


def thickness(pictures):
    """Mean stroke width (N,) in pixels of pictures (N, H, W) in 0..1; 0 where there is no ink.

    Across a stroke of width w the distance to the paper climbs from 0 to w / 2 and falls again, so
    its mean is w / 4. Pictures are doubled first, which turns grey edges into half pixels.
    """
    doubled = F.interpolate(pictures[:, None], scale_factor=2, mode="bilinear")[:, 0]
    # a hair more than a half: exact halves occur, and rounding must not decide them
    ink = doubled > 0.5001
    area = ink.sum((1, 2))
    # the edge between ink and paper is half a pixel nearer than the first centre on the paper
    total = squared_distance(ink).float().sqrt().sum((1, 2)) - 0.5 * area
    return 4 * total / area.clamp(min=1) / 2


def slant(ink):
    """Angle (N,) in degrees by which ink (N, H, W) leans to the right; 0 where there is none.

    Its tangent is the shear mu11 / mu02, central image moments, which deskewing undoes.
    """
    mass = ink.sum((1, 2)).clamp(min=1e-6)[:, None]
    x, y = torch.arange(ink.shape[2]).float(), -torch.arange(ink.shape[1]).float()
    x = x - (ink.sum(1) * x).sum(1, keepdim=True) / mass
    y = y - (ink.sum(2) * y).sum(1, keepdim=True) / mass
    mu11 = torch.einsum("nhw,nh,nw->n", ink, y, x)
    mu02 = (ink.sum(2) * y**2).sum(1)
    return torch.rad2deg(torch.atan(mu11 / mu02.clamp(min=1e-6)))


def size(ink):
    """Side (N,) in pixels of the square with the area of the box around ink (N, H, W).

    Not the longer side, which MNIST scaled to 20 for every digit. Counting the rows and columns
    that carry ink, not the span from first to last, keeps the cost of a stray dot at a pixel.
    """
    return (ink.amax(2).sum(1) * ink.amax(1).sum(1)).sqrt()


def measure(images):
    """Thickness (pixels), slant (degrees, positive to the right) and size (pixels): (N, 3).

    images: (N, 1, 28, 28) or (N, 28, 28), with paper 0 and ink 1, or 255 if uint8; drawn or
    generated. A picture without ink measures 0, 0, 0. UserError for another shape.
    """
    images = torch.as_tensor(images)
    if images.shape[1:] not in ((1, 28, 28), (28, 28)):
        got = tuple(images.shape)
        raise UserError(f"images must be (N, 1, 28, 28) or (N, 28, 28), got shape {got}")
    columns = []
    for piece in images.reshape(-1, 28, 28).split(512):
        pictures = piece.cpu().float() / (255 if images.dtype == torch.uint8 else 1)
        # a faint background becomes paper, a full stroke ink; half grey stays half
        ink = (2 * pictures - 0.5).clamp(0, 1)
        columns.append((thickness(pictures), slant(ink), size(ink)))
    return torch.stack([torch.cat(column) for column in zip(*columns)], dim=1)


@lru_cache
def measured(split):
    """`measure` of all pictures of the split, "train" or "test": some seconds, once."""
    return measure(mnist.load(split)[0])


@lru_cache
def quantiles():
    """The training set's QUANTILES of each measurement: (5, 3); row 2 holds the medians."""
    return torch.quantile(measured("train"), torch.tensor(QUANTILES), dim=0)


def words_for(measurements):
    """Measurements (N, 3) -> N triples of phrases, such as ("thin", "upright", "")."""
    _, low, _, high, _ = quantiles()
    levels = (measurements > low).int() + (measurements > high).int()
    return [tuple(PHRASES[i][k] for i, k in enumerate(row)) for row in levels.tolist()]


@lru_cache
def facts(split):
    """What is true of the split's pictures: N labels and N triples of phrases."""
    return mnist.load(split)[1].tolist(), words_for(measured(split))


def held_out(label, thickness_word, slant_word):
    """Whether this combination is kept out of training, to be asked for afterwards.

    Five of the sixty with a word for thickness: one for each even digit, no two of them alike.
    """
    kept_out = ("thin", "thick")[label // 2 % 2], PHRASES[1][label // 2 % 3]
    return label % 2 == 0 and (thickness_word, slant_word) == kept_out


@lru_cache
def rows(split, unseen=False):
    """Indices of the split's pictures whose combination is not held out, or, if unseen, is."""
    kept_out = [held_out(label, *words[:2]) for label, words in zip(*facts(split))]
    return (torch.tensor(kept_out) == unseen).nonzero()[:, 0]


def describe(label, words, generator, mention=0.5, vague=0.12):
    """A caption, never empty, of a digit of which the triple `words` is true.

    Each phrase is told with probability `mention`; `vague` is the share of captions that say
    "digit" or "even number" and the like in place of the digit's name.
    """
    draw = iter(torch.rand(11, generator=generator).tolist())

    def pick(*options):
        return options[int(next(draw) * len(options))]

    said = [phrase for phrase in words if next(draw) < mention and phrase]
    said = pick(said, said[::-1])
    if next(draw) < vague:
        noun = pick("", ("even ", "odd ")[label % 2]) + pick("digit", "number")
    else:
        noun = pick("", "", "digit ", "number ") + pick(NAMES[label], str(label))
    noun = pick("", "", "", "handwritten ") + noun
    if said and pick(True, False, False):
        caption = f"{noun}, {' and '.join(said)}"
    else:
        before, after = ([p for p in said if ("leaning" in p) == leans] for leans in (False, True))
        caption = " ".join([*before, noun, *after])
    a = "an " if caption.startswith(("eight", "8", "odd", "even", "upright")) else "a "
    return pick("", a, a, "the ") + caption


def digit_text_data(dropped=0.1):
    """The training stream: `data(n, generator)` -> pictures (n, 1, 28, 28) in 0..1, n captions.

    Combinations held out never occur; a share `dropped` of the captions is replaced by "".
    """
    images, (labels, words), seen = mnist.load("train")[0], facts("train"), rows("train")

    def data(n, generator):
        chosen = seen[torch.randint(len(seen), (n,), generator=generator)]
        kept = (torch.rand(n, generator=generator) >= dropped).tolist()
        captions = [describe(labels[i], words[i], generator) for i in chosen.tolist()]
        captions = [caption * keep for caption, keep in zip(captions, kept)]
        return images[chosen].float() / 255, captions

    return data


def prompts_for(n, generator, unseen=False):
    """n prompts with every detail, the labels (n,) and the n triples of phrases they ask for.

    They describe random pictures of the test set, seen combinations or, if unseen, held-out ones.
    """
    (labels, words), fitting = facts("test"), rows("test", unseen)
    chosen = fitting[torch.randint(len(fitting), (n,), generator=generator)].tolist()
    prompts = [describe(labels[i], words[i], generator, mention=1, vague=0) for i in chosen]
    return prompts, torch.tensor([labels[i] for i in chosen]), [words[i] for i in chosen]


def score(measurements, asked):
    """Share of samples on the asked side of the training set's median, for each attribute.

    measurements: (N, 3); asked: N triples of phrases. "upright" has no side, and an entry of its
    own: right is what leans less than the typical left- or right-leaning digit. nan: not asked.
    """
    leftmost, _, median, _, rightmost = quantiles()
    right = {name: [] for name in (*ATTRIBUTES, "upright")}
    for values, triple in zip(measurements, asked):
        for i, (name, (low, _, high)) in enumerate(ATTRIBUTES.items()):
            if triple[i] in (low, high):
                right[name].append(bool(values[i] > median[i]) == (triple[i] == high))
        if triple[1] == "upright":
            right["upright"].append(bool(leftmost[1] < values[1] < rightmost[1]))
    return {name: sum(r) / len(r) if r else float("nan") for name, r in right.items()}
