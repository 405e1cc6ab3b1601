"""Six places by day: `paint(rng)` -> picture (128, 128), each different every time."""

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
    pine,
    planes,
    ramp,
    scatter,
    sky,
)


def snow(rng):
    picture = sky(rng, "snow", 76)
    peaks = line(rng, 52, 22, 1.5)
    rock = ramp(colours("f4f8fd b4c8e0"), rng, 30, 70) + 10 * noise(rng, 1.2, 1, 2)
    picture = over(picture, rock, below(peaks) * 0.75)
    far, near = line(rng, 71, 6, 2.2), line(rng, 90, 12, 2.4)
    picture = over(picture, ramp(colours("f6faff dfeaf6"), rng, 66, 92, 3), below(far))
    image, pen = canvas(picture)
    for x in across(rng, rng.integers(5, 12)):
        foot, tall = far[0, int(x)] + rng.uniform(1, 9), rng.uniform(12, 26)
        pine(pen, x, foot, tall, (112, 148, 172, 255), (222, 234, 244, 255))
    drift = ramp(colours("ffffff e3edf8 cddcee"), rng, 84, S, 3) + 3 * noise(rng, 1.5, 1, 3)
    image, pen = canvas(over(planes(image), drift, below(near, 3)))
    flakes(pen, rng, 36)
    return image


def forest(rng):
    image, pen = canvas(sky(rng, "forest"))
    for k, pair in enumerate(("9dc0a4 afcfb4", "6f9f80 82b28f", "467a5d 5a9270")):
        dark, light = colours(pair) + rng.normal(0, 6, size=3)
        for x in across(rng, 12 - 4 * k):
            tall = rng.uniform(44, 66) + 6 * k
            pine(pen, x, 74 + 5 * k, tall, colour(dark), colour(light))
    picture = planes(image)
    slant = rng.uniform(0.3, 0.7)
    rays = np.sin((COLUMNS + slant * ROWS) / rng.uniform(5, 8) + rng.uniform(0, 6)).clip(0, 1)
    picture = picture + 26 * rays * (1 - ROWS / 90).clip(0, 1)
    moss = ramp(colours("a3bf77 7fa760 5d8a4e"), rng, 76, S) + 7 * noise(rng, 0.9, 1, 2)
    image, pen = canvas(over(picture, moss, below(line(rng, 78, 7, 2), 2)))
    for x, y in scatter(rng, 40, 82, S):
        blade = rng.uniform(3, 7)
        pen.line((x, y, x + rng.uniform(-2, 2), y - blade), fill=(66, 110, 62, 150), width=1)
    for x, y in scatter(rng, 8, 84, S):
        disc(pen, x, y, 1.2, (250, 246, 220, 150))
    return image


def beach(rng):
    picture = sky(rng, "beach", 60)
    picture = clouds(rng, picture, 255, 60)
    level = rng.uniform(52, 60)
    sea = ramp(colours("2f9bc0 4fb9c9 96dcd3"), rng, level, 86) + 9 * noise(rng, 1, 1, 4)
    picture = over(picture, sea, below(level))
    shore = line(rng, 84, 5, 2.4)
    sand = ramp(colours("ecd39a f5dfab e7c68a"), rng, 80, S) + 5 * noise(rng, 0.6)
    picture = over(picture, (252, 253, 250), below(shore - 3, 2) * 0.9)
    image, pen = canvas(over(over(picture, sand * 0.9, below(shore)), sand, below(shore + 4, 4)))
    for x, y in scatter(rng, 9, 92, S):
        disc(pen, x, y, 1.5, colour(rng.choice(colours("fff5e6 f6b8a2 d99f7c"))), 0.8)
    return image


def desert(rng):
    x, y = rng.uniform(14, 114), rng.uniform(12, 34)
    picture = sky(rng, "desert", 78)
    sun = (0.8 * glow(x, y, 20) + ball(x, y, 9)).clip(0, 1)
    picture = over(picture, (255, 248, 220), sun)
    dunes = (66, "e2a871 d29560"), (76, "eab97c d7995c"), (90, "f3c98b dda667 cf9458")
    for level, palette in dunes:
        dune = line(rng, level, 15, 2.2)
        # the slope of the crest tells the lit side from the shaded one
        light = 14 * np.tanh(4 * np.gradient(dune[0]))
        ripples = np.sin((ROWS - dune) * 1.1 + 2 * noise(rng, 1.8)) * 3.5
        light = light * (1 - (ROWS - dune) / 40).clip(0, 1)
        sand = ramp(colours(palette), rng, level - 8, S, 4) + light + ripples
        picture = over(picture, sand, below(dune))
    return canvas(picture)[0]


