"""Two processes under torchrun train as one: the same losses, one state, one end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_training import SETTINGS, tiny

from minidiff.recipes import point_data
from minidiff.training import train
from minidiff.training.checkpoints import load_state

HERE = Path(__file__).parent


def torchrun(*words):
    """Run a script or a module in two processes; its stdout."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [sys.executable, *launch, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ
        | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parent)))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def told_by(what, folder):
    """What the two processes of two_processes.py tell."""
    torchrun(HERE / "two_processes.py", what, folder)
    return [json.loads((folder / f"{what}{rank}.json").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the two processes told of `train`, and the folder they wrote to."""
    folder = tmp_path_factory.mktemp("two")
    return told_by("library", folder), folder


def test_two_processes_have_the_losses_of_one(told):
    alone = [progress.loss for progress in train(tiny(), point_data(), **SETTINGS)]
    for process in told[0]:
        np.testing.assert_allclose(process["whole"], alone, rtol=1e-4)
    assert told[0][0]["whole"] == told[0][1]["whole"]


def test_the_average_of_the_weights_is_one(told):
    assert all(process["average is one"] for process in told[0])


def test_a_time_limit_of_one_stops_both_and_the_first_writes(told):
    processes, folder = told
    for process in processes:
        first, rest = process["parts"]
        assert len(first) == 1 and first + rest == process["whole"]
        assert process["same"]
    assert (folder / "0.pt").exists() and not (folder / "1.pt").exists()


def test_ctrl_c_in_one_stops_both_with_one_state(tmp_path):
    assert told_by("command", tmp_path) == [130, 130]
    assert load_state(tmp_path / "stopped" / "state.pt")["step"] == 4


def test_a_batch_must_divide(told):
    assert all("multiple of the 2 processes, got 31" in process["refused"] for process in told[0])
