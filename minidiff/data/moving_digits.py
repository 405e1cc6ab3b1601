"""Clips of a handwritten digit that moves, with captions that are true of them.

The facts of a clip are numbers before they are words, so that whatever is generated can be checked
with a ruler: the centre of the ink, frame by frame, tells direction and speed.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F

from . import mnist
from .digit_captions import NAMES

SIZE, FRAMES = 32, 8
# the way per frame, (x, y) with y downwards, and how it is told
DIRECTIONS = {
    "left": ((-1, 0), ("moving left", "going left", "drifting left")),
    "right": ((1, 0), ("moving right", "going right", "drifting right")),
    "up": ((0, -1), ("moving up", "going up", "rising")),
    "down": ((0, 1), ("moving down", "going down", "falling")),
}
# pixels per frame, from and to, and how it is told; fast ones may bounce off an edge
SPEEDS = {"slow": ((0.4, 0.8), ("slowly",)), "fast": ((1.3, 1.7), ("fast", "quickly"))}
BOUNCES = ("bouncing", "and bouncing back")
OTHERS = ("a", "an", "the", "digit", "number", "handwritten")
MAX_WORDS = 9


@dataclass(frozen=True)
class Motion:
    """What is true of a clip: the digit, where it goes at first, how fast, and if it bounces.

    direction: one of DIRECTIONS. speed: pixels per frame. A digit bounces at an edge half way through.
    """

    digit: int
    direction: str
    speed: float
    bounces: bool = False


def held_out(digit, direction):
    """Whether this pair is kept out of training, to be asked for afterwards: four of forty."""
    return digit == (3 * list(DIRECTIONS).index(direction) + 1) % 10


def speed_word(speed):
    """ "slow" or "fast", whichever is nearer."""
    (_, slow), (fast, _) = (between for between, _ in SPEEDS.values())
    return "slow" if speed < (slow + fast) / 2 else "fast"


@lru_cache
def cut_out(split):
    """MNIST's digits without their margins: (N, 20, 20) in 0..1, each in the upper left corner.

    Also their heights and widths (N, 2) and labels (N,).
    """
    images, labels = mnist.load(split)
    inked = images[:, 0] > 0
    corners, sides = [], []
    for axis in (2, 1):
        lines = inked.any(axis)
        first = lines.int().argmax(1)
        corners.append((first[:, None] + torch.arange(20)).clamp(max=27))
        sides.append(28 - first - lines.flip(1).int().argmax(1))
    number = torch.arange(len(images))[:, None, None]
    digits = images[number, 0, corners[0][:, :, None], corners[1][:, None, :]].float() / 255
    for axis, side in zip((1, 2), sides):  # what a clamped index has repeated
        digits *= (torch.arange(20) < side[:, None]).unsqueeze(3 - axis)
    return digits, torch.stack(sides, 1), labels


@lru_cache
def by_label(split):
    """The numbers of the split's pictures of each digit."""
    labels = cut_out(split)[2]
    return [(labels == digit).nonzero()[:, 0] for digit in range(10)]


def random_motion(generator, unseen=False):
    """A Motion at random: no pair held out or, if unseen, only such."""
    digit, way, quick, back, share = torch.rand(5, generator=generator).tolist()
    digit = int(10 * digit)
    ways = [way for way in DIRECTIONS if held_out(digit, way) == unseen]
    if not ways:
        return random_motion(generator, unseen)
    low, high = list(SPEEDS.values())[int(2 * quick)][0]
    return Motion(digit, ways[int(way * len(ways))], low + share * (high - low), back < 0.2)


def path(motion, sides, generator, frames=FRAMES):
    """The upper left corner (frames, 2) as (x, y) of a box of (height, width) that stays inside."""
    start, across = torch.rand(2, generator=generator).tolist()
    (dx, dy), _ = DIRECTIONS[motion.direction]
    room_x, room_y = SIZE - float(sides[1]), SIZE - float(sides[0])
    room, other = (room_x, room_y) if dx else (room_y, room_x)
    gone = motion.speed * torch.arange(frames)
    if motion.bounces:  # at the edge a third to two thirds through
        way = (motion.speed * (frames - 1) * (1 + start) / 3 - gone).abs()
    else:
        way = gone[-1] + max(room - float(gone[-1]), 0) * start - gone
    along = way.clamp(0, room)  # the distance to the edge that it goes to
    if dx + dy > 0:
        along = room - along
    still = torch.full((frames,), other * across)
    return torch.stack([along, still] if dx else [still, along], 1)


