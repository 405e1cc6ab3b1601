"""Random command lines, most of them wrong: how many end in a traceback, or change what was there.

    python tests/bench/commands.py [--count 1000] [--seed 0]

Each command runs in a child process and in a folder of its own, with files, links and folders of all
kinds. One that fails must change nothing and say why in one sentence; one that succeeds may change
what its -o names. A command that takes longer than a limit is stopped and counted.
"""

import argparse
import os
import random
import signal
import stat
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from minidiff import cli, pretrained

# What is right, and what is not or not always.
NUMBERS = (
    ["1", "2", "3", "5", "7"],
    ["0", "-1", "-1e3", "1e39", "nan", "inf", "1_0", "\u0663", "x", ""],
)
NUMBERS[1].extend(["0x10", "2.5", "9" * 30, "1000000000000", "4294967296", "-", "--", "\x1b[31m"])
TEXTS = ["3", "7", "1"], ["a thick seven", "a fox", "", " ", "...", "$^$", "a $thin$ seven", "=3"]
TEXTS[1].extend(
    ["\N{FOX FACE}", "# 3", "-x", "--", "a " * 99, "\u202e", "3\udcff", "\u200b", "3\n"]
)
MODELS = ["digits", "points"], ["digits-text", "codec", "cats", "", ".", "/", "odd", "old.png"]
OUTS = (
    ["new.png", "old.png", "link.png", "new.npz", "old.npz", "made/"],
    ["new.gif", "ro.png", ".."],
)
OUTS[1].extend(["dangling.png", "loop.png", "begun/", "full/", "full", "old.png/", "no/x.png", "-"])
OUTS[1].extend(["/", "/dev/null", "a" * 260 + ".png", "a" * 251 + ".png", "folder.png", "pipe.png"])
OUTS[1].extend(["new.jpg", ""])
FILES = (
    ["prompts.txt"],
    ["latin.txt", "old.png", "full", "none.txt", "-", "", "a" * 300, "old.png/x"],
)
NOTEBOOKS = ["good.ipynb"], ["odd.ipynb", "list.ipynb", *FILES[1]]
RECIPES = ["points", "good.toml"], ["cats", "bad.toml", *FILES[1]]
DEVICES = ["cpu", "auto"], ["cpu:0", "cpu:x", "cpu:9", "cuda:99", "meta", "", "tpu"]
SAMPLERS = ["ddim", "ddpm", "heun", "dpmpp_2m"], ["euler", ""]
SIZES = ["28x28", "56x28"], ["1x1", "x", "9" * 9, "2800x28"]


def command(draw):
    """The words of one random command line; draw: a random.Random."""

    def one(values):
        return draw.choice(values[draw.random() < 0.15])

    def some(**options):
        words = []
        for name, values in options.items():
            if draw.random() < 0.25:
                option, value = f"-{name}" if len(name) == 1 else f"--{name}", one(values)
                words += [f"{option}={value}"] if draw.random() < 0.2 else [option, value]
                words = words[:-1] if draw.random() < 0.02 else words
        return words

    way = dict(steps=NUMBERS, device=DEVICES, seed=NUMBERS)
    kind = draw.choices(["generate", "evaluate", "train", "lessons", "other"], [12, 1, 3, 3, 1])[0]
    if kind == "generate":
        way |= dict(n=NUMBERS, sampler=SAMPLERS, guidance=NUMBERS, negative=TEXTS, batch=NUMBERS)
        way |= {"enlarge": NUMBERS, "from": FILES, "size": SIZES}
        words = [one(TEXTS) for _ in range(draw.choice([0, 0, 1, 1, 2]))]
        words += ["--model", one(MODELS), "--steps", "1", *some(**way)]
        words += ["--frames"] * (draw.random() < 0.1) + ["-o", one(OUTS)] * (draw.random() < 0.97)
    elif kind == "evaluate":
        words = [draw.choice(MODELS[1][1:]), *some(samples=NUMBERS, seeds=NUMBERS, **way)]
    elif kind == "train":
        way |= dict(images=NUMBERS, batch=NUMBERS, out=OUTS, resume=(["--seed"], ["1"]))
        words = [one(RECIPES), "--workers", "0", *some(**way), "--minutes", "0"]
    elif kind == "lessons":
        action = draw.choice(["lint", "student", "release", "check", "site", "read"])
        words = [action] + ["made"] * (action in ("student", "release", "site"))
        words += [one(NOTEBOOKS) for _ in range(draw.choice([1, 1, 2]))]
        words += ["-o", one(OUTS)] if action == "check" else []
    else:
        words = draw.choices(["--help", "--version", "-x", "paint", "", "\udcff"], k=2)
    return [*([kind] if kind != "other" else []), *words]


