"""The ten places: `PLACES[name].paint(rng)` -> an RGB picture (128, 128), never twice the same.

Painted twice as large as scenes are, so that halving smooths the edges. Colours are muted, so that
things stand out from them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..drawing import (
    COLUMNS,
    ROWS,
    S,
    across,
    ball,
    below,
    canvas,
    clouds,
    colour,
    colours,
    disc,
    flakes,
    glow,
    line,
    noise,
    over,
    palm,
    planes,
    ramp,
    scatter,
    sky,
    stars,
)
from .outdoors import beach, cacti, city, desert, field, forest, snow


def night(rng):
    picture = sky(rng, "night", 84)
    x, y, radius = rng.uniform(16, 112), rng.uniform(14, 30), rng.uniform(8, 12)
    picture = over(picture, (190, 200, 240), 0.5 * glow(x, y, 2.4 * radius))
    image, pen = canvas(picture)
    stars(pen, rng, 45, 70)
    disc(pen, x, y, radius, (252, 244, 214, 255))
    for dx, dy, r in ((-0.35, -0.2, 0.25), (0.3, 0.3, 0.2), (0.1, -0.5, 0.14)):
        disc(pen, x + dx * radius, y + dy * radius, r * radius, (226, 214, 184, 200))
    hills = ramp(colours("36497f 2e4076"), rng, 60, 90)
    picture = over(planes(image), hills, below(line(rng, 68, 14, 1.7)))
    grass = ramp(colours("47628f 38527f 2f4672"), rng, 80, S) + 5 * noise(rng, 1, 1, 2)
    image, pen = canvas(over(picture, grass, below(line(rng, 82, 8, 2.2), 2)))
    for x, y in scatter(rng, 26, 86, S):
        pen.line((x, y, x + rng.uniform(-2, 2), y - 5), fill=(112, 142, 186, 130))
    for x, y in scatter(rng, 6, 70, 112):
        disc(pen, x, y, 3, (250, 240, 140, 60))
        disc(pen, x, y, 1.2, (255, 248, 190, 230))
    return image


def space(rng):
    picture = sky(rng, "space")
    for tint in rng.permutation(colours("b0489a 4a6fd0 2fa59c 8a4fd0"))[:2]:
        picture = picture + tint[:, None, None] * (0.42 * noise(rng, 1.7)).clip(0, 0.8)
    image, pen = canvas(picture * 0.85)
    stars(pen, rng, 90, S)
    picture = planes(image)
    for radius in rng.uniform(9, 22, size=rng.integers(1, 3)):
        # towards an edge, where it leaves room for the things
        x, y = rng.uniform(0, S), rng.choice((rng.uniform(2, 24), rng.uniform(104, 126)))
        from_light = np.hypot(COLUMNS - x + 0.5 * radius, ROWS - y + 0.5 * radius)
        light = (1 - from_light / (1.7 * radius)).clip(0.12, 1)
        bands = 1 + 0.12 * np.sin((ROWS - y) / radius * 7 + noise(rng, 2))
        base = rng.choice(colours("d98a5f 6fa8c9 c9a46f a77fc4 7fb59a cf7f8f"))
        globe = base[:, None, None] * (1.25 * light * bands)
        picture = picture + 0.2 * base[:, None, None] * glow(x, y, 1.5 * radius)
        picture = over(picture, globe, ball(x, y, radius))
    return canvas(picture)[0]


def under_water(rng):
    picture = sky(rng, "under water")
    lean = rng.uniform(-0.5, 0.5)
    beams = noise(rng, 1.2)[:1]
    at = (COLUMNS + lean * ROWS).astype(int) % S
    picture = picture + 24 * beams[0][at].clip(0, 2) * (1 - ROWS / 100).clip(0, 1)
    bed = line(rng, 112, 8, 2.2)
    caustics = 12 * (1 - abs(noise(rng, 1.3, 1, 2))).clip(0, 1)
    sand = ramp(colours("b5c9a8 8fb3a2"), rng, 100, S) + caustics
    picture = over(picture, sand, below(bed, 2) * 0.8)
    image, pen = canvas(picture)
    for x in across(rng, rng.integers(5, 9)):
        tall, sway = rng.uniform(14, 40), rng.uniform(0, 6)
        leaf = [(x + 3 * np.sin(sway + s / 6), 124 - s) for s in np.arange(0, tall, 3)]
        green = colour((38 + rng.uniform(0, 40), 128, 110), 190)
        pen.line(leaf, fill=green, width=3, joint="curve")
    for x in across(rng, 3):
        coral = colour(rng.choice(colours("c97a8c d19a6b 9a7fb5")), 190)
        for dx, dy in rng.uniform((-8, 6), (8, 18), size=(5, 2)):
            pen.line((x, 126, x + dx, 126 - dy), fill=coral, width=3)
            disc(pen, x + dx, 126 - dy, 2, coral)
    return image


def sunset(rng):
    level, x, radius = rng.uniform(64, 70), rng.uniform(28, 100), rng.uniform(13, 18)
    picture = sky(rng, "sunset", level)
    picture = clouds(rng, picture, (255, 176, 150), 62, 0.4, 0.6)
    y = level - rng.uniform(0, 8)
    sun = ball(x, y, radius)
    picture = over(picture, (255, 226, 150), 0.6 * glow(x, y, 2 * radius, 1.5))
    picture = over(picture, ramp(colours("fff3b8 ffc46b"), rng, y - radius, y + radius), sun)
    sea = ramp(colours("d98180 93639a 6b5690"), rng, level, 92) + 10 * noise(rng, 0.8, 1, 4)
    width = (6 + (ROWS - level) * 0.5).clip(1)  # it widens towards us; above the sea it is unseen
    path = np.exp(-(((COLUMNS - x) / width) ** 2))
    glints = (noise(rng, 0.5, 1, 4) + 0.6).clip(0, 1) * path
    picture = over(picture, over(sea, (255, 220, 150), glints * 0.8), below(level))
    islands = below(line(rng, level + 1, 8, 1.9)) * (1 - below(level))
    picture = over(picture, (120, 82, 128), islands)
    shore = ramp(colours("a8728a 8d6080 745076"), rng, 84, S) + 4 * noise(rng, 0.8, 1, 2)
    return canvas(over(picture, shore, below(line(rng, 86, 6, 2.2), 2)))[0]


def bubbles(pen, rng):
    """Air that rises in front of the things."""
    for x, y, size in rng.random((9, 3)) * (S, S, 1):
        radius = 1.5 + 2.5 * size
        box = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(box, fill=(220, 245, 255, 50), outline=(235, 250, 255, 170))


class Place(NamedTuple):
    """paint(rng) -> picture. light: what it multiplies the things' colours by. halo: the colour
    and strength of the glow around them. floats: whether they hover. front(pen, rng) paints before
    them, and `beside` is a thing's name and (pen, rng) what is also painted behind all others: a
    palm behind two palms would make it three."""

    paint: Callable
    light: tuple = (1, 1, 1)
    halo: tuple = (255, 255, 255, 0.25)
    floats: bool = False
    front: Callable | None = None
    beside: tuple | None = None


PLACES = {
    "snow": Place(snow, (0.97, 0.98, 1), (105, 138, 188, 0.42), front=flakes),
    "forest": Place(forest, halo=(240, 248, 215, 0.5)),
    "beach": Place(beach, beside=("palm", palm)),
    "desert": Place(desert, (1, 0.98, 0.94), (255, 246, 220, 0.3), beside=("cactus", cacti)),
    "night": Place(night, (0.92, 0.93, 1), (185, 200, 250, 0.4)),
    "space": Place(space, (0.95, 0.95, 1), (150, 160, 240, 0.4), floats=True),
    "under water": Place(under_water, (0.93, 0.99, 1), (190, 240, 245, 0.3), True, bubbles),
    "field": Place(field, halo=(250, 252, 225, 0.3)),
    "city": Place(city),
    "sunset": Place(sunset, (1, 0.95, 0.91), (255, 214, 170, 0.35)),
}
