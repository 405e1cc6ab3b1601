"""Captioned scenes of 64x64 pixels that never run out: things, colours, styles, places, counts.

A `Scene` holds the facts, `draw` paints it, `describe` tells of it. Pairs of thing and colour and
of thing and place that are held out never occur in training, to be asked for afterwards.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

import numpy as np
import torch

from ...errors import UserError
from .backgrounds import PLACES
from .captions import MAX_WORDS, MENTION, WORDS, caption_of, size_word  # noqa: F401
from .painting import FLYING, backdrop, fitted, in_front, paint, put  # noqa: F401
from .sprites import COLOURS, STYLES, THINGS, colours_of, natural_colours

# what a CPU can learn to draw in hours: the vocabulary of the recipe `scenes-small`
COMMON = tuple(
    "fox cat dog rabbit bear lion elephant frog fish owl duck penguin butterfly turtle apple banana "
    "strawberry cake car bus rocket airplane sailboat house tree cactus tulip mushroom star "
    "umbrella balloon snowman".split()
)


@dataclass(frozen=True)
class Scene:
    """What is true of a picture: one of THINGS, COLOURS, STYLES and PLACES, and where things are.

    size: the longer side of each thing in pixels, 8 to 60. spots: for each of one to three things
    the middle of its lower edge, (x, y) in pixels from the upper left. UserError for others.
    """

    thing: str
    colour: str = "natural"
    style: str = "shaded"
    place: str = "field"
    size: int = 40
    spots: tuple = ((32, 58),)

    def __post_init__(self):
        one_of("thing", self.thing, THINGS)
        one_of("colour", self.colour, COLOURS)
        one_of("style", self.style, STYLES)
        one_of("place", self.place, PLACES)
        if self.colour not in colours_of(self.thing):
            known = ", ".join(colours_of(self.thing))
            raise UserError(f"colour of a {self.thing} must be {known}, got {self.colour!r}")
        if not 8 <= self.size <= 60:
            raise UserError(f"size must be 8 to 60 pixels, got {self.size}")
        if not 1 <= len(self.spots) <= 3:
            raise UserError(f"spots must be one to three places, got {len(self.spots)}")


def one_of(name, value, known):
    """UserError with the nearest known words if the value is none of them."""
    if value not in tuple(known):
        near = get_close_matches(str(value), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "it can be " + ", ".join(known)
        raise UserError(f"{name} {value!r} is unknown; {hint}")


@lru_cache
def kept_out():
    """The pairs held out: (thing, colour) and (thing, place), a tenth of each kind.

    Each thing loses one place, each place a tenth of the things. Colours that a natural drawing
    measures as are seen anyway, so every eighth of the others goes. "A red fox in snow" stays.
    """
    asked = {("fox", "red"), ("fox", "snow")}
    coloured = [
        (thing, colour)
        for thing in THINGS
        for colour in colours_of(thing)[1:]
        if colour not in natural_colours(thing) and (thing, colour) not in asked
    ]
    placed = [
        (t, p) for i, t in enumerate(THINGS) for k, p in enumerate(PLACES) if (i + k) % 10 == 4
    ]
    return frozenset(coloured[4::8]) | frozenset(placed) - asked


def held_out(thing, colour="natural", place=None):
    """Whether this thing is kept out of training in this colour or in this place."""
    return (thing, colour) in kept_out() or (thing, place) in kept_out()


def painter(generator):
    """A numpy generator seeded by the next number of a torch one: many small draws are faster."""
    return np.random.default_rng(torch.randint(2**62, (), generator=generator).item())


def random_scene(generator, unseen=False, things=tuple(THINGS)):
    """A Scene at random of one of `things`: none that is held out or, if unseen, only such."""
    return invent(painter(generator), unseen, things)


def invent(rng, unseen, things=tuple(THINGS)):
    """`random_scene` from a numpy generator."""
    while True:
        thing = things[rng.integers(len(things))]
        colours = colours_of(thing)
        # a third of those with colours stay natural
        colour = colours[rng.integers(len(colours))] if rng.random() < 0.75 else "natural"
        place = tuple(PLACES)[rng.integers(len(PLACES))]
        if held_out(thing, colour, place) == unseen:
            break
    count = int(rng.choice((1, 2, 3), p=(0.7, 0.18, 0.12)))
    low, high = ((20, 52), (18, 31), (17, 25))[count - 1]
    size = int(rng.integers(low, high + 1))
    style = STYLES[rng.integers(len(STYLES))]
    return Scene(thing, colour, style, place, size, spots(rng, thing, place, size, count))


def spots(rng, thing, place, size, count):
    """Where `count` things of a size stand, or hover: side by side, none hidden by another."""
    slot = 64 / count
    free = max(slot - size, 0) / 2
    x = (np.arange(count) + 0.5) * slot + rng.uniform(-free, free, size=count)
    x = x.clip(size / 2 + 1, 63 - size / 2)
    if PLACES[place].floats:
        y = rng.uniform(size + 2, 62, size=count)
    elif thing in FLYING:
        y = rng.uniform(size + 2, max(size + 3, 46), size=count)
    else:
        y = rng.uniform(max(46, size + 2), 61, size=count)
        if count == 3:
            y[1], y[::2] = 46 + 0.2 * (y[1] - 46), 61 - 0.3 * (61 - y[::2])
    return tuple((round(float(a)), round(float(b))) for a, b in zip(x, y))


def draw(scene, generator, scale=1):
    """The scene painted: (3, 64, 64) uint8, or twice as large at scale 2.

    The facts are the scene's, details the generator's; the same give the same picture at either scale.
    """
    return torch.from_numpy(paint(scene, painter(generator), scale).transpose(2, 0, 1).copy())


def describe(scene, generator, mention=MENTION, vague=0.06):
    """A true caption, from "a fox" to "two small red foxes in snow, flat style".

    Size, colour, place and style are told with probability `mention` each (the style with
    its square); `vague` is the share that names a category, such as "animal".
    """
    return caption_of(scene, painter(generator), mention, vague)


def example(seed, unseen=False, things=tuple(THINGS)):
    """The scene, picture (64, 64, 3) uint8 and caption that a number stands for.

    Every other caption, as seeds go, tells every detail. A process pool may map it over many.
    """
    rng = np.random.default_rng(int(seed))
    scene = invent(rng, unseen, things)
    return scene, paint(scene, rng), caption_of(scene, rng, mention=1 if seed % 2 else MENTION)


def scene_data(dropped=0.1, things=tuple(THINGS)):
    """The training stream: `data(n, generator)` -> pictures (n, 3, 64, 64) in 0..1, n captions.

    Pairs held out never occur; a share `dropped` of the captions is replaced by "".
    """

    def data(n, generator):
        seeds = torch.randint(2**62, (n,), generator=generator)
        kept = (torch.rand(n, generator=generator) >= dropped).tolist()
        _, pictures, captions = zip(*(example(seed, things=things) for seed in seeds.tolist()))
        return stacked(pictures), [caption * keep for caption, keep in zip(captions, kept)]

    return data


def seen_scenes(n, generator):
    """n pictures and their Scenes; pairs held out never occur."""
    seeds = torch.randint(2**62, (n,), generator=generator).tolist()
    scenes, pictures, _ = zip(*(example(seed) for seed in seeds))
    return stacked(pictures), list(scenes)


def any_scenes(n, generator):
    """n pictures and their Scenes, of all kinds: the pairs held out in their natural share."""
    seeds = torch.randint(2**62, (n,), generator=generator).tolist()
    # about as often as a scene at random would be one of them
    scenes, pictures, _ = zip(*(example(seed, unseen=seed % 5 == 0) for seed in seeds))
    return stacked(pictures), list(scenes)


def stacked(pictures):
    """Pictures (64, 64, 3) uint8 as one batch (n, 3, 64, 64) of floats in 0..1."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def prompts_for(n, generator, unseen=False, things=tuple(THINGS)):
    """n prompts with every detail, and the n Scenes they ask for, none or, if unseen, all held out."""
    asked = [random_scene(generator, unseen, things) for _ in range(n)]
    return [describe(scene, generator, mention=1, vague=0) for scene in asked], asked
