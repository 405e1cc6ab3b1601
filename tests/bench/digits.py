"""The shipped digits: accuracy, Frechet over its floor, precision and recall for few network calls.

    python tests/bench/digits.py [--quick] [--model NAME_OR_FOLDER]

2048 samples with the labels of random training images, the median of 5 seeds. A call is one pass of
the network over the batch: Heun takes two a step, guidance with w other than 1 doubles them.
"""

import argparse

import torch

from minidiff.cli.models import open_model
from minidiff.evaluation.digits import digit_floors, digit_scores, random_labels
from minidiff.evaluation.report import rows_of, table
from minidiff.samplers import ddim, dpmpp_2m, heun
from minidiff.sampling import generator_at, samples
from minidiff.schedules import log_snr_grid, uniform_grid


def ways(schedule, calls, w):
    """Names, samplers and time grids that spend that many calls with guidance w."""
    steps = calls if w == 1 else calls // 2
    even, snr = uniform_grid(steps), log_snr_grid(schedule, steps)
    yield f"DDIM {steps}, even in t", ddim, even
    yield f"DPM-Solver++(2M) {steps}, even in t", dpmpp_2m, even
    yield f"DPM-Solver++(2M) {steps}, even in log-SNR", dpmpp_2m, snr
    half = (steps + 1) // 2  # the last step calls once
    yield f"Heun {half}, even in t", heun, uniform_grid(half)


def scores(model, n, seed, w, ts, sampler):
    generator = generator_at(seed, 1)
    labels = random_labels(n, generator)
    images = samples(model, labels.tolist(), seed * n, w=w, ts=ts, sampler=sampler)
    return digit_scores(images, labels, generator)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="256 samples, 1 seed, 20 calls only")
    parser.add_argument("--model", default="digits")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, _ = open_model(args.model, None)
    n, seeds, budgets = (256, 1, [20]) if args.quick else (2048, 5, [50, 20])
    floors, rows = digit_floors(n), []
    for calls in budgets:
        for w in (1.0, 1.3):
            for name, sampler, ts in ways(model.schedule, calls, w):
                found = [scores(model, n, seed, w, ts, sampler) for seed in range(seeds)]
                rows += rows_of(found, floors, f"{calls} calls, w = {w}, {name}: ")
    print(table(rows))


if __name__ == "__main__":
    main()
