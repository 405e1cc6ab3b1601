"""Scores of a model of moving digits: what it shows, read by a judge, and how it moves, by a ruler."""

import torch

from ..data import moving_digits as md
from ..sampling import generator_at, samples
from .distances import feature_scores
from .judges import digits as judge
from .report import check_samples, floors_of, rows_of

EVEN = 0.25  # pixels by which steps may differ from one to the next
TOLERANCE = 0.1  # pixels per frame by which a speed may miss its word's range: a quarter of it


def track(clips):
    """The centre of the ink, (N, F, 2) as (x, y) in pixels, of clips (N, 1, F, H, W) in 0..1."""
    ink = clips[:, 0].clamp(min=0)
    mass = ink.sum((2, 3)).clamp(min=1e-6)
    x, y = torch.arange(ink.shape[3]), torch.arange(ink.shape[2])
    across, down = (ink.sum(2) * x).sum(2) / mass, (ink.sum(3) * y).sum(2) / mass
    return torch.stack([across, down], 2)


def centred(clips):
    """Every frame as MNIST has its digits, (N F, 1, 28, 28): the centre of the ink in the middle."""
    frames = clips[:, 0].flatten(0, 1)
    corner = (
        track(clips).flatten(0, 1) - 13.5
    ).round().long() + 28  # in a frame with margins of 28
    padded = torch.nn.functional.pad(frames, (28,) * 4)
    at = torch.arange(28)
    y, x = (corner[:, axis, None] + at for axis in (1, 0))
    number = torch.arange(len(frames))[:, None, None]
    return padded[number, y[:, :, None], x[:, None, :]][:, None]


def motion(track):
    """What a track (N, F, 2) does: velocity (N, 2) at first, speed (N,), turned back (N,) or not.

    The velocity is that of the first two steps, before any edge; the speed the median of all steps
    along the axis of the first ones, which one step at an edge does not move.
    """
    steps = track.diff(dim=1)
    first = steps[:, :2].mean(1)
    axis = first.abs().argmax(1)
    along = steps.gather(2, axis[:, None, None].expand(-1, steps.shape[1], 1))[..., 0]
    back = along[:, -2:].sum(1) * along[:, :2].sum(1) < 0
    return first, along.abs().median(1).values, back


def direction(velocity):
    """The nearest of DIRECTIONS for each velocity (N, 2)."""
    ways = torch.tensor([way for way, _ in md.DIRECTIONS.values()]).float()
    names = list(md.DIRECTIONS)
    return [names[i] for i in (velocity @ ways.T).argmax(1).tolist()]


def jitter(track):
    """How much steps differ from one to the next, the root mean square in pixels, (N,)."""
    return track.diff(n=2, dim=1).square().sum(2).mean(1).sqrt()


@torch.no_grad()
def read(clips):
    """The digit that the judge reads in every frame, (N, F), and its features, (N, F, 64)."""
    features = torch.cat([judge.load().features(part) for part in centred(clips).split(500)])
    digits = judge.load().head(features).argmax(1)
    n = len(clips)
    return digits.view(n, -1), features.view(n, -1, features.shape[1])


def adherence(clips, asked):
    """Whether each of the n clips shows what its Motion says: a dict of booleans (n,)."""
    digits, _ = read(clips)
    right = digits == torch.tensor([motion.digit for motion in asked])[:, None]
    velocity, speed, back = motion(track(clips))
    low, high = torch.tensor([md.SPEEDS[md.speed_word(m.speed)][0] for m in asked]).T
    going = [way == m.direction for way, m in zip(direction(velocity), asked)]
    facts = {
        "digit": right.float().mean(1),
        "digit, all frames": right.all(1),
        "direction": torch.tensor(going),
        "speed": (speed >= low - TOLERANCE) & (speed <= high + TOLERANCE),
        "bounces": back == torch.tensor([m.bounces for m in asked]),
    }
    facts["all of it"] = torch.stack([facts[name].bool() for name in list(facts)[1:]]).all(0)
    return facts


def features(clips):
    """What a clip is compared by, (N, 64 + 2 (F - 1)): the judge's features, their mean over the
    frames, and the steps of the track in pixels."""
    return torch.cat([read(clips)[1].mean(1), track(clips).diff(dim=1).flatten(1)], 1)


def shares(clips, asked):
    """The shares of clips with each fact of `adherence`, and of even steps where none is to bounce."""
    found = {name: right.float().mean().item() for name, right in adherence(clips, asked).items()}
    straight = torch.tensor([not motion.bounces for motion in asked])
    even = jitter(track(clips[straight])) < EVEN
    return found | {"even steps": even.float().mean().item()}


def evaluate_moving_digits(model, n=2048, seeds=3, steps=None):
    """Rows for a model of moving digits, on n prompts with every detail: seen pairs, held-out ones."""
    check_samples(n, features=64 + 2 * (md.FRAMES - 1), most=10_000)
    rows = []
    for unseen, name in [(False, "seen, "), (True, "held out, ")]:
        scores = []
        for seed in range(seeds):
            prompts, asked = md.prompts_for(n, generator_at(seed, 1), unseen)
            made = samples(model, prompts, seed * n, ts=model.grid(steps or model.steps))
            distances = (
                {} if unseen else feature_scores(features(made), real(n, generator_at(seed, 2)))
            )
            scores.append(shares(made, asked) | distances)
        generator = generator_at(0, 3)
        asked = [md.random_motion(generator, unseen) for _ in range(n)]
        floors = shares(md.draw(asked, generator, "test"), asked)
        if not unseen:
            floors |= floors_of(feature_scores, lambda g: (real(n, g), real(n, g)), pairs=5)
        rows += rows_of(scores, floors, name)
    return rows


def real(n, generator):
    """The features of n real clips with the motions of training, of digits that it did not see."""
    motions = [md.random_motion(generator) for _ in range(n)]
    return features(md.draw(motions, generator, "test"))
