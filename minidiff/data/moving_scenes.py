"""Clips of scenes in which the thing moves: it walks, rises, falls, grows or turns round.

The place is painted once and stays as it is. Pairs of thing and motion that are held out never
occur in training, to be asked for afterwards; so do the pairs that scenes keep out.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import ImageOps

from . import scenes
from .scenes.backgrounds import PLACES
from .scenes.captions import WHERE, article

FRAMES = 8
# the way per frame, (x, y) with y downwards, and how it is told; {} is the thing's own way of moving
WAYS = {
    "left": ((-1, 0), ("{} left", "{} left", "going left")),
    "right": ((1, 0), ("{} right", "{} right", "going right")),
    "up": ((0, -1), ("rising", "going up")),
    "down": ((0, 1), ("falling", "going down")),
    "growing": ((0, 0), ("growing",)),
    "shrinking": ((0, 0), ("shrinking",)),
    "turning": ((0, 0), ("turning round",)),
}
SWIMMING = {"fish", "whale", "dolphin", "octopus", "shark"}
MOTION_WORDS = tuple(
    "walking flying swimming driving moving going left right up down rising falling growing "
    "shrinking turning round".split()
)
MAX_MOTION_WORDS = 2


@dataclass(frozen=True)
class MovingScene:
    """What is true of a clip: the scene in its first frame, and where its one thing goes.

    way: one of WAYS. speed: pixels per frame; for growing and shrinking, of the longer side.
    """

    scene: scenes.Scene
    way: str
    speed: float

    def at(self, frame):
        """The thing's spot (x, y) and size in a frame, in pixels; frames count from 0."""
        (x, y), (dx, dy) = self.scene.spots[0], WAYS[self.way][0]
        gone = self.speed * frame
        change = {"growing": gone, "shrinking": -gone}.get(self.way, 0)
        return (x + dx * gone, y + dy * gone), round(self.scene.size + change)


def own_motion(thing):
    """How a thing goes sideways: an animal walks, a fish swims, a car drives."""
    if thing in SWIMMING:
        return "swimming"
    if thing in scenes.FLYING:
        return "flying"
    return {"animal": "walking", "vehicle": "driving"}.get(scenes.THINGS[thing], "moving")


def held_out(thing, way):
    """Whether this thing is kept out of training with this motion: one in ten pairs."""
    return (list(scenes.THINGS).index(thing) + 3 * list(WAYS).index(way)) % 10 == 7


def invent(rng, unseen=False):
    """A MovingScene at random from a numpy generator: none held out or, if unseen, only such."""
    while True:
        scene = scenes.invent(rng, False)
        way = tuple(WAYS)[rng.choice(7, p=(0.25, 0.25, 0.12, 0.12, 0.1, 0.08, 0.08))]
        if len(scene.spots) == 1 and held_out(scene.thing, way) == unseen:
            break
    size, speed = int(rng.integers(20, 34)), float(rng.uniform(1.8, 3.0))
    if way in ("growing", "shrinking"):
        size, speed = (16, 2.5) if way == "growing" else (36, 2.5)
        size += int(rng.integers(0, 5))
    travel, (dx, dy) = speed * (FRAMES - 1), WAYS[way][0]
    largest = size + travel if way == "growing" else size
    x = starting(rng, largest / 2 + 1, 63 - largest / 2, dx * travel)
    ground = (largest + 1, 62) if PLACES[scene.place].floats or dy else (max(46, largest + 1), 61)
    y = starting(rng, *ground, dy * travel)
    spot = (round(x), round(y))
    return MovingScene(replace(scene, size=size, spots=(spot,)), way, speed)


def starting(rng, low, high, travel):
    """A start from which so much travel stays between low and high, or in the middle of what is left."""
    low, high = low + max(-travel, 0), high - max(travel, 0)
    return rng.uniform(low, high) if low < high else (low + high) / 2


def paint(moving, rng, frames=FRAMES):
    """The clip painted, an array (F, 64, 64, 3) uint8. Drawings look to the left, or are mirrored."""
    scene, clip = moving.scene, []
    behind, either = scenes.backdrop(scene, rng), bool(rng.random() < 0.5)
    mirrored = {"left": False, "right": True}.get(moving.way, either)
    state = rng.bit_generator.state
    for frame in range(frames):
        spot, size = moving.at(frame)
        drawing = scenes.fitted(replace(scene, size=size))
        turned = moving.way == "turning" and frame >= frames // 2
        if mirrored != turned:
            drawing = ImageOps.mirror(drawing)
        picture = behind.copy()
        scenes.put(picture, scene, drawing, (spot,))
        rng.bit_generator.state = state  # what is in front stays where it is
        scenes.in_front(picture, scene.place, rng)
        clip.append(np.asarray(picture))
    return np.stack(clip)


def caption_of(moving, rng, mention=scenes.MENTION, vague=0.06):
    """A true caption, from "a fox" to "a red fox walking left in snow, flat style".

    Colour, motion, place and style are told with probability `mention` each; `vague` is the share
    that names a category, such as "animal".
    """
    scene = moving.scene

    def pick(options):
        return options[rng.integers(len(options))]

    def told(phrase):
        return phrase if rng.random() < mention else ""

    noun = scenes.THINGS[scene.thing] if rng.random() < vague else scene.thing
    colour = told("" if scene.colour == "natural" else scene.colour)
    way = told(pick(WAYS[moving.way][1]).format(own_motion(scene.thing)))
    where, style = told(pick(WHERE[scene.place])), told(pick((", {} style", ", in {} style")))
    thing = article(" ".join(filter(None, ("a", colour, noun))))
    return " ".join(filter(None, (thing, way, where))) + style.format(scene.style)


def example(seed, unseen=False):
    """The MovingScene, clip (F, 64, 64, 3) uint8 and full caption that a number stands for."""
    rng = np.random.default_rng(int(seed))
    moving = invent(rng, unseen)
    return moving, paint(moving, rng), caption_of(moving, rng, mention=1, vague=0)


def stacked(clips):
    """Clips (F, 64, 64, 3) uint8 as one batch (n, 3, F, 64, 64) of floats in 0..1."""
    return torch.from_numpy(np.stack(clips)).permute(0, 4, 1, 2, 3).float() / 255


def moving_scene_data(dropped=0.1):
    """The training stream: `data(n, generator)` -> clips (n, 3, F, 64, 64) in 0..1, n captions.

    Pairs held out never occur; a share `dropped` of the captions is replaced by "".
    """

    def data(n, generator):
        numbers = torch.randint(2**62, (n,), generator=generator).tolist()
        kept = (torch.rand(n, generator=generator) >= dropped).tolist()
        clips, captions = [], []
        for number, keep in zip(numbers, kept):
            rng = np.random.default_rng(number)
            moving = invent(rng)
            clips.append(paint(moving, rng))
            captions.append(caption_of(moving, rng) * keep)
        return stacked(clips), captions

    return data


def prompts_for(n, generator, unseen=False):
    """n prompts with every detail and the n MovingScenes they ask for, none or all held out."""
    asked, prompts = [], []
    for number in torch.randint(2**62, (n,), generator=generator).tolist():
        rng = np.random.default_rng(number)
        asked.append(invent(rng, unseen))
        prompts.append(caption_of(asked[-1], rng, mention=1, vague=0))
    return prompts, asked
