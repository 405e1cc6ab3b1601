"""The 92 drawn things of `datasets/emoji`: three drawing styles, and recoloured where that holds.

Colours are moved in Oklab, whose axes are lightness, green to red and blue to yellow as the eye
judges them, so that shading survives a new hue (Ottosson, "A perceptual color space for image
processing", 2020).
"""

import csv
from functools import lru_cache

import numpy as np
from PIL import Image

from ..paths import find_datasets

# in the order of the sheets, under what a vague caption calls them
CATEGORIES = {
    "animal": (
        "fox wolf bear panda tiger lion cat dog rabbit pig cow horse sheep elephant giraffe "
        "monkey camel kangaroo raccoon hedgehog frog turtle crocodile snake dinosaur dragon "
        "whale dolphin fish octopus crab shark penguin owl duck parrot flamingo swan rooster "
        "bee butterfly ladybug snail spider"
    ),
    "snack": (
        "apple banana pear lemon strawberry pineapple watermelon carrot pizza burger doughnut "
        "cake icecream"
    ),
    "vehicle": ("car bus truck bicycle train rocket airplane helicopter sailboat tractor ufo"),
    "thing": (
        "house castle tent tree palm cactus tulip sunflower rose mushroom star crown umbrella "
        "balloon guitar book bell key camera lightbulb teapot chair snowman gift"
    ),
}
THINGS = {thing: category for category, names in CATEGORIES.items() for thing in names.split()}
SHEETS = {"shaded": "noto", "flat": "twemoji", "outlined": "openmoji"}
STYLES = tuple(SHEETS)
CELL, PER_ROW = 128, 10
SIZES = (24, 48)  # at which colours are measured
# what a colour word means: lightness, chroma and hue (degrees) in Oklab
INKS = {
    "red": (0.57, 0.21, 26),
    "orange": (0.74, 0.17, 58),
    "yellow": (0.87, 0.17, 96),
    "green": (0.66, 0.18, 143),
    "blue": (0.58, 0.17, 256),
    "purple": (0.55, 0.19, 303),
    "pink": (0.76, 0.14, 354),
}
COLOURS = ("natural", *INKS)
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
).T
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
).T


def oklab(rgb):
    """Colours (..., 3) in 0..1, sRGB, to Oklab."""
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    return np.cbrt(linear @ TO_CONES) @ TO_LAB


def srgb(lab):
    """Oklab (..., 3) to colours in 0..1, sRGB; what a screen cannot show is cut off."""
    linear = ((lab @ np.linalg.inv(TO_LAB)) ** 3 @ np.linalg.inv(TO_CONES)).clip(0, 1)
    return np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


@lru_cache
def cells(style):
    """The sheet of a style, cut up: (things, 128, 128, 4) uint8."""
    sheet = np.asarray(Image.open(find_datasets() / "emoji" / f"{SHEETS[style]}.webp"))
    rows = sheet.reshape(-1, CELL, PER_ROW, CELL, 4).swapaxes(1, 2)
    return rows.reshape(-1, CELL, CELL, 4)


def step(values, low, high):
    """0 below low, 1 above high, smooth between (smoothstep)."""
    share = ((values - low) / (high - low)).clip(0, 1)
    return share * share * (3 - 2 * share)


def difference(hue, other):
    """Angle between hues in radians, 0 to pi."""
    return np.abs((hue - other + np.pi) % (2 * np.pi) - np.pi)


def colourful(lab, alpha):
    """How much of each pixel's ink has a colour: 0..1."""
    return alpha * step(np.hypot(lab[..., 1], lab[..., 2]), 0.03, 0.08)


def paintable(lab, alpha):
    """How much of each pixel takes a new colour: 0..1. Outlines and near-white parts take none.

    The main hue moves, so that a blue rose keeps its green stem; where no hue is the main one, all
    of them; and where there is hardly any colour, the greys between black and white.
    """
    ink = colourful(lab, alpha)
    if ink.sum() < 0.25 * alpha.sum():
        return alpha * step(lab[..., 0], 0.3, 0.45) * (1 - step(lab[..., 0], 0.86, 0.93))
    hue, chroma = np.arctan2(lab[..., 2], lab[..., 1]), np.hypot(lab[..., 1], lab[..., 2])
    votes, edges = np.histogram(hue, 36, (-np.pi, np.pi), weights=ink * chroma)
    votes = votes + np.roll(votes, 1) + np.roll(votes, -1)
    main = edges[votes.argmax()] + np.pi / 36
    near = ink * (1 - step(difference(hue, main), 0.8, 1.2))
    return near if near.sum() > 0.65 * ink.sum() else ink