def placed(digits, corners):
    """Digits (N, 20, 20) with their upper left corners at (N, F, 2): clips (N, 1, F, 32, 32).

    Between pixels a digit is mixed from its neighbours, so that its centre is where it should be.
    """
    n, frames = corners.shape[:2]
    scale, shift = SIZE / 20, SIZE / 20 - 1 - corners / 10
    theta = torch.zeros(n, frames, 2, 3)
    theta[..., 0, 0] = theta[..., 1, 1] = scale
    theta[..., 2] = shift
    grid = F.affine_grid(theta.flatten(0, 1), (n * frames, 1, SIZE, SIZE), align_corners=False)
    each = digits.repeat_interleave(frames, 0)[:, None]
    return F.grid_sample(each, grid, align_corners=False).view(n, 1, frames, SIZE, SIZE)


def draw(motions, generator, split="train", frames=FRAMES):
    """Clips (n, 1, F, 32, 32) in 0..1 of these Motions, each with a digit and a place at random."""
    digits, sides, _ = cut_out(split)
    chosen = [
        pool[torch.randint(len(pool), (), generator=generator)]
        for pool in (by_label(split)[motion.digit] for motion in motions)
    ]
    paths = [path(m, sides[i], generator, frames) for m, i in zip(motions, chosen)]
    return placed(digits[torch.stack(chosen)], torch.stack(paths))


def describe(motion, generator, mention=0.8, vague=0.06):
    """A true caption, from "a digit" to "the number seven moving left slowly, bouncing".

    Direction and speed are told with probability `mention` each, and so is that it bounces; `vague`
    is the share that does not name the digit.
    """
    draw = iter(torch.rand(12, generator=generator).tolist())

    def pick(*options):
        return options[int(next(draw) * len(options))]

    noun = pick("", "", "digit ", "number ") + pick(NAMES[motion.digit], str(motion.digit))
    if next(draw) < vague:
        noun = pick("digit", "number")
    way = pick(*DIRECTIONS[motion.direction][1]) if next(draw) < mention else ""
    speed = pick(*SPEEDS[speed_word(motion.speed)][1]) if next(draw) < mention else ""
    bounces = pick(*BOUNCES) if motion.bounces and next(draw) < mention else ""
    article = "an" if noun in ("eight", "8") else "a"
    said = " ".join(filter(None, (pick(article, article, "the", ""), noun, way, speed)))
    return f"{said}, {bounces}" if bounces else said


def vocabulary():
    """Every word that a caption may have."""
    phrases = [*sum((told for _, told in (*DIRECTIONS.values(), *SPEEDS.values())), ()), *BOUNCES]
    return tuple(sorted({*" ".join(phrases).split(), *NAMES, *"0123456789", *OTHERS}))


def moving_digit_data(split="train", dropped=0.1, frames=FRAMES):
    """The training stream: `data(n, generator)` -> clips (n, 1, F, 32, 32) in 0..1, n captions.

    Pairs held out never occur; a share `dropped` of the captions is replaced by "".
    """

    def data(n, generator):
        motions = [random_motion(generator) for _ in range(n)]
        clips = draw(motions, generator, split, frames)
        kept = (torch.rand(n, generator=generator) >= dropped).tolist()
        return clips, [describe(m, generator) * keep for m, keep in zip(motions, kept)]

    return data


def prompts_for(n, generator, unseen=False):
    """n prompts with every detail and the n Motions they ask for, none or, if unseen, all held out."""
    asked = [random_motion(generator, unseen) for _ in range(n)]
    return [describe(motion, generator, mention=1, vague=0) for motion in asked], asked
