"""A scene painted: the place, the things in its light, glow and shadow, and what is in front."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .backgrounds import PLACES
from .drawing import S
from .sprites import sized

FLYING = {"bee", "butterfly", "rocket", "airplane", "helicopter", "ufo", "balloon", "star"}


def paint(scene, rng, scale=1):
    """`draw` with a numpy generator, as an array (64, 64, 3) uint8, or twice as large at scale 2.

    The same scene and generator give the same picture at either scale.
    """
    picture = backdrop(scene, rng, scale)
    put(picture, scene, fitted(scene, scale), scene.spots)
    in_front(picture, scene.place, rng)
    return np.asarray(picture)


def backdrop(scene, rng, scale=1):
    """What lies behind the things: the place, and what belongs to it unless it is the thing."""
    place = PLACES[scene.place]
    picture = place.paint(rng)
    if place.beside and place.beside[0] != scene.thing:
        place.beside[1](ImageDraw.Draw(picture, "RGBA"), rng)
    return picture.reduce(2 // scale)


def put(picture, scene, drawing, spots):
    """Paste a drawing of the scene's thing on the middles of its lower edge, with glow and shadow.

    spots: in pixels of a picture of 64x64, whatever the size of this one.
    """
    place, (width, height), scale = PLACES[scene.place], drawing.size, scale_of(picture)
    far_first = sorted(spots, key=lambda spot: spot[1])
    corners = [
        (scale * round(x - width / 2 / scale), scale * round(y - height / scale))
        for x, y in far_first
    ]
    surround(picture, drawing, corners, place.halo)
    for corner in corners:
        if not (place.floats or scene.thing in FLYING):
            shadow(picture, corner, width, height)
        picture.paste(drawing, corner, drawing)


def in_front(picture, place, rng):
    """Paint over the things what is in front of them, such as snow that falls."""
    if PLACES[place].front:
        layer = Image.new("RGBA", (S, S), (255, 255, 255, 0))
        PLACES[place].front(ImageDraw.Draw(layer), rng)
        layer = layer.reduce(2 // scale_of(picture))
        picture.paste(layer, mask=layer)


def scale_of(picture):
    """How many times as large as 64x64 a picture is."""
    return picture.width // 64


def fitted(scene, scale=1):
    """The thing's drawing at its size and in the light of its place: an RGBA picture."""
    *colours, alpha = sized(scene.thing, scene.style, scene.colour, scene.size, scale).split()
    lit = [
        channel.point(lambda value, share=share: value * share)
        for channel, share in zip(colours, PLACES[scene.place].light)
    ]
    return Image.merge("RGBA", [*lit, alpha])


def surround(picture, drawing, corners, halo):
    """A soft glow around the things, or a shade on snow: what sets them off from their place."""
    mask = Image.new("L", picture.size)
    for corner in corners:
        mask.paste(255, corner, drawing)
    *colour, strength = halo
    blur = ImageFilter.GaussianBlur(2.5 * scale_of(picture))
    mask = mask.filter(blur).point(lambda value: value * strength)
    picture.paste(tuple(colour), mask=mask)


def shadow(picture, corner, width, height):
    """A soft shadow on the ground, under and to the right of a thing."""
    x, y = corner[0] + 0.54 * width, corner[1] + height - 1
    scale = scale_of(picture)
    reach, flat = 0.44 * width, max(2 * scale, 0.08 * width)
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((x - reach, y - flat, x + reach, y + flat), fill=105)
    picture.paste((28, 30, 60), mask=mask.filter(ImageFilter.GaussianBlur(1.6 * scale)))
