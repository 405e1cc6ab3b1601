"""Does the renderer starve the training? Scenes a second for each number of workers, beside training.

    python tests/bench/renderer.py [--device cuda] [--recipe scenes] [--batch 256] [--quick]

Training takes its pictures from one batch drawn before, so that only its own time counts; workers
draw as they do in `minidiff train --workers K`. Means over many batches, for workers deliver in
bursts.
"""

import argparse
import os
import time
from functools import partial

from minidiff.recipes import RECIPES
from minidiff.sampling import generator_at
from minidiff.training import train
from minidiff.training.devices import get_device
from minidiff.training.loop import batch_at
from minidiff.training.prefetch import prefetch


def rate(items, batch, skip):
    """Pictures a second of an iterable of batches, the first `skip` of them left out."""
    marks = [time.perf_counter() for _ in items][skip:]
    return batch * (len(marks) - 1) / (marks[-1] - marks[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", help="auto, cpu or cuda (default: $MINIDIFF_DEVICE or cpu)")
    parser.add_argument("--recipe", default="scenes")
    parser.add_argument("--batch", type=int, help="default: the recipe's")
    parser.add_argument("--quick", action="store_true", help="few and small batches")
    args = parser.parse_args()
    recipe, device = RECIPES[args.recipe], get_device(args.device)
    batch = args.batch or (8 if args.quick else recipe.settings["batch"])
    batches = 4 if args.quick else 40
    draw, cores = recipe.data(), os.cpu_count()
    fixed = draw(batch, generator_at(0, 0))
    settings = recipe.settings | dict(batch=batch, images=batch * batches, device=str(device))
    training = rate(
        train(recipe.model(), lambda n, generator: fixed, **settings), batch, batches // 4
    )
    print(f"{args.recipe}: batch {batch}, {device}, {cores} cores")
    print(
        f"{'training alone':16} {training:8.0f} pictures/s  {1000 * batch / training:8.1f} ms a step"
    )
    for workers in [0, *sorted({1, 2, 4, 8, cores - 1, cores} & set(range(1, cores + 1)))]:
        item = partial(batch_at, draw, batch, 0)
        # the first batch of each worker includes its start
        count = batches * max(1, workers) // (1 if args.quick else 2)
        drawn = rate(prefetch(item, range(count), workers), batch, max(1, workers))
        print(
            f"{f'{workers} workers':16} {drawn:8.0f} pictures/s  "
            f"{'starves' if drawn < training else 'feeds'} the training ({drawn / training:.2f} x)"
        )


if __name__ == "__main__":
    main()
