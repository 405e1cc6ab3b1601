"""Marking handed-in notebooks: what is right, what is wrong, and what must harm nobody else."""

import csv
import inspect
import subprocess
import sys

import nbformat
import pytest
from nbformat import v4

from minidiff import cli
from minidiff.course import classroom, lessons, marking, runner
from minidiff.course.exercises import find
from minidiff.course.marking import Mark, mark, mark_all, write_csv

LESSON = next(lessons.NOTEBOOKS.glob("01_*.ipynb"))
EXERCISES = classroom.exercises_of("01")
NAMES = [ex.name for ex in EXERCISES]
SETUP = "import torch\nfrom minidiff.course.exercises import check, hint"
LINUX = sys.platform == "linux"


def right(name):
    ex = find(name)
    answer = ex.solution.__name__
    return f"{answer} = {ex.solution()!r}" if ex.is_value else inspect.getsource(ex.solution)


def cell(source, *tags):
    return v4.new_code_cell(source, metadata={"tags": list(tags)})


@pytest.fixture
def hand_in(tmp_path):
    """Stores a notebook of lesson 01, all right but for `changes`, and returns its path."""

    def store(changes={}, name="ada", setup=SETUP, tagged=True):
        cells = [cell(setup, "setup"), cell("raise KeyError('no cell of an exercise')")]
        for exercise in NAMES:
            source = changes.get(exercise, right(exercise))
            tags = ["exercise", f"exercise-{exercise}"] if tagged else []
            cells += [cell(source, *tags)] if source is not None else []
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(v4.new_notebook(cells=cells), path)
        return path

    return store


@pytest.fixture(autouse=True)
def shorter(monkeypatch):
    """Limits that a test can wait for."""
    monkeypatch.setattr(runner, "CELL_SECONDS", 5)


def verdicts(path):
    """{exercise: (status, remark)}, after a look at the rest of the rows."""
    marks = mark(path, "ada")
    assert [row.exercise for row in marks] == NAMES
    for row, ex in zip(marks, EXERCISES):
        points = ex.level if row.status == "correct" else 0
        assert (row.student, row.points, row.of) == ("ada", points, ex.level)
    return {row.exercise: (row.status, row.remark) for row in marks}


def test_right_answers_get_all_points(hand_in):
    assert {status for status, _ in verdicts(hand_in()).values()} == {"correct"}


def test_the_stored_lesson_is_untouched():
    assert set(verdicts(LESSON).values()) == {("not attempted", "")}


def test_mistakes_are_told_apart(hand_in):
    wrong, sentence = next(iter(find("01.1").wrong.items()))
    found = verdicts(
        hand_in(
            {
                "01.1": f"std_of_sum = {wrong}",
                "01.2": "def noised(x0, eps:\n    pass",
                "01.3": "nothing = 1",
                "01.4": None,
                "01.5": "def further(*args):\n    raise SystemExit('\\ud800 \\n bye')",
            }
        )
    )
    assert found["01.1"] == ("not yet", sentence)
    assert found["01.2"][0] == "not yet" and "its cell raised SyntaxError" in found["01.2"][1]
    assert found["01.3"] == ("not attempted", "its cell does not define `alpha_bars`")
    assert found["01.4"] == ("not attempted", "its cell is not in the notebook")
    assert found["01.5"] == ("not run", "its cell ended the process that it ran in")


def test_what_a_learner_does_in_a_notebook_is_allowed(hand_in):
    """Deleted checks, magics, display, helpers in earlier cells, a last line that fails."""
    helper = "from math import sqrt\ndef root(x):\n    return sqrt(x)\n"
    body = "def noised(x0, eps, alpha_bar):\n    return root(alpha_bar) * x0 + root(1 - alpha_bar) * eps"
    half = right("01.3").splitlines(keepends=True)
    path = hand_in(
        {
            "01.1": f"{helper}{right('01.1')}\ncheck = print",
            "01.2": f"%time 1\ndisplay(torch.ones(2))\n{body}\nnoised(1)",
            "01.3": "".join(half) + "\ncheck('01.3', None)",
        }
    )
    assert {status for status, _ in verdicts(path).values()} == {"correct"}


def test_tags_and_setup_may_be_lost(hand_in):
    calls = {
        name: f'{right(name)}\ncheck("{name}", {find(name).solution.__name__})' for name in NAMES
    }
    found = verdicts(hand_in(calls, setup="1 / 0", tagged=False))
    assert {status for status, _ in found.values()} == {"correct"}


HOSTILE = {
    "loops": ("while True: pass", "not run", "its cell ran for longer than 5 s"),
    "dies": ("import os; os._exit(0)", "not run", "its cell ended the process"),
    "kills": ("import os; os.kill(os.getpid(), 9)", "not run", "its cell ended the process"),
    "prints": ("while True: print('x' * 10_000)", "not run", "longer than"),
    # A slow machine may take longer for it than a cell has.
    "prints a gigabyte": ("for _ in range(1000): print('x' * 10**6)", "correct or not run", ""),
    "fills memory": ("noise = 'x' * (3 << 30)", "not yet", "its cell raised MemoryError"),
    "writes anywhere": (
        "import os\nfor fd in range(3, 64):\n    try: os.write(fd, bytes([0, 0, 9, 9]))\n"
        "    except OSError: pass",
        "not run",
        "its cell wrote where verdicts are written",
    ),
    "leaves a child": (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(77.125)'])",
        "correct",
        "",
    ),
    "kills its parent": ("import os; os.kill(os.getppid(), 9)", "correct", ""),
}


