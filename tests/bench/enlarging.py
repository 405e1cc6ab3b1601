"""The second stage beside interpolation and the average: error, sharpness, distance of patches, prompts.

    python tests/bench/enlarging.py [--pictures 128] [--seeds 3]

Real small pictures are shrunk from drawings at 128 pixels; painted ones come from `scenes-fast` for
prompts with every detail. Patches of 64 x 64 are compared by the scene judge's features, whose floor is
the same between two sets of drawings.
"""

import argparse
import time

import torch
import torch.nn.functional as F

from minidiff import editing, load
from minidiff.data import scenes
from minidiff.data.scenes.crops import large_example, shrunk
from minidiff.evaluation.distances import frechet
from minidiff.evaluation.judges import scenes as judges


def drawings(first, n):
    """n drawings (n, 3, 128, 128) in 0..1 and their captions, from the number `first` on."""
    pictures, captions = zip(*(large_example(seed) for seed in range(first, first + n)))
    return scenes.stacked(pictures), list(captions)


def decibels(made, real):
    return -10 * (made - real).square().flatten(1).mean(1).log10().mean().item()


def sharpness(pictures):
    return sum(pictures.diff(dim=axis).square().mean().item() for axis in (-1, -2)) / 2


@torch.no_grad()
def features(pictures):
    """The judge's features of the four quarters of each picture, 64 x 64 each."""
    quarters = pictures.unfold(2, 64, 64).unfold(3, 64, 64).permute(0, 2, 3, 1, 4, 5)
    return torch.cat([judges.load().features(part) for part in quarters.flatten(0, 2).split(128)])


@torch.no_grad()
def average(model, small, captions):
    """The first guess from noise alone: the mean of what is possible."""
    shown = editing.beside(model, small, 0.0)
    return shown.codec.decode(shown.prompted(captions)(shown.noise(len(small)), torch.tensor(1.0)))


def in_parts(make, small, captions, seed, size=16):
    parts = range(0, len(small), size)
    return torch.cat([make(small[k : k + size], captions[k : k + size], seed + k) for k in parts])


def ways(model):
    yield (
        "interpolation",
        lambda s, c, seed: F.interpolate(s, scale_factor=2, mode="bicubic").clamp(0, 1),
    )
    yield "the average", lambda s, c, seed: average(model, s, c)
    for strength in (0.0, 0.05, 0.1, 0.2):
        yield (
            f"diffusion, strength {strength:g}",
            lambda s, c, seed, n=strength: editing.enlarge(model, s, c, seed=seed, strength=n),
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    n, model, painter = args.pictures, load("enlarge"), load("scenes-fast")
    others = features(drawings(10**6, 4 * n)[0])
    print(f"{n} pictures, seeds {args.seeds}; quarters' Frechet over its floor")
    for seed in range(args.seeds):
        real, captions = drawings(10**5 * (seed + 1), n)
        floor = frechet(features(drawings(10**7 + 10**5 * seed, n)[0]), others)
        for name, make in ways(model):
            started = time.perf_counter()
            made = in_parts(make, shrunk(real), captions, seed)
            took = (time.perf_counter() - started) / n * 1000
            scores = [decibels(made, real), sharpness(made) / sharpness(real)]
            scores += [
                decibels(shrunk(made), shrunk(real)),
                frechet(features(made), others) / floor,
            ]
            told = "error {:.1f} dB, sharpness {:.2f}, back {:.1f} dB, patches {:.2f}".format(
                *scores
            )
            print(f"seed {seed}  real     {name:24}  {told}, {took:.0f} ms", flush=True)
        asked, facts = scenes.prompts_for(n, torch.Generator().manual_seed(seed))
        small = painter(asked, seed=10**4 * seed)
        before = judges.adherence(judges.judged(small), facts)["all four"].double().mean()
        truth = [
            scenes.draw(fact, torch.Generator().manual_seed(k), 2) for k, fact in enumerate(facts)
        ]
        truth = torch.stack(truth) / 255
        for name, make in ways(model):
            made = in_parts(make, small, asked, seed)
            after = judges.adherence(judges.judged(shrunk(made)), facts)["all four"].double().mean()
            told = f"sharpness {sharpness(made) / sharpness(truth):.2f}, "
            told += (
                f"back {decibels(shrunk(made), small):.1f} dB, right {after / before:.2f} of before"
            )
            print(f"seed {seed}  painted  {name:24}  {told}", flush=True)


if __name__ == "__main__":
    main()