def furnish(folder):
    """Fill a folder with what commands meet: files, links, a pipe, things that are not what they seem."""
    for name in ("full", "folder.png", "begun", "odd"):
        (folder / name).mkdir()
    texts = {
        "old.png": "old",
        "old.npz": "old",
        "ro.png": "old",
        "full/x": "x",
        "prompts.txt": "3\n#",
    }
    texts |= {"bad.toml": "images = many", "good.toml": 'recipe = "points"\nimages = 256'}
    texts |= {
        "odd.ipynb": "{}",
        "list.ipynb": "[]",
        "odd/manifest.json": "null",
        "target.png": "old",
    }
    texts |= {"good.ipynb": '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'}
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "latin.txt").write_bytes(b"\xff")
    (folder / "ro.png").chmod(0o444)
    links = {"link.png": "target.png", "dangling.png": "nowhere/x.png", "loop.png": "loop.png"}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe.png")


def snapshot(folder):
    """All that lies in a folder, by path: the kind of thing, and what it holds."""
    things = {}
    for path in folder.rglob("*"):
        regular = path.is_file() and not path.is_symlink()
        held = os.readlink(path) if path.is_symlink() else path.read_bytes() if regular else ""
        things[path.relative_to(folder)] = path.lstat().st_mode, held
    return things


def outcome(words, limit):
    """Run one command; the kinds of its outcome, for a tally."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "here")
        folder.mkdir()
        furnish(folder)
        before = snapshot(folder)
        if not (child := os.fork()):
            run(words, folder, Path(place, "out"))
        status, ends = None, time.monotonic() + limit
        while status is None and time.monotonic() < ends:
            done, found = os.waitpid(child, os.WNOHANG)
            status = os.waitstatus_to_exitcode(found) if done else time.sleep(0.02)
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return ["stopped by the clock"]
        said, after = Path(place, "out").read_text(errors="replace"), snapshot(folder)
    kinds = [f"exit {status}"]
    if "Traceback" in said or status not in (0, 1, 2, 130):
        kinds.append("TRACEBACK")
    if status == 2 and not (said.startswith("minidiff: ") and said.count("\n") == 1):
        kinds.append("more than one sentence")
    if status and any(after.get(path) != thing for path, thing in before.items()):
        kinds.append("EXISTING FILE CHANGED BY A FAILURE")
    left = {path for path in set(after) - set(before) if stat.S_ISREG(after[path][0])}
    if status == 2 and any(path.name != ".lock" for path in left):
        kinds.append("file left by a failure")
    return kinds


def run(words, folder, out):
    """In the child: the command with both of its streams in the file `out`; never returns."""
    code = 70
    try:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        file = os.open(out, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.stdin, sys.stdout = open(0), open(1, "w", closefd=False, buffering=1)
        sys.stderr = open(2, "w", closefd=False, buffering=1, errors="backslashreplace")
        code = cli.main(words)
    except SystemExit as error:  # --help
        code = error.code
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def campaign(count, seed=0, limit=20, say=None):
    """A Counter of what happened to so many commands; say: a function of (words, kinds)."""
    pretrained.load("points")  # PyTorch is loaded once, here
    tally, draw = Counter(), random.Random(seed)
    for _ in range(count):
        words = command(draw)
        kinds = outcome(words, limit)
        tally.update(kinds)
        if say:
            say(words, kinds)
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    def say(words, kinds):
        if len(kinds) > 1 or "exit" not in kinds[0]:
            print(kinds, ascii(words)[:300], flush=True)

    for kind, number in sorted(campaign(args.count, args.seed, say=say).items()):
        print(f"{kind:40}{number:6}")


if __name__ == "__main__":
    main()
