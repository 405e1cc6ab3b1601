"""Scores of the shipped models, each beside the score that real data gets: the floor.

A score is the median over seeds, a floor the median over 20 pairs of real samples of the same size.
`Row`s go into a table with `table`.
"""

from dataclasses import dataclass
from functools import cache, partial
from statistics import median

import torch
from tqdm.auto import tqdm

from . import judge
from .data import captions, mnist, points
from .metrics import accuracy, chamfer, energy_distance, frechet, precision_recall
from .samplers import ddim, ddpm, last
from .schedules import uniform_grid
from .training import generator_at

DISTANCES = ("Chamfer", "energy distance", "energy", "Frechet")  # the other scores are shares


@dataclass
class Row:
    """One line of a table: what was measured, its score for each seed, and what real data gets."""

    name: str
    scores: list
    floor: float
    share: bool = False  # a share of samples, read as per cent; else a distance


def table(rows):
    """The rows as text: median and range over the seeds, the floor, and their ratio."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'':{width}}  {'median':>8}  {'min':>8}  {'max':>8}  {'real':>8}  {'ratio':>6}"]
    for row in rows:
        values = [median(row.scores), min(row.scores), max(row.scores), row.floor]
        texts = [f"{100 * v:.2f} %" if row.share else f"{v:.4g}" for v in values]
        cells = "  ".join(f"{text:>8}" for text in texts)
        lines.append(f"{row.name:{width}}  {cells}  {values[0] / row.floor:6.2f}")
    return "\n".join(lines)


@torch.no_grad()
def samples(model, prompts, seed=0, w=None, negative=None, ts=None, sampler=None, batch=64):
    """What `model(prompts, seed=seed)` returns, with the network called on `batch` at a time.

    Sample i does not depend on `batch`: the sampler itself walks with all of them at once. ts: the
    time grid. Draws a progress bar on a terminal.
    """
    ts = model.grid(model.steps) if ts is None else ts
    starts = range(0, len(prompts), batch)
    parts = [model.prompted(prompts[i : i + batch], w, negative) for i in starts]

    def denoise(x, t):
        return torch.cat([part(piece, t) for part, piece in zip(parts, x.split(batch))])

    x = model.schedule(ts[0])[1] * model.noise(len(prompts), seed).to(model.device)
    steps = (sampler or model.sampler)(denoise, model.schedule, x, ts)
    bar = tqdm(
        steps, total=len(ts) - 1, desc=f"seed {seed}", unit="step", leave=False, disable=None
    )
    return model.codec.decode(last(bar)).cpu().float()


def seeded(sampler, seed):
    """The sampler, its own noise, where it draws any, decided by the seed (not the start's noise)."""
    return partial(sampler, generator=generator_at(seed, 0)) if sampler is ddpm else sampler


def point_scores(made, real):
    """Chamfer and energy distance of points made (N, 2) and real (N, 2)."""
    return {"Chamfer": chamfer(made, real), "energy distance": energy_distance(made, real)}


def evaluate_points(model, n=2048, seeds=5, steps=None, draw=points.swiss_roll):
    """Rows for a model of points: three samplers, or one with `steps` steps of DDIM."""
    ways = [("DDIM", ddim, steps)] if steps else [("DDPM", ddpm, 1000), ("DDIM", ddim, 100)]
    ways += [] if steps else [("DDIM", ddim, 50)]
    floors = floors_of(point_scores, lambda generator: (draw(n, generator), draw(n, generator)))
    rows = []
    for name, sampler, count in ways:
        scores = []
        for seed in range(seeds):
            way = dict(ts=uniform_grid(count), sampler=seeded(sampler, seed), batch=n)
            real = draw(n, generator_at(seed, 1))
            scores.append(point_scores(samples(model, [None] * n, seed, **way), real))
        rows += rows_of(scores, floors, f"{name} {count}, ")
    return rows


@cache
def real_features():
    """The judge's features of all training images, (60000, 64): half a minute, once."""
    images = mnist.load("train")[0].split(1000)
    bar = tqdm(images, desc="features of real digits", leave=False, disable=None)
    with torch.no_grad():
        return torch.cat([judge.load().features(part / 255) for part in bar])


def real_digits(n, generator, rows=None):
    """The features (n, 64) of n training images, none of them twice; of these `rows` if given."""
    rows = torch.arange(60_000) if rows is None else rows
    if not 1 <= n <= len(rows):
        raise ValueError(f"samples must be from 1 to {len(rows)}, the training images, got {n}")
    return real_features()[rows[torch.randperm(len(rows), generator=generator)[:n]]]


def feature_scores(made, real):
    """Frechet distance, precision and recall from features made (N, 64) and real (N, 64)."""
    precision, recall = precision_recall(real, made)
    return {"Frechet": frechet(made, real), "precision": precision, "recall": recall}


def digit_scores(images, labels, generator, rows=None):
    """Accuracy and `feature_scores` of generated digits against as many random training images."""
    with torch.no_grad():
        features = torch.cat([judge.load().features(part) for part in images.split(500)])
    right = accuracy(judge.load(), images, labels)
    return {"accuracy": right} | feature_scores(features, real_digits(len(images), generator, rows))


def digit_floors(n, rows=None):
    """What `digit_scores` are for real digits: accuracy on the test set, n against n for the rest."""
    images, labels = mnist.load("test")
    floors = {"accuracy": accuracy(judge.load(), images / 255, labels)}

    def pair(generator):
        return real_digits(n, generator, rows), real_digits(n, generator, rows)

    return floors | floors_of(feature_scores, pair)


def floors_of(scores, pair, pairs=20):
    """`metrics.floor` for each entry of the dictionary `scores(made, real)`, from the same pairs.

    pair(generator): two real samples.
    """
    generators = (torch.Generator().manual_seed(seed) for seed in range(pairs))
    found = [scores(*pair(generator)) for generator in generators]
    return {name: median(one[name] for one in found) for name in found[0]}


def rows_of(scores, floors, prefix=""):
    """A Row for each entry of the dictionaries `scores`, one dictionary a seed."""
    return [
        Row(prefix + name, [one[name] for one in scores], floors[name], name not in DISTANCES)
        for name in scores[0]
    ]


def random_labels(n, generator):
    """n labels of random training images."""
    labels = mnist.load("train")[1]
    return labels[torch.randint(len(labels), (n,), generator=generator)]


def evaluate_digits(model, n=2048, seeds=5, steps=None):
    """Rows for a model of digits that takes labels, with its own w and sampler."""
    scores = []
    for seed in range(seeds):
        generator = generator_at(seed, 1)
        labels = random_labels(n, generator)
        images = samples(model, labels.tolist(), seed, ts=model.grid(steps or model.steps))
        scores.append(digit_scores(images, labels, generator))
    return rows_of(scores, digit_floors(n))


def evaluate_text(model, n=2048, seeds=5, steps=None):
    """Rows for a model of digits that takes texts, on seen and on held-out combinations of words."""
    rows, floors = [], digit_floors(n, captions.rows("train"))
    floors |= dict.fromkeys((*captions.ATTRIBUTES, "upright"), 1.0)
    for unseen, name in [(False, "seen, "), (True, "held out, ")]:
        scores = []
        for seed in range(seeds):
            generator = generator_at(seed, 1)
            prompts, labels, asked = captions.prompts_for(n, generator, unseen)
            images = samples(model, prompts, seed, ts=model.grid(steps or model.steps))
            scores.append(text_scores(images, labels, asked, generator, unseen))
        rows += rows_of(scores, floors, name)
    return rows


def text_scores(images, labels, asked, generator, unseen=False):
    """The share of samples with the digit and the attributes asked for; if seen, `digit_scores`."""
    attributes = captions.score(captions.measure(images), asked)
    if unseen:  # these prompts ask for a few combinations only, not for what the real digits are
        return {"accuracy": accuracy(judge.load(), images, labels)} | attributes
    # Real digits of the combinations asked for: the held-out ones are missing on both sides.
    return digit_scores(images, labels, generator, captions.rows("train")) | attributes
