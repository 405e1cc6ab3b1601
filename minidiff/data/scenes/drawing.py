"""What the places are painted with: ramps of colour, smoothed noise, outlines, trees, stars.

A picture is an array (3, 128, 128) of 0..255: colours first, because broadcasting a mask over them
is then several times faster. A pen is Pillow's, with blending.
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageColor, ImageDraw

S = 128
ROWS = np.arange(S, dtype=np.float32)[:, None]
COLUMNS = np.arange(S, dtype=np.float32)[None, :]
# from the zenith down
SKIES = {
    "snow": ("86b4de b9d7ef eaf3fa", "9a9fd2 d3bfe0 fbe3dc", "8ec3d8 c3e2ea f1f8f6"),
    "forest": ("d9ecd2 b4d4b0", "d3e9e4 a5cdc2", "f0ecc8 bfd3a2"),
    "beach": ("6fb9ea bfe2f5", "83c5ee e6f3ea", "8fb8ea fbe3d0"),
    "desert": ("7fc0e4 cfe6e6 fbe9c9", "f4a96b fbcf94 feeec6", "8fb2dc e3cfd0 fbe0bd"),
    "night": ("141a4e 2c3c80 5668a8", "1b1748 3d3a82 7663a4", "0f2450 24508a 5b86ae"),
    "space": ("150f33 1d1846 120e2e", "0d1533 13274a 0b1029", "220f36 321a4c 160d2b"),
    "under water": (
        "8fe0e4 3aa6c9 1b6ba3 164f8a",
        "86e3d2 34a7ac 197791 135d80",
        "9bd2f2 4393d6 2460ad 1c4790",
    ),
    "field": ("6db3ec b5dcf6 e9f5f4", "7fc2e8 d3ecdf fbf3d8", "8fb6f0 d5e0f8 fdeee6"),
    "city": ("8fbce2 cfe2ee f6ecdd", "a3b5dc e0d2e0 fbe0cc", "9fcbd8 dcebe6 f8f2dc"),
    "sunset": (
        "4b3b7f b1588c f08a6b fcc878",
        "5a4a94 cf6a85 f79a62 fddb8e",
        "3d4b86 9a62a0 ee8290 fbc489",
    ),
}


@lru_cache
@lru_cache
def colours(text):
    """Hex colours, separated by blanks, as an array (n, 3) of 0..255."""
    return np.array([ImageColor.getrgb(f"#{word}") for word in text.split()], np.float32)


@lru_cache
@lru_cache
def noise_field(smoothness):
    """Periodic noise (256, 256) with spectrum 1 / frequency^smoothness, mean 0, deviation 1."""
    white = np.fft.fft2(np.random.default_rng(0).normal(size=(256, 256)))
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)) * 256
    field = np.fft.ifft2(white / np.maximum(frequency, 1) ** smoothness).real
    return np.tile((field / field.std()).astype(np.float32), (2, 2))


def noise(rng, smoothness, across=1, down=1):
    """A random piece (128, 128) of `noise_field`; every `across`-th column, `down`-th row."""
    y, x = rng.integers(256, size=2)
    y, x = min(y, 512 - S * down), min(x, 512 - S * across)
    return noise_field(smoothness)[y : y + S * down : down, x : x + S * across : across]


def ramp(palette, rng, top=0, bottom=S, spread=5):
    """Evenly spaced colours (n, 3) from row top to row bottom, jittered: (3, 128, 1)."""
    palette = palette + rng.normal(0, spread, size=3)
    at = np.linspace(top, bottom, len(palette))
    rows = np.stack([np.interp(ROWS[:, 0], at, channel) for channel in palette.T])
    return rows[:, :, None].astype(np.float32)


def sky(rng, place, bottom=S):
    """One of the place's skies, as a ramp down to a row."""
    return ramp(colours(rng.choice(SKIES[place])), rng, bottom=bottom)


def line(rng, level, height, smoothness=1.6):
    """A landscape's outline: rows (1, 128) about `level`, up to `height` above or below."""
    return level - height * noise(rng, smoothness)[:1].clip(-2, 2) / 2


def over(picture, paint, mask):
    """The picture (3, 128, 128) with paint, a picture, a ramp or a colour, where mask (0..1) is."""
    paint = np.asarray(paint, np.float32)
    change = (paint if paint.ndim == 3 else paint.reshape(-1, 1, 1)) - picture
    change = change * mask
    change += picture
    return change


def below(outline, soft=1.0):
    """1 below an outline, 0 above it."""
    return ((ROWS - outline) / soft + 0.5).clip(0, 1)


def glow(x, y, radius, wide=1.0):
    """A round glow: 1 in the middle, 0.37 at the radius."""
    return np.exp(-(((COLUMNS - x) / wide) ** 2 + (ROWS - y) ** 2) / radius**2)


