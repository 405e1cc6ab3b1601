"""Scenes in pairs that differ in one fact: what makes a caption be read to its end."""

from dataclasses import replace

import numpy as np

from ...checks import check_number
from . import STYLES, THINGS, colours_of, held_out, invent, paint, painter, spots, stacked
from .backgrounds import PLACES
from .captions import NUMBERS, WHERE, caption_of

FACTS = ("thing", "colour", "style", "place", "count")


def twin(scene, rng, things=tuple(THINGS)):
    """The scene with one of its FACTS changed, none of it held out, and which fact that is."""
    while True:
        fact = FACTS[rng.integers(len(FACTS))]
        if fact == "count":
            count = 1 + (len(scene.spots) + int(rng.integers(2))) % 3
            size = min(scene.size, (52, 31, 25)[count - 1])
            where = spots(rng, scene.thing, scene.place, size, count)
            other = replace(scene, size=size, spots=where)
        else:
            known = dict(
                thing=things, colour=colours_of(scene.thing), style=STYLES, place=tuple(PLACES)
            )[fact]
            changed = {fact: known[rng.integers(len(known))]}
            if fact == "thing" and scene.colour not in colours_of(changed["thing"]):
                continue
            other = replace(scene, **changed)
        if other != scene and not held_out(other.thing, other.colour, other.place):
            return other, fact


def caption_that_tells(scene, fact, rng, mention):
    """A caption of the scene that tells this one of its FACTS, whatever else it leaves out.

    The name of the thing is never left out; its natural colour, and that it is one, have no word.
    """
    count = len(scene.spots)
    words = dict(
        colour=() if scene.colour == "natural" else (scene.colour,),
        style=(scene.style,),
        place=WHERE[scene.place],
        count=() if count == 1 else NUMBERS[count - 1][:1],  # "some" would be two or three
    ).get(fact, ())
    while True:
        caption = caption_of(scene, rng, mention, vague=0)
        told = caption.replace(",", "") + " "
        if not words or any(f"{word} " in told for word in words):
            return caption


def twin_data(things=tuple(THINGS), mention=0.5):
    """The training stream: `data(n, generator)` -> pictures (n, 3, 64, 64) in 0..1, n captions.

    n is even; every second scene is the `twin` of the one before it. Two of three captions tell every
    detail, the others each with probability `mention`; in what the twins differ both captions tell.
    UserError for a `mention` under 0.01, at which that would take for ever, or above 1.
    """
    check_number("mention", mention, 0.01, 1)

    def data(n, generator):
        rng = painter(generator)
        pictures, captions = [], []
        for _ in range(n // 2):
            scene = invent(rng, False, things)
            other, fact = twin(scene, rng, things)
            for each in (scene, other):
                share = 1 if rng.random() < 2 / 3 else mention
                pictures.append(paint(each, np.random.default_rng(rng.integers(2**62))))
                captions.append(caption_that_tells(each, fact, rng, share))
        return stacked(pictures), captions

    return data
