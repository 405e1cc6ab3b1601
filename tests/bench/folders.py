"""`minidiff generate` into a folder, killed at random moments and run again: what is missing then?

    python tests/bench/folders.py [--kills 40] [--seed 0]

Each round begins a folder of its own, kills the process (SIGKILL, which nothing can catch), runs the
same command again and looks at what lies there: every picture once, each with its own record, each
in the index, and nothing else.
"""

import argparse
import csv
import os
import random
import signal
import tempfile
import time
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
from PIL import Image

from minidiff import cli
from minidiff.cli.record import made_by

COMMAND = ["generate", "3", "7", "--model", "digits", "-n", "24", "--steps", "1", "--batch", "8"]
COUNT = 48


def made(folder):
    """The exit code of the command."""
    with open(os.devnull, "w") as quiet, redirect_stdout(quiet), redirect_stderr(quiet):
        return cli.main([*COMMAND, "-o", f"{folder}/"])


def killed(folder, delay):
    """Run the command in a child and kill it after `delay` seconds; how many pictures it had made."""
    if not (child := os.fork()):
        os._exit(made(folder))
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return len(list(folder.glob("*.png")))


def faults(folder, whole):
    """What differs from the folder that was never killed, by kind."""
    names = [path.name for path in sorted(folder.glob("*.png"))]
    wanted = [path.name for path in sorted(whole.glob("*.png"))]
    with open(folder / "index.csv", encoding="utf-8-sig", newline="") as file:
        listed = [row["file"] for row in csv.DictReader(file)]
    there = set(names) & set(wanted)
    pictures = [
        (np.asarray(Image.open(f / name)) / 255.0 for f in (folder, whole)) for name in there
    ]
    return {
        "missing": len(set(wanted) - set(names)),
        "doubled": len(listed) - len(set(listed)) + len(set(names) - set(wanted)),
        "not in the index": len(set(names) ^ set(listed)),
        "another record": sum(made_by(folder / n) != made_by(whole / n) for n in there),
        "another picture": sum(np.abs(a - b).max() > 0.01 for a, b in pictures),
        "stray files": len(list(folder.iterdir())) - len(names) - 1,
    }


def campaign(kills, seed=0):
    """A Counter of faults after so many kills, and how many of these came in the midst of the work."""
    tally, draw = Counter(kills=kills), random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place, "whole")
        made(whole)
        started = time.monotonic()
        made(Path(place, "timed"))
        duration = time.monotonic() - started
        for number in range(kills):
            folder = Path(place, str(number))
            before = killed(folder, draw.uniform(0, duration))
            tally["killed in the midst"] += 0 < before < COUNT
            code = made(folder)
            tally["refused"] += code != 0
            tally.update(faults(folder, whole) if not code else {})
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for kind, number in campaign(args.kills, args.seed).items():
        print(f"{kind:24}{number:6}")


if __name__ == "__main__":
    main()
