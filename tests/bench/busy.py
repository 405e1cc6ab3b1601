"""Beside busy processes: what four pictures and a training step cost in seconds and core-seconds.

python tests/bench/busy.py [--cores 0,1] [--repeats 3]

On two cores, free and beside three busy processes, with the library's own choice of threads and with
others. Linux. Prints medians.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from statistics import median

WAYS = {
    "as it comes": {},
    "two threads, spinning": {"OMP_NUM_THREADS": "2"},
    "two threads, asleep": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
PICTURES = ["-m", "minidiff", "generate", "a red fox in snow", "-n", "4", "-o", "/tmp/busy.png"]
TRAINING = """
import minidiff
from minidiff.recipes import RECIPES
recipe = RECIPES["digits"]
steps = minidiff.train(recipe.model(), recipe.data(), 64 * 60, **recipe.settings)
for progress in steps:
    pass
"""
NOTEBOOK = "import torch\nimport minidiff\nminidiff.load('scenes')(['a red fox in snow'] * 4)"
WORK = {"four pictures": PICTURES, "60 steps": ["-c", TRAINING], "in a notebook": ["-c", NOTEBOOK]}


def cost(words, way):
    """Seconds on the clock and on the cores of one process."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    subprocess.run(
        [sys.executable, *words], env=kept | way, check=True, capture_output=True, timeout=300
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - started, spent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    os.sched_setaffinity(0, map(int, args.cores.split(",")))
    print(f"{'':40} {'free: s':>9} {'core-s':>7} {'busy: s':>9} {'core-s':>7} {'ratio':>6}")
    table = {(w, n): [] for w in WORK for n in WAYS}
    for busy in (0, 3):
        loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
        time.sleep(20 * bool(busy))  # for the load average to tell
        for key in table:
            costs = [cost(WORK[key[0]], WAYS[key[1]]) for _ in range(args.repeats)]
            table[key] += [median(seconds) for seconds in zip(*costs)]
        for loop in loops:
            loop.kill()
            loop.wait()
    for (work, way), (free, spent, slow, more) in table.items():
        print(
            f"{work + ', ' + way:40} {free:9.1f} {spent:7.1f} {slow:9.1f} {more:7.1f} {more / spent:6.1f}"
        )


if __name__ == "__main__":
    main()