@pytest.mark.parametrize("prank", HOSTILE)
def test_a_prank_costs_its_own_row_and_nothing_else(hand_in, prank):
    source, status, remark = HOSTILE[prank]
    if prank == "kills its parent" and not LINUX:
        source = "pass"  # elsewhere the parent is whoever marks
    if prank == "fills memory" and not LINUX:
        source = "raise MemoryError"
    answer = right("01.2") if "correct" in status else ""
    found = verdicts(hand_in({"01.2": f"{source}\n{answer}"}))
    assert found["01.2"][0] in status.split(" or ") and remark in found["01.2"][1]
    others = {status for name, (status, _) in found.items() if name != "01.2"}
    assert others == {"correct"}
    if LINUX:
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
        assert "77.125" not in listed


def test_a_notebook_has_so_many_seconds(hand_in, monkeypatch):
    monkeypatch.setattr(runner, "CELL_SECONDS", 1)
    monkeypatch.setattr(runner, "NOTEBOOK_SECONDS", 2)
    found = verdicts(hand_in({name: "while True: pass" for name in NAMES}))
    assert {status for status, _ in found.values()} == {"not run"}
    assert found["01.1"][1] == "its cell ran for longer than 1 s"
    assert found["01.5"][1] == "the notebook used up its 2 s"


BROKEN = {
    b"": "JSON",
    b'{"cells": [': "JSON",
    b"[" * 100_000: "recursion",
    bytes(range(256)): "decode",
    b'{"cells": [1], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}': "",
    b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}': "no exercise",
}


@pytest.mark.parametrize(
    "content", BROKEN, ids=["empty", "cut", "deep", "bytes", "odd", "no cells"]
)
def test_what_is_no_notebook_is_one_row(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    [row] = mark(path, "bob")
    assert row == Mark("bob", "", 0, 0, "unreadable", row.remark)
    assert BROKEN[content] in row.remark and row.remark


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(marking, "LARGEST_FILE", 2**20)
    path = tmp_path / "x.ipynb"
    path.write_bytes(b" " * (2**20 + 1))
    [row] = mark(path, "bob")
    assert row.remark == "larger than 1 MiB: clear its outputs"


def test_a_folder_is_marked_in_order_and_tabled(hand_in, tmp_path, monkeypatch):
    for student in ("ben", "ada"):
        (tmp_path / student).mkdir()
        hand_in(name=f"{student}/01_noising")
    (tmp_path / "ada" / ".ipynb_checkpoints").mkdir()
    hand_in(name="ada/.ipynb_checkpoints/01_noising-checkpoint")
    (tmp_path / "=1+1.ipynb").write_text("no")
    rows = [row for marks in mark_all([tmp_path]) for row in marks]
    assert [row.student for row in rows] == ["=1+1"] + ["ada/01_noising"] * 5 + [
        "ben/01_noising"
    ] * 5
    write_csv(rows, tmp_path / "marks.csv")
    with open(tmp_path / "marks.csv", newline="", encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["student", "exercise", "points", "of", "status", "remark"]
    assert table[0]["student"] == "'=1+1" and table[0]["status"] == "unreadable"
    assert [int(row["points"]) for row in table[1:6]] == [ex.level for ex in EXERCISES]
    [(alone, *_)] = mark_all([tmp_path / "ben" / "01_noising.ipynb"])
    assert alone.student == "01_noising"


@pytest.mark.parametrize("missing", ["none.ipynb", "empty"])
def test_nothing_to_mark_is_one_sentence(tmp_path, missing):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=f"^No notebook at .*{missing}.$"):
        list(mark_all([tmp_path / missing]))


def test_the_command_writes_the_table(hand_in, tmp_path, monkeypatch, capsys):
    (tmp_path / "handed").mkdir()
    hand_in({"01.1": "std_of_sum = 17"}, name="handed/ada")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lessons", "check", "handed", "--jobs", "1"]) == 0
    assert "marks.csv: 1 notebooks, 4 of 5 rows correct\n" in capsys.readouterr().out
    assert (tmp_path / "marks.csv").read_text("utf-8-sig").count("\n") == 6
    assert cli.main(["lessons", "check", "handed", "-o", "."]) == 2
    assert capsys.readouterr().err.startswith("minidiff: cannot write .")


def test_handing_out_by_command(tmp_path, capsys):
    for action in ("student", "release"):
        assert cli.main(["lessons", action, str(tmp_path / action), str(LESSON)]) == 0
        [made] = (tmp_path / action).rglob(LESSON.name)
        assert capsys.readouterr().out.startswith(f"{made}\n")
        assert cli.main(["lessons", action, str(tmp_path / action), str(LESSON)]) == 2
        assert "exists already" in capsys.readouterr().err
