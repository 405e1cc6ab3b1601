"""Scores of a text-to-image model of scenes, each beside what real renders get.

Adherence is what the judge reads in a picture against what the prompt asked for; beside it stands
the same judge's score on real renders of the same prompts, the most that any generator could get.
"""

from functools import cache

import torch
from tqdm.auto import tqdm

from ..data import scenes
from ..data.scenes.sprites import THINGS
from ..sampling import generator_at, samples
from .distances import feature_scores
from .judges import scenes as scene_judge
from .report import check_samples, floors_of, rows_of

POOL = 8192  # real scenes, rendered once, of which each comparison takes some


def known_things(model):
    """The things that a model's text encoder has words for."""
    return tuple(thing for thing in THINGS if thing in model.encoder.tokenizer.index)


def evaluate_scenes(model, n=2048, seeds=5, steps=None):
    """Rows for a model of scenes, on n prompts with every detail: seen pairs, and held-out ones."""
    check_samples(n, features=128, most=POOL // 2)
    things, rows = known_things(model), []
    for unseen, name in [(False, "seen, "), (True, "held out, ")]:
        floors = real_adherence(n, unseen, things)
        if not unseen:
            floors |= feature_floors(n, things)
        scores = []
        for seed in range(seeds):
            prompts, asked = scenes.prompts_for(n, generator_at(seed, 1), unseen, things)
            made = samples(model, prompts, seed * n, ts=model.grid(steps or model.steps))
            one = adherence_scores(made, asked)
            if not unseen:
                one |= feature_scores(features(made), real_sample(n, things, generator_at(seed, 2)))
            scores.append(one)
        rows += rows_of(scores, floors, name)
    return rows


def adherence_scores(pictures, asked):
    """The share of n pictures that show each fact asked for, and the count, for each count asked."""
    right = scene_judge.adherence(scene_judge.judged(pictures), asked)
    counted, counts = right.pop("count"), torch.tensor([len(scene.spots) for scene in asked])
    shares = {name: values.float().mean().item() for name, values in right.items()}
    for number, word in enumerate(("one", "two", "three"), 1):
        if (counts == number).any():
            shares[f'count, "{word}"'] = counted[counts == number].float().mean().item()
    return shares


def real_adherence(n, unseen, things):
    """`adherence_scores` of real renders: how well the judge itself reads."""
    generator = generator_at(0, 3)
    asked = [scenes.random_scene(generator, unseen, things) for _ in range(n)]
    return adherence_scores(rendered(asked, generator), asked)


def rendered(asked, generator):
    """Scenes painted, (n, 3, 64, 64) in 0..1."""
    return torch.stack([scenes.draw(scene, generator) for scene in asked]) / 255


@torch.no_grad()
def features(pictures):
    """The judge's features (n, 128)."""
    return torch.cat([scene_judge.load().features(part) for part in pictures.split(250)])


@cache
def real_features(things):
    """The features of POOL scenes as in training, (POOL, 128): half a minute, once."""
    generator, parts = generator_at(0, 4), []
    for _ in tqdm(range(POOL // 256), desc="real scenes", leave=False, disable=None):
        asked = [scenes.random_scene(generator, things=things) for _ in range(256)]
        parts.append(features(rendered(asked, generator)))
    return torch.cat(parts)


def real_sample(n, things, generator):
    """The features (n, 128) of n of the real scenes, none of them twice."""
    return real_features(things)[torch.randperm(POOL, generator=generator)[:n]]


def feature_floors(n, things):
    """What `feature_scores` are for n real scenes against n others."""

    def pair(generator):
        return real_sample(2 * n, things, generator).chunk(2)

    return floors_of(feature_scores, pair)
