"""Captions that are true of MNIST's digits, because thickness, slant and size are measured.

Three numbers are measured on every picture, and each becomes a word by one pair of cut points for
all digits, the 30 % and 70 % quantiles of the training set: what a caption says can be checked
on the picture alone, without its label. What follows from that: "small" goes to almost every 1,
and "upright" is what lies around the average hand, which leans some 6 degrees to the right.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F

from minidiff.data import mnist

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PARITY = ("even", "odd")
# measured low, in the middle, high; the columns of `measure`, in its order
ATTRIBUTES = {
    "thickness": ("thin", "", "thick"),
    "slant": ("leaning left", "upright", "leaning right"),
    "size": ("small", "", "large"),
}
FILLERS = ("a", "an", "the", "and", "digit", "number", "handwritten")
WORDS = tuple(
    sorted(
        {word for phrases in ATTRIBUTES.values() for word in " ".join(phrases).split()}
        | {*NAMES, *PARITY, *FILLERS, *map(str, range(10))}
    )
)
MAX_WORDS = 10
QUANTILES = (0.15, 0.3, 0.5, 0.7, 0.85)


def squared_distance(inside, reach):
    """Squared Euclidean distance (N, H, W) uint8 of each inner pixel to the nearest outer one.

    inside: (N, H, W) bool; exact up to `reach` pixels, at most 9 so that a byte holds the sums.
    One pass along each axis: Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled
    Functions", with the lower envelope found by trying every shift.
    """
    nearest = inside.to(torch.uint8) * (255 - reach**2)
    for padding, axis in (((reach, reach), 2), ((0, 0, reach, reach), 1)):
        padded, size = F.pad(nearest, padding, value=255 - reach**2), nearest.shape[axis]
        nearest = nearest.clone()
        for shift in range(-reach, reach + 1):
            shifted = padded.narrow(axis, reach + shift, size) + shift**2
            torch.minimum(nearest, shifted, out=nearest)
    return nearest


def thickness(pictures):
    """Mean stroke width (N,) in pixels of pictures (N, H, W) in 0..1; 0 where there is no ink.

    Across a stroke of width w the distance to the paper climbs from 0 to w / 2 and falls again, so
    its mean is w / 4. Pictures are doubled first, which turns grey edges into half pixels.
    """
    ink = F.interpolate(pictures[:, None], scale_factor=2, mode="bilinear")[:, 0] > 0.5
    # centres are half a pixel away from the edge between ink and paper
    distance = squared_distance(ink, reach=9).float().sqrt() - 0.5
    total = (distance * ink).sum((1, 2))
    return 4 * total / ink.sum((1, 2)).clamp(min=1) / 2


def slant(ink):
    """Angle (N,) in degrees by which ink (N, H, W) leans to the right of upright; 0 if empty.

    Its tangent is the shear mu11 / mu02 that deskewing undoes, from the central image moments.
    """
    _, height, width = ink.shape
    x, y = torch.arange(width).float(), -torch.arange(height).float()
    mass = ink.sum((1, 2)).clamp(min=1e-6)[:, None]
    x = x - ink.sum(1) @ x[:, None] / mass
    y = y - ink.sum(2) @ y[:, None] / mass
    mu11 = (torch.bmm(ink, x[:, :, None])[:, :, 0] * y).sum(1)
    mu02 = (ink.sum(2) * y**2).sum(1)
    return torch.rad2deg(torch.atan(mu11 / mu02.clamp(min=1e-6)))


def size(ink):
    """Side (N,) in pixels of the square with the area of the box around ink (N, H, W).

    Not the longer side: MNIST scaled every digit until that was 20. Counting the rows and columns
    that carry ink, instead of taking the first and the last, makes a stray dot cost one pixel.
    """
    return (ink.amax(2).sum(1) * ink.amax(1).sum(1)).sqrt()


def measure(images):
    """Thickness (pixels), slant (degrees, positive to the right) and size (pixels): (N, 3).

    images: (N, 1, 28, 28) or (N, 28, 28), paper 0 and ink 1, or uint8 and ink 255; drawn or
    generated. A picture without ink measures 0, 0, 0.
    """
    images = torch.as_tensor(images)
    if images.shape[-2:] != (28, 28) or images.numel() != images.shape[0] * 28 * 28:
        raise ValueError(
            f"images must have the shape (N, 1, 28, 28) or (N, 28, 28), got {tuple(images.shape)}"
        )
    scale = 255 if images.dtype == torch.uint8 else 1
    rows = []
    # in small pieces, which stay in the processor's cache
    for piece in images.reshape(-1, 28, 28).split(128):
        pictures = piece.cpu().float() / scale
        # a faint background is paper and a full stroke ink; an edge at half grey stays where it is
        ink = (2 * pictures - 0.5).clamp(0, 1)
        rows.append(torch.stack([thickness(pictures), slant(ink), size(ink)], dim=1))
    return torch.cat(rows) if rows else torch.zeros(0, 3)


@lru_cache
def measured(split):
    """`measure` of MNIST's "train" or "test" pictures, computed once."""
    return measure(mnist.load(split)[0])