def ball(x, y, radius):
    """1 inside a circle, 0 outside."""
    return (radius + 0.5 - np.hypot(COLUMNS - x, ROWS - y)).clip(0, 1)


def canvas(picture):
    """An array (3, 128, 128) of 0..255 as a Pillow picture, and a pen that blends."""
    bytes_ = np.broadcast_to(picture, (3, S, S)).clip(0, 255).astype(np.uint8)
    image = Image.merge("RGB", [Image.fromarray(channel) for channel in bytes_])
    return image, ImageDraw.Draw(image, "RGBA")


def planes(image):
    """A Pillow picture as an array (3, 128, 128): broadcasting over colours first is faster."""
    return np.asarray(image).transpose(2, 0, 1).astype(np.float32, order="C")


def colour(rgb, alpha=255):
    """A pen's colour."""
    return *(min(max(int(v), 0), 255) for v in rgb), int(alpha)


def disc(pen, x, y, radius, fill, flat=1.0):
    pen.ellipse((x - radius, y - radius * flat, x + radius, y + radius * flat), fill=fill)


def across(rng, n):
    """n random places along the picture's width.

    Python's numbers: Pillow 13 misreads polygons that mix them with numpy's.
    """
    return (S * rng.random(n)).tolist()


def scatter(rng, n, top, bottom):
    """n random points, crowded towards the top as on ground that recedes; far ones first."""
    points = rng.random((n, 2))
    points[:, 1] = top + (bottom - top) * np.sort(points[:, 1]) ** 1.3
    return [(x * S, y) for x, y in points]


def clouds(rng, picture, paint, low, cover=0.4, strength=0.85):
    """Streaky clouds from noise, fading out towards row `low`."""
    mask = (noise(rng, 1.5, 1, 2) - 1 + 2 * cover).clip(0, 0.8) * strength
    return over(picture, paint, mask * (1 - ROWS / low).clip(0, 1) ** 0.5)


def pine(pen, x, foot, height, dark, lit):
    """A conifer of three tiers, its left side in the light."""
    width = height * 0.24
    pen.rectangle((x - 1, foot - height * 0.15, x + 1, foot), fill=colour((84, 62, 50)))
    for k, (up, wide) in enumerate(((0.08, 1), (0.34, 0.78), (0.58, 0.55))):
        low, top = foot - up * height, foot - (up + 0.44 - 0.02 * k) * height
        pen.polygon([(x, top), (x - wide * width, low), (x + wide * width, low)], fill=dark)
        pen.polygon([(x, top), (x - wide * width, low), (x - wide * width * 0.2, low)], fill=lit)


def palm(pen, rng):
    """A palm that leans in from the left or right edge, or none."""
    if rng.random() < 0.3:
        return
    side = rng.choice((-1, 1))
    foot, high = 64 + side * rng.uniform(48, 60), rng.uniform(16, 30)
    top = foot - side * rng.uniform(6, 16)
    bend = [(foot + (top - foot) * s**2, 92 + (high - 92) * s) for s in np.linspace(0, 1, 7)]
    pen.line(bend, fill=(146, 108, 74, 255), width=5, joint="curve")
    for angle in np.linspace(-0.5, 3.6, 8) + rng.normal(0, 0.1, size=8):
        reach, s = rng.uniform(20, 28), np.linspace(0, 1, 6)
        x, y = top + reach * np.cos(angle) * s, high - reach * np.sin(angle) * s * 0.7 + 15 * s**2
        width = 5 * np.sin(np.pi * s**0.7)
        leaf = [*zip(x, y - width / 2), *zip(x[::-1], (y + width / 2)[::-1])]
        pen.polygon(leaf, fill=colour((72 + 20 * np.sin(angle), 142, 92)))


def stars(pen, rng, n, low):
    """n stars above row `low`, a few of them twinkling."""
    for k, (x, y, light) in enumerate(rng.random((n, 3)) * (S, low, 1)):
        tint = (255, 250 - 30 * light, 225 + 30 * light, 120 + 135 * light)
        disc(pen, x, y, 0.5 + 0.8 * light, colour(tint[:3], tint[3]))
        if k < 3:
            for reach in ((4, 0), (0, 4)):
                ends = (x - reach[0], y - reach[1], x + reach[0], y + reach[1])
                pen.line(ends, fill=(255, 255, 245, 110))


def flakes(pen, rng, n=14):
    """n flakes of falling snow."""
    for x, y, size in rng.random((n, 3)) * (S, S, 1):
        disc(pen, x, y, 0.7 + 1.3 * size**2, (255, 255, 255, 215))
