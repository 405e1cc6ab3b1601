"""Threads are given up where others need the cores, taken again where not, else left alone."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from minidiff import threads
from minidiff.threads import Considerate, idle

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("load, wanted", [(0, 4), (0.4, 4), (1.2, 3), (3, 1), (50, 1)])
def test_as_many_threads_as_cores_are_idle(load, wanted):
    assert idle(4, load) == wanted


@pytest.fixture
def machine(monkeypatch):
    """A machine whose clock, load and preemptions are set by hand, with four threads at most."""
    state = {"time": 0.0, "taken": 0, "threads": 4}
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads.time, "monotonic", lambda: state["time"])
    monkeypatch.setattr(threads, "preempted", lambda: state["taken"])
    monkeypatch.setattr(threads.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(torch, "get_num_threads", lambda: state["threads"])
    monkeypatch.setattr(torch, "set_num_threads", lambda number: state.update(threads=number))
    return state


def pass_time(state, considerate, seconds, rate):
    """Work goes on for so long, and the system takes a core so many times a second."""
    for _ in range(round(seconds / 0.1)):
        state["time"] += 0.1
        state["taken"] += 0.1 * rate
        considerate()


def test_a_busy_machine_is_yielded_to_and_a_free_one_used(machine):
    considerate = Considerate()
    pass_time(machine, considerate, 5, rate=1)
    assert machine["threads"] == 4
    pass_time(machine, considerate, 1, rate=100)
    assert machine["threads"] == 1
    pass_time(machine, considerate, 60, rate=15)  # still wanted by others, now and then
    assert machine["threads"] == 1
    pass_time(machine, considerate, 15, rate=0)
    assert machine["threads"] == 2
    pass_time(machine, considerate, 15, rate=0)
    assert machine["threads"] == 4


def test_it_starts_with_what_is_idle(machine, monkeypatch):
    monkeypatch.setattr(threads.os, "getloadavg", lambda: (2.9, 0.0, 0.0))
    Considerate()
    assert machine["threads"] == 1


def test_whoever_sets_the_number_decides(machine, monkeypatch):
    considerate = Considerate()
    machine["threads"] = 3
    pass_time(machine, considerate, 5, rate=100)
    assert machine["threads"] == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    machine["threads"] = 4
    pass_time(machine, Considerate(), 5, rate=100)
    assert machine["threads"] == 4


def test_sampling_and_training_ask(monkeypatch):
    import minidiff
    from minidiff.recipes import point_data, point_model
    from minidiff.training import loop

    asked = []
    monkeypatch.setattr(minidiff.sampling, "considerate", lambda: asked.append("sampling"))
    monkeypatch.setattr(loop, "considerate", lambda: asked.append("training"))
    minidiff.load("points")(2, steps=3)
    list(loop.train(point_model(), point_data(), 8, batch=4))
    assert asked == ["sampling"] * 3 + ["training"] * 2


def test_the_environment_is_obeyed():
    code = "import os, torch; os.environ['OMP_NUM_THREADS'] = '1'; n = torch.get_num_threads()\n"
    code += "import minidiff; assert torch.get_num_threads() == n"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
