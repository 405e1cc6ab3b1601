"""Guidance of `scenes` in a part of the times only: what it costs, what is obeyed, how much they differ.

    python tests/bench/guidance_interval.py [--pictures 256] [--seeds 1]

Calls are of the network for one picture. Recall is the share of as many renders that lie among the
pictures, by the judge's features, and precision the other way round; the table's first row is of
guidance throughout.
"""

import argparse
from statistics import median

import torch

from minidiff import guidance_interval, last, load
from minidiff.data import scenes
from minidiff.evaluation.distances import frechet, precision_recall
from minidiff.evaluation.judges import scenes as judges
from minidiff.evaluation.scenes import features, known_things, rendered
from minidiff.sampling import generator_at

INTERVALS = [(0, 1), (0, 0.8), (0, 0.6), (0.2, 1), (0.4, 1), (0.2, 0.8)]
CHUNK = 32


def painted(model, prompts, seed, low, high):
    """Pictures (n, 3, 64, 64) guided where low <= t <= high, at the model's other defaults."""
    ts, made = model.grid(model.steps), []
    for first in range(0, len(prompts), CHUNK):
        part = prompts[first : first + CHUNK]
        guided, plain = model.prompted(part), model.prompted(part, w=1)
        noise = model.schedule(ts[0])[1] * model.noise(len(part), seed + first)
        walk = model.sampler(guidance_interval(guided, plain, low, high), model.schedule, noise, ts)
        made.append(model.codec.decode(last(walk)))
    return torch.cat(made)


def scores(model, n, seed, low, high):
    """All four right; Frechet distance, precision and recall beside as many other renders."""
    things = known_things(model)
    prompts, asked = scenes.prompts_for(n, generator_at(seed, 1), things=things)
    _, others = scenes.prompts_for(n, generator_at(seed, 2), things=things)
    real = features(rendered(others, generator_at(seed, 3)))
    made = painted(model, prompts, seed * n, low, high)
    right = judges.adherence(judges.judged(made), asked)["all four"]
    drawn = features(made)
    return [right.double().mean().item(), frechet(real, drawn), *precision_recall(real, drawn)]


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=1)
    settings = parser.parse_args()
    model = load("scenes")
    times = model.grid(model.steps)[:-1]
    print("| guided from, to | calls | all four | Frechet | precision | recall |\n|" + "---|" * 6)
    for low, high in INTERVALS:
        calls = len(times) + int(((low <= times) & (times <= high)).sum())
        found = [
            scores(model, settings.pictures, seed, low, high) for seed in range(settings.seeds)
        ]
        middle = " | ".join(f"{median(map(float, each)):.3f}" for each in zip(*found))
        print(f"| {low:g}, {high:g} | {calls} | {middle} |", flush=True)


if __name__ == "__main__":
    main()