def cacti(pen, rng):
    """None to three small cacti on the dunes."""
    for x in across(rng, rng.integers(0, 4)):
        green, foot, tall = (118, 140, 92, 255), rng.uniform(80, 86), rng.uniform(10, 18)
        pen.line((x, foot, x, foot - tall), fill=green, width=4)
        arms = (x - 5, foot - 10, x - 5, foot - 6, x + 5, foot - 5, x + 5, foot - 9)
        pen.line(arms, fill=green, width=2)


def field(rng):
    x, y = rng.uniform(12, 116), rng.uniform(10, 26)
    picture = sky(rng, "field", 74)
    picture = over(picture, (255, 250, 214), (glow(x, y, 15) + ball(x, y, 7)).clip(0, 1))
    picture = clouds(rng, picture, 255, 66, 0.45)
    hills = ramp(colours("a3cbb2 9cc79d"), rng, 60, 84)
    image, pen = canvas(over(picture, hills, below(line(rng, 64, 10, 2))))
    for x in across(rng, rng.integers(2, 7)):
        tall = rng.uniform(5, 9)
        disc(pen, x, 70 - tall, tall, (116, 164, 112, 255))
        disc(pen, x - 2, 68 - tall, tall * 0.6, (138, 182, 126, 255))
    hills = ramp(colours("a9d17f 8fc070"), rng, 66, 90)
    picture = over(planes(image), hills, below(line(rng, 73, 7, 2.2)))
    meadow = ramp(colours("9fd070 82bb5c 64a24d"), rng, 78, S) + 5 * noise(rng, 0.9, 1, 2)
    image, pen = canvas(over(picture, meadow, below(line(rng, 82, 8, 2.3), 2)))
    blooms = [colour(c) for c in rng.permutation(colours("fff4f0 f6d34f ef8fa8 c9a0e8 f08a5f"))[:3]]
    for x, y in scatter(rng, 46, 84, S):
        near = (y - 76) / 52
        pen.line((x, y, x, y - 2 - 5 * near), fill=(74, 134, 66, 170))
        if rng.random() < 0.6:
            disc(pen, x, y - 2 - 5 * near, 0.8 + 1.1 * near, blooms[int(x) % 3])
    return image


def city(rng):
    picture = clouds(rng, sky(rng, "city", 84), 255, 60, 0.35)
    image, pen = canvas(picture)
    rows = (("b7c4d6 c2c9da adbccf", 24, 60, 0), ("8c9bb5 a8949c 9aa7b0 b39d8e 7f94a8", 34, 74, 1))
    for palette, tall, wall, near in rows:
        x = rng.uniform(-12, 0)
        while x < S:
            wide, top = rng.uniform(12, 24), rng.uniform(84 - wall, 84 - tall)
            body = rng.choice(colours(palette)) + rng.normal(0, 5)
            pen.rectangle((x, top, x + wide, 88), fill=colour(body))
            pen.rectangle((x + wide * 0.72, top, x + wide, 88), fill=colour(body * 0.88))
            if near:
                panes = [colour(body * 1.2 + 16), colour((250, 228, 160))]
                for down in np.arange(top + 4, 82, 6):
                    for right, lit in zip(np.arange(x + 3, x + wide - 3, 5), rng.random(5)):
                        box = (right, down, right + 2, down + 3)
                        pen.rectangle(box, fill=panes[int(lit < 0.3)])
            x += wide + rng.integers(0, 4)
    picture = planes(image)
    road = ramp(colours("9298a3 838995 787e8b"), rng, 90, S, 3) + 4 * noise(rng, 0.4)
    kerb = ramp(colours("cfcfd2 bcbdc3"), rng, 84, 92, 3)
    image, pen = canvas(over(over(picture, kerb, below(84)), road, below(92)))
    start, level = rng.uniform(-20, 0), rng.uniform(106, 112)
    for x in np.arange(start, S, 26):
        pen.rectangle((x, level, x + 13, level + 2.5), fill=(240, 236, 220, 230))
    for x in rng.uniform((4, 72), (56, 124)):
        pen.line((x, 90, x, 62, x + 5, 60), fill=(92, 98, 112, 255), width=2)
        disc(pen, x + 6, 62, 2.2, (255, 240, 190, 255))
    return image
