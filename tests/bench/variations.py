"""Variations of pictures that `scenes` made: what they keep, and how much they differ.

    python tests/bench/variations.py [--pictures 64] [--seeds 3] [runs/variations]

A fact is kept where the judge reads in the variation what it reads in the picture. For the spread,
the share of the judge's features of fresh samples of the same prompts that lie in the variations'
support (recall). Then from words: all four right by `prior` and decoder, and by `scenes`.
"""

import argparse
from statistics import median

import numpy as np
import torch

from minidiff import load, pretrained
from minidiff.data import scenes
from minidiff.evaluation.distances import precision_recall
from minidiff.evaluation.judges import scenes as judges
from minidiff.evaluation.scenes import features
from minidiff.sampling import generator_at, samples


def measured(seed, n, model, painter, w):
    """What is kept by name, then the recall, for n pictures."""
    prompts, _ = scenes.prompts_for(n, generator_at(seed, 1), things=scenes.COMMON)
    pictures = samples(painter, prompts, seed * 2 * n)
    fresh = samples(painter, prompts, (2 * seed + 1) * n)
    varied = samples(model, list(pictures), (2 * seed + 1) * n, w=w)
    before, after = judges.judged(pictures), judges.judged(varied)
    kept = {
        name: sum(a == b for a, b in zip(before[name], after[name])) / n
        for name in ("thing", "colour", "place", "style", "count")
    }
    recall = precision_recall(features(fresh), features(varied))[1]
    back = torch.nn.functional.cosine_similarity(
        *map(model.encoder.space.of_pictures, (pictures, varied))
    )
    return kept | {"recall": float(recall), "cosine": back.mean().item()}


def from_words(seed, n, model, w):
    """The share of all four right, of n prompts: by the prior's vectors, by those of drawings, by `scenes`."""
    asked, wanted = scenes.prompts_for(n, generator_at(seed, 2), things=scenes.COMMON)
    rng = np.random.default_rng([seed, 3])
    drawn = scenes.stacked([scenes.paint(scene, rng) for scene in wanted])
    vectors = {
        "prior": load("prior")(asked, seed=seed),
        "drawn": model.encoder.space.of_pictures(drawn),
    }
    made = {name: samples(model, list(v), seed * n, w=w) for name, v in vectors.items()}
    made["scenes"] = samples(load("scenes"), asked, seed * n)
    judged = {name: judges.adherence(judges.judged(p), wanted) for name, p in made.items()}
    return {name: float(right["all four"].double().mean()) for name, right in judged.items()}


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--guidance", type=float, nargs="*", default=[1.0, 2.0, 3.0])
    parser.add_argument("folder", nargs="?", default=pretrained.HERE, help="default: the shipped")
    args = parser.parse_args()
    model = load("variations", args.folder)
    painter = load("scenes-fast")
    for w in args.guidance:
        found = [measured(seed, args.pictures, model, painter, w) for seed in range(args.seeds)]
        shown = {name: f"{median(one[name] for one in found):.2f}" for name in found[0]}
        print(f"w = {w:g}:", shown, flush=True)
    found = [from_words(seed, args.pictures, model, model.w) for seed in range(args.seeds)]
    print("all four:", {name: f"{median(one[name] for one in found):.3f}" for name in found[0]})


if __name__ == "__main__":
    main()