def recolour(cell, colour):
    """A cell (128, 128, 4) uint8 with its main hue moved to the colour, its shading kept."""
    lab, alpha = oklab(cell[..., :3] / 255), cell[..., 3] / 255
    weight = paintable(lab, alpha)
    lightness, chroma, hue = INKS[colour]
    light, vivid = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    total = weight.sum() + 1e-6
    mean, strong = (light * weight).sum() / total, (vivid * weight).sum() / total
    shaded = lightness + 0.8 * (light - mean)
    # paler where the drawing is paler, or a highlight would shine in neon; greys are all alike
    fade = (vivid / strong).clip(0.6, 1.1) if strong > 0.05 else 1
    fade = fade * (1 - 0.9 * abs(shaded - lightness))
    angle = np.radians(hue)
    around = chroma * fade.clip(0.35, 1.1)
    new = np.stack([shaded, around * np.cos(angle), around * np.sin(angle)], -1)
    mixed = srgb(lab + (new - lab) * (weight / alpha.clip(1e-6))[..., None])
    return np.dstack([np.rint(255 * mixed).astype(np.uint8), cell[..., 3]])


def ink_colour(picture):
    """The colour word that a sprite (H, W, 4) uint8 measures as, or None.

    A third of the ink must have a colour, and its mean must lie near the word's: within 22 degrees
    of hue, and neither too dark nor too pale (dark orange is brown, dark yellow olive). Three
    fifths of it must be of hues nearer to that word than to others.
    """
    lab, alpha = oklab(picture[..., :3] / 255), picture[..., 3] / 255
    ink = colourful(lab, alpha)
    if ink.sum() < 0.33 * alpha.sum():
        return None
    light, a, b = (lab * ink[..., None]).sum((0, 1)) / ink.sum()
    hues = np.radians([hue for _, _, hue in INKS.values()])
    gaps = difference(np.arctan2(b, a), hues)
    word = list(INKS)[gaps.argmin()]
    nearest = difference(np.arctan2(lab[..., 2], lab[..., 1])[..., None], hues).argmin(-1)
    agree = (ink * (nearest == gaps.argmin())).sum() / ink.sum()
    lightness, chroma, _ = INKS[word]
    near = gaps.min() < np.radians(22) and abs(light - lightness) < 0.12
    return word if near and np.hypot(a, b) > 0.55 * chroma and agree > 0.6 else None


@lru_cache(maxsize=4096)
def sprite(thing, style, colour="natural"):
    """The drawing of a thing, cropped to its ink, at most 124 pixels: an RGBA picture, cached."""
    cell = cells(style)[list(THINGS).index(thing)]
    if colour != "natural":
        cell = recolour(cell, colour)
    drawing = Image.fromarray(cell)
    # RGBa: multiplied by alpha, so that resizing does not bleed the colour of what is transparent
    return drawing.crop(drawing.getchannel("A").getbbox()).convert("RGBa")


def sized(thing, style, colour, size, scale=1):
    """The drawing with its longer side of `size` pixels, times `scale`: an RGBA picture."""
    drawing = sprite(thing, style, colour)
    sides = [scale * max(1, round(side * size / max(drawing.size))) for side in drawing.size]
    return drawing.resize(sides, Image.LANCZOS).convert("RGBA")


def measured(thing, colour):
    """The words that a thing's drawings in a colour measure as: three styles, small and large."""
    drawings = (sized(thing, style, colour, size) for style in STYLES for size in SIZES)
    return {ink_colour(np.asarray(drawing)) for drawing in drawings}


@lru_cache
def table():
    """What `measured` says of everything, from `colours.csv`, as measuring takes seconds."""
    with open(find_datasets() / "emoji" / "colours.csv", newline="") as file:
        return {row["thing"]: row for row in csv.DictReader(file)}


def write_table():
    """Measure all drawings and write `colours.csv`: after a change of INKS, `recolour` or a sheet."""
    with open(find_datasets() / "emoji" / "colours.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("thing", "natural", "colours"))
        for thing in THINGS:
            natural = measured(thing, "natural")
            natural = [word for word in INKS if word in natural]
            holds = [word for word in INKS if measured(thing, word) == {word}]
            out.writerow((thing, " ".join(natural), " ".join(holds)))


def colours_of(thing):
    """The words of COLOURS that exist for a thing: "natural", and those that its ink measures as.

    In each style and at each size: a white swan stays white.
    """
    return ("natural", *table()[thing]["colours"].split())


def natural_colours(thing):
    """The words that its drawings measure as without being recoloured, in any style."""
    return tuple(table()[thing]["natural"].split())
