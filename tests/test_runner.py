"""Running handed-in cells: what one does harms nobody else, and forges no mark."""

import subprocess
import sys

import pytest
from bench import pranks
from handed_in import EXERCISES, LINUX, NAMES, hand_in, solved, verdicts

from minidiff.course import runner
from minidiff.course.marking import mark_all


@pytest.fixture(autouse=True)
def shorter(monkeypatch):
    """Limits that a test can wait for."""
    monkeypatch.setattr(runner, "CELL_SECONDS", 5)
    monkeypatch.setattr(runner, "_PATIENCE", 2)


HOSTILE = {
    "loops": ("while True: pass", "not run", "its cell ran for longer than 2 s"),
    "dies": ("import os; os._exit(0)", "not run", "its cell ended the process"),
    "kills": ("import os; os.kill(os.getpid(), 9)", "not run", "its cell ended the process"),
    "prints": ("while True: print('x' * 10_000)", "not run", "longer than"),
    # A slow machine may take longer for it than a cell has.
    "prints a gigabyte": ("for _ in range(1000): print('x' * 10**6)", "correct or not run", ""),
    "fills memory": ("noise = 'x' * (3 << 30)", "not yet", "its cell raised MemoryError"),
    "writes anywhere": (
        pranks.PRANKS["writes to all files"],
        "not run",
        "its cell wrote where replies are written",
    ),
    "answers hugely": ("def noised(*args): return torch.ones(2**21)", "not yet", "too much"),
}


@pytest.mark.parametrize("prank", HOSTILE)
def test_a_prank_costs_its_own_row_and_nothing_else(tmp_path, prank, monkeypatch):
    source, status, remark = HOSTILE[prank]
    if "longer than" in remark:
        monkeypatch.setattr(runner, "CELL_SECONDS", 2)
    if prank == "fills memory" and not LINUX:
        source = "raise MemoryError"
    answer = solved("01.2") if "correct" in status else ""
    found = verdicts(hand_in(tmp_path, {"01.2": f"{source}\n{answer}"}))
    assert found["01.2"][0] in status.split(" or ") and remark in found["01.2"][1]
    others = {status for name, (status, _) in found.items() if name != "01.2"}
    assert others == {"correct"}


# Elsewhere a cell's parent is who marks, and nothing keeps it from that.
IN_CLASS = sorted(set(pranks.PRANKS) - pranks.OF_WHO_MARKS) if LINUX else ["closes all files"]


@pytest.mark.parametrize("alone", [True, False], ids=["namespace", "without"])
@pytest.mark.parametrize("prank", IN_CLASS)
def test_a_prank_costs_the_others_nothing(tmp_path, monkeypatch, prank, alone):
    monkeypatch.setattr(runner, "ALONE", alone)
    monkeypatch.setattr(runner, "START_SECONDS", 20)
    pranks.hand_in(tmp_path, prank, ["ada", "zoe"])
    rows = [row for marks in mark_all([tmp_path], jobs=2) for row in marks]
    assert [row.exercise for row in rows] == 3 * NAMES
    assert not [row for row in rows if "eve" not in row.student and row.status != "correct"]
    assert {row.status for row in rows} <= {"correct", "not yet", "not attempted", "not run"}
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert "77.125" not in listed


def test_who_marks_cannot_be_killed_or_leaves_what_is_marked(tmp_path):
    """In a namespace of processes nobody can; where a user gets none, the table has grown so far."""
    if not LINUX:
        return
    pranks.hand_in(tmp_path / "class", "kills who marks", ["ada", "zoe"])
    table = tmp_path / "marks.csv"
    subprocess.run(pranks.command(tmp_path / "class", table, jobs=1), capture_output=True)
    asks = "import ctypes; print(ctypes.CDLL(None).unshare(0x30000000))"
    asked = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True)
    assert pranks.honest_rows(table) == len(EXERCISES) * (2 if asked.stdout == "0\n" else 1)


# 01.2 is the cell number 3, after two setup cells and 01.1.
SENDS = """import gc
from multiprocessing.connection import Connection
for c in gc.get_objects():
    try: isinstance(c, Connection) and c.send_bytes({})
    except Exception: pass
"""
FORGED = {
    "patches the comparison": "import numpy\nnumpy.allclose = lambda *args, **options: True\n",
    "patches the judge": "import minidiff.course.exercises as e\ne._declared.clear()\n"
    "e.judge = e.grade = lambda *args: e.Result('correct', '')\n",
    "asks for the solution": "from minidiff.course.exercises import find\n"
    "noised = find('01.2').solution\n",
    "imports the solution": "from minidiff.course.exercises.lesson01 import noised\n",
    "looks for the solution": "import gc\n"
    "noised = next(f for f in gc.get_objects() if getattr(f, '__name__', '') == 'noised')\n",
    "sends nothing": SENDS.format(b"[3, null, []]"),
    "sends a mark": SENDS.format(b'["correct", "=1+1"]'),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_mark_is_given_where_no_cell_has_run(tmp_path, forgery):
    stub = "def noised(x0, eps, alpha_bar): return x0\n"
    source = FORGED[forgery] + (stub if "patches" in forgery else "")
    found = verdicts(hand_in(tmp_path, {"01.2": source}))
    assert found["01.2"][0] in ("not yet", "not run")
    assert {status for name, (status, _) in found.items() if name != "01.2"} == {"correct"}


def test_a_fork_does_not_shift_verdicts(tmp_path):
    found = verdicts(
        hand_in(tmp_path, {"01.2": f"import os; os.fork()\n{solved('01.2')}", "01.3": "x = 1"})
    )
    assert found["01.2"][0] == "correct"
    assert found["01.3"] == ("not attempted", "its cell does not define `time_of`")


def test_a_notebook_has_so_many_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "CELL_SECONDS", 1)
    monkeypatch.setattr(runner, "NOTEBOOK_SECONDS", 2)
    found = verdicts(hand_in(tmp_path, {name: "while True: pass" for name in NAMES}))
    assert {status for status, _ in found.values()} == {"not run"}
    assert found["01.1"][1] == "its cell ran for longer than 1 s"
    assert found["01.5"][1] == "the notebook used up its 2 s"
