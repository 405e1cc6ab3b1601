"""The shipped scenes: codec, adherence on seen and held-out pairs, Frechet, seconds.

    python tests/bench/scenes.py [--quick] [--model NAME_OR_FOLDER]

2048 samples at the shipped w, steps and sampler, the median of 5 seeds, each figure beside what the
judge says of real renders of the same prompts. The codec's peak signal-to-noise ratio is over 2,000
held-out scenes, the mean of the pictures' own ratios.
"""

import argparse
import subprocess
import sys
import time

import torch

from minidiff.cli.models import open_model
from minidiff.data import scenes
from minidiff.evaluation.report import table
from minidiff.evaluation.scenes import evaluate_scenes, rendered
from minidiff.sampling import generator_at

FIRST_STEP = """
from time import perf_counter as now
start = now(); import minidiff
model = minidiff.load({model!r})
model(["a red fox in snow"], steps=1)
print(now() - start)
"""


@torch.no_grad()
def psnr(codec, n):
    """Decibels over n held-out scenes with values in 0..1: the mean over the pictures."""
    generator, found = generator_at(0, 5), []
    for _ in range(n // 100):
        asked = [scenes.random_scene(generator, unseen=True) for _ in range(100)]
        pictures = rendered(asked, generator)
        errors = (codec.decode(codec.encode(pictures)) - pictures).square().mean((1, 2, 3))
        found.append(-10 * errors.log10())
    return torch.cat(found).mean().item()


def seconds(work, repetitions):
    """The best time of `work()`: a busy machine only ever makes it longer."""
    best = float("inf")
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="256 samples, 1 seed")
    parser.add_argument("--model", default="scenes")
    args = parser.parse_args()
    model, _ = open_model(args.model, None)
    n, seeds = (256, 1) if args.quick else (2048, 5)
    print(f"codec, held-out scenes: {psnr(model.codec, n):.2f} dB")
    prompts = ["a red fox in snow"] * 4
    spent = seconds(lambda: model(prompts, steps=25), 3)
    print(f"four pictures, 25 steps with guidance: {spent:.2f} s")
    command = [sys.executable, "-c", FIRST_STEP.format(model=args.model)]
    started = min(float(subprocess.check_output(command, text=True)) for _ in range(3))
    print(f"a new process to its first step: {started:.2f} s")
    print(f"w = {model.w:g}, {model.steps} steps, {model.sampler.__name__}, {n} samples")
    print(table(evaluate_scenes(model, n, seeds)))


if __name__ == "__main__":
    main()