@lru_cache
def quantiles():
    """The training set's QUANTILES of the three measurements: (5, 3); row 2 is the median."""
    return torch.quantile(measured("train"), torch.tensor(QUANTILES), dim=0)


def words_for(measurements):
    """Measurements (N, 3) -> N triples of words, such as ("thin", "upright", "")."""
    cuts = quantiles()
    level = (measurements > cuts[1]).int() + (measurements > cuts[3]).int()
    phrases = tuple(ATTRIBUTES.values())
    return [tuple(phrases[i][k] for i, k in enumerate(row)) for row in level.tolist()]


@lru_cache
def facts(split):
    """What is true of each picture: labels, a list of N numbers, and N triples of words."""
    return mnist.load(split)[1].tolist(), words_for(measured(split))


def held_out(label, thickness_word, slant_word):
    """Whether this combination is kept out of training, to be asked for afterwards.

    Five of the sixty triples with a thickness word: one for each even digit, no two alike.
    """
    if label % 2 or not thickness_word:
        return False
    slants = ATTRIBUTES["slant"]
    lean = slants[(label // 2) % 3]
    return slant_word == lean and thickness_word == ("thin", "thick")[label // 2 % 2]


@lru_cache
def rows(split, unseen=False):
    """Indices of the split's pictures whose combination is not held out, or, if unseen, is."""
    triples = (held_out(label, *words[:2]) for label, words in zip(*facts(split)))
    return (torch.tensor(list(triples)) == unseen).nonzero()[:, 0]


def describe(label, words, generator, mention=0.5, vague=0.12):
    """A caption, never empty, of a digit of which the triple `words` is true.

    Each word is told with probability `mention`; `vague` is the share of captions that say "digit"
    or "an even number" in place of the digit's name.
    """
    draw = iter(torch.rand(11, generator=generator).tolist())

    def pick(*options):
        return options[int(next(draw) * len(options))]

    told = [phrase for phrase in words if next(draw) < mention and phrase]
    turn = pick(0, 1, 2)
    told = told[turn:] + told[:turn]
    if next(draw) < vague:
        noun = pick("digit", "number", f"{PARITY[label % 2]} digit", f"{PARITY[label % 2]} number")
    else:
        name = pick(NAMES[label], str(label))
        noun = pick(name, name, f"digit {name}", f"number {name}")
    noun = pick("", "", "", "handwritten ") + noun
    if pick(True, False, False):
        caption = f"{noun}, {' and '.join(told)}" if told else noun
    else:
        before = [phrase for phrase in told if not phrase.startswith("leaning")]
        caption = " ".join([*before, noun, *(phrase for phrase in told if phrase not in before)])
    an = caption.startswith(("eight", "8", "odd", "even", "upright"))
    return pick("", "an " if an else "a ", "an " if an else "a ", "the ") + caption


def digit_text_data(dropped=0.1):
    """The training stream: `data(n, generator)` -> pictures (n, 1, 28, 28) in 0..1, n captions.

    Combinations held out never occur; a share `dropped` of the captions is replaced by "".
    """
    images, (labels, words), seen = mnist.load("train")[0], facts("train"), rows("train")

    def data(n, generator):
        chosen = seen[torch.randint(len(seen), (n,), generator=generator)]
        keep = (torch.rand(n, generator=generator) >= dropped).tolist()
        captions = [describe(labels[i], words[i], generator) for i in chosen.tolist()]
        captions = [caption if kept else "" for caption, kept in zip(captions, keep)]
        return images[chosen].float() / 255, captions

    return data


def prompts_for(n, generator, unseen=False):
    """n prompts with every detail: prompts, labels (n,) and the n triples of words asked for.

    They describe random pictures of the test set (of held-out combinations, if unseen).
    """
    labels, words = facts("test")
    chosen = rows("test", unseen)
    chosen = chosen[torch.randint(len(chosen), (n,), generator=generator)].tolist()
    prompts = [describe(labels[i], words[i], generator, mention=1, vague=0) for i in chosen]
    return prompts, torch.tensor([labels[i] for i in chosen]), [words[i] for i in chosen]


def score(measurements, asked):
    """Share of samples on the asked side of the training set's median, for each attribute.

    measurements: (N, 3); asked: N triples of words. "upright" has no side: its own entry counts
    what lies between the typical (median) left-leaning and right-leaning digit. nan: not asked.
    """
    outer_low, _, median, _, outer_high = quantiles()
    result = {}
    for column, (name, (low, _, high)) in enumerate(ATTRIBUTES.items()):
        value, word = measurements[:, column], [triple[column] for triple in asked]
        is_low = torch.tensor([w == low for w in word])
        is_high = torch.tensor([w == high for w in word])
        right = torch.where(is_high, value > median[column], value < median[column])
        result[name] = right[is_low | is_high].float().mean().item()
    lean = measurements[torch.tensor([triple[1] == "upright" for triple in asked]), 1]
    result["upright"] = ((lean > outer_low[1]) & (lean < outer_high[1])).float().mean().item()
    return result
