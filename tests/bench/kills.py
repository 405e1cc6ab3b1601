"""Training killed at any moment and resumed: equal, bit for bit, to training left alone.

python tests/bench/kills.py [--runs 100] [--seed 0]

Half of the runs are killed (SIGKILL) at random moments, up to three times; half between the last
state and the last file: just before or after a file gets its name, or some milliseconds later.
Prints how many came out equal; exits with 1 unless all did. Needs a system that forks.
"""

import argparse
import contextlib
import io
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import minidiff.cli.train  # noqa: F401  so that each child finds it loaded
from minidiff import cli, pretrained
from minidiff.training.checkpoints import load_state

RECIPE = 'recipe = "points"\nimages = 1280\nbatch = 64\nsave_every = 4\n'
LAST = 1280 // 64


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def after(seconds):
    """Have this process killed so many seconds from now."""
    threading.Thread(target=lambda: (time.sleep(seconds), die()), daemon=True).start()


def after_the_last_state(when, number, delay):
    """Have it killed once the last state has its name: see `moments`."""
    rename, count = os.replace, []

    def replace(old, new):
        last = count or Path(new).name == "state.pt" and load_state(old)["step"] == LAST
        count.extend([new] * bool(last))
        if when == "before" and len(count) == number + 1:
            die()
        rename(old, new)
        if when == "after" and len(count) == number:
            die()
        if when == "later" and len(count) == 1:
            after(delay)

    os.replace = replace


def moments(rng, how, seconds):
    """When one run is killed, as a list of functions to be called in its processes, in order."""
    if how == "any":
        times = [rng.uniform(0, seconds) for _ in range(rng.randint(1, 3))]
        return [lambda wait=wait: after(wait) for wait in times]
    when = rng.choice(["before", "after", "later"])
    number, delay = rng.randint(1, 2), rng.uniform(0, 0.02)
    return [lambda: after_the_last_state(when, number, delay)]


def train(folder, resume, killing=None):
    """Train in a child process, killed or not; its exit code, negative for a signal."""
    child = os.fork()
    if not child:
        if killing:
            killing()
        words = ["train", str(folder.parent / "kills.toml"), "--out", str(folder)]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = cli.main(words + ["--resume"] * resume)
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def result(folder):
    """All that a finished run leaves, but for the time it took; no stray file among it."""
    facts = pretrained.manifest(folder)["points"]
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    del facts["minutes"], files["manifest.json"]
    assert pretrained.load("points", folder)
    return facts, files


def campaign(runs, seed=0):
    """Kill so many runs; returns how many were killed and how many came out equal, for each way."""
    rng, counts = random.Random(seed), {}
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        (place / "kills.toml").write_text(RECIPE)
        started = time.monotonic()
        assert train(place / "whole", False) == 0
        seconds, wanted = time.monotonic() - started, result(place / "whole")
        for run in range(runs):
            how, folder, killed = ("any", "end")[run % 2], place / str(run), 0
            for killing in moments(rng, how, seconds):
                killed += train(folder, (folder / "state.pt").exists(), killing) < 0
            code = train(folder, (folder / "state.pt").exists())
            equal = code == 0 and result(folder) == wanted
            all_of, dead, fine = counts.get(how, (0, 0, 0))
            counts[how] = all_of + 1, dead + bool(killed), fine + equal
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    counts = campaign(**vars(parser.parse_args()))
    print(f"{'killed':32} {'runs':>5} {'killed':>7} {'equal':>6}")
    for how, name in [("any", "at any moment"), ("end", "after the last state")]:
        print(f"{name:32} {counts[how][0]:5} {counts[how][1]:7} {counts[how][2]:6}")
    return any(fine < all_of for all_of, _, fine in counts.values())


if __name__ == "__main__":
    sys.exit(main())
