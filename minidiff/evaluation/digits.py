"""Scores of a model of digits, by label or by text, each beside what real digits get."""

from functools import cache

import torch
from tqdm.auto import tqdm

from ..data import digit_captions as captions
from ..data import mnist
from ..errors import UserError
from ..sampling import generator_at, samples
from .distances import feature_scores
from .judges import digits as judge
from .judges.digits import accuracy
from .report import check_samples, floors_of, rows_of


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
        raise UserError(f"samples must be from 1 to {len(rows)}, the training images, got {n}")
    return real_features()[rows[torch.randperm(len(rows), generator=generator)[:n]]]


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


def random_labels(n, generator):
    """n labels of random training images."""
    labels = mnist.load("train")[1]
    return labels[torch.randint(len(labels), (n,), generator=generator)]


def evaluate_digits(model, n=2048, seeds=5, steps=None):
    """Rows for a model of digits that takes labels, with its own w and sampler."""
    check_samples(n, features=64, most=60_000)
    scores = []
    for seed in range(seeds):
        generator = generator_at(seed, 1)
        labels = random_labels(n, generator)
        images = samples(model, labels.tolist(), seed * n, ts=model.grid(steps or model.steps))
        scores.append(digit_scores(images, labels, generator))
    return rows_of(scores, digit_floors(n))


def evaluate_text(model, n=2048, seeds=5, steps=None):
    """Rows for a model of digits that takes texts, on seen and on held-out combinations of words."""
    check_samples(n, features=64, most=len(captions.rows("train")))
    rows, floors = [], digit_floors(n, captions.rows("train"))
    floors |= dict.fromkeys((*captions.ATTRIBUTES, "upright"), 1.0)
    for unseen, name in [(False, "seen, "), (True, "held out, ")]:
        scores = []
        for seed in range(seeds):
            generator = generator_at(seed, 1)
            prompts, labels, asked = captions.prompts_for(n, generator, unseen)
            images = samples(model, prompts, seed * n, ts=model.grid(steps or model.steps))
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
