"""What `test_distributed` starts with torchrun: every process trains, then tells what it saw.

torchrun --nproc-per-node 2 two_processes.py library FOLDER
torchrun --nproc-per-node 2 two_processes.py command FOLDER
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from test_training import SETTINGS, same, tiny

from minidiff import cli, recipes, training
from minidiff.recipes import point_data
from minidiff.training import distributed


def weights(model):
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def losses(state, **settings):
    """The losses of each step and the last averaged model, from the state on if there is one."""
    settings = SETTINGS | settings
    steps = list(training.train(tiny(), point_data(), state=state, **settings))
    return [step.loss for step in steps], steps[-1].model


def interrupted_at(number, recipe):
    """The recipe's data, with Ctrl-C in the second process, and there alone, at that batch."""
    data, calls = recipe.data(), []

    def interrupting(n, generator):
        calls.append(n)
        if distributed.rank() == 1 and len(calls) == number:
            os.kill(os.getpid(), signal.SIGINT)
        return data(n, generator)

    return recipes.Recipe(recipe.model, lambda: interrupting, recipe.images, recipe.settings)


def library(folder):
    """Train by `train`; what happened."""
    told = {}
    with distributed.process_group(torch.device("cpu")):
        rank = distributed.rank()
        told["whole"], whole = losses(None)
        # a time limit that only the second process has: both stop
        limit = dict(minutes=0 if rank else 99)
        first, _ = losses(folder / f"{rank}.pt", **limit)
        dist.barrier()
        rest, resumed = losses(folder / "0.pt", resume=True)
        told["parts"], told["same"] = [first, rest], same(whole, resumed)
        both = [torch.empty_like(weights(whole)) for _ in range(2)]
        dist.all_gather(both, weights(whole))
        told["average is one"] = torch.equal(*both)
        try:
            losses(None, batch=31, images=640)
        except ValueError as error:
            told["refused"] = str(error)
    return rank, told


def command(folder):
    """Train by the command line, which joins the processes itself; its exit code."""
    recipes.RECIPES["points"] = interrupted_at(4, recipes.RECIPES["points"])
    words = ["train", "points", "--images", "2560", "--out", str(folder / "stopped")]
    return int(os.environ["RANK"]), cli.main(words)


if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    rank, told = {"library": library, "command": command}[what](place)
    (place / f"{what}{rank}.json").write_text(json.dumps(told))
