"""A teacher's way with nbgrader, from its own environment and by its command line alone."""

import csv
import inspect
import os
import subprocess

import nbformat
import pytest
from install_nbgrader import PYTHON, SCRIPTS

from minidiff.course import classroom, lessons
from minidiff.course.exercises import find

LESSON = next(lessons.NOTEBOOKS.glob("01_*.ipynb"))
EXERCISES = classroom.exercises_of("01")


@pytest.fixture
def nbgrader(tmp_path_factory):
    """Runs nbgrader in a folder, with a home of its own."""
    if not PYTHON.exists():
        pytest.skip("needs nbgrader, which `python tests/install_nbgrader.py` brings")
    home = tmp_path_factory.mktemp("home")
    own = {name: str(home) for name in ("HOME", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR")}
    env = os.environ | own | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}

    def run(folder, *words):
        command = [PYTHON, "-m", "nbgrader", *words]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done

    return run


def hand_in(course, student, answers):
    """Answers, {exercise: code}, in place of the stubs of the sheet that nbgrader released."""
    nb = nbformat.read(course / "release" / LESSON.stem / LESSON.name, as_version=4)
    for cell in nb.cells:
        cell.source = answers.get(classroom.name_of(cell), cell.source)
    path = course / "submitted" / student / LESSON.stem / LESSON.name
    path.parent.mkdir(parents=True)
    nbformat.write(nb, path)


def right(ex):
    name = ex.solution.__name__
    return f"{name} = {ex.solution()!r}" if ex.is_value else inspect.getsource(ex.solution)


def mistaken(ex):
    """The first typical mistake, under the name that is asked for."""
    name, mistake = ex.solution.__name__, next(iter(ex.wrong))
    if ex.is_value:
        return f"{name} = {mistake!r}"
    return f"{inspect.getsource(mistake)}\n\n{name} = {mistake.__name__}"


def test_from_release_to_marks(nbgrader, tmp_path):
    classroom.release(tmp_path, [LESSON])
    nbgrader(tmp_path, "generate_assignment", LESSON.stem)
    released = nbformat.read(tmp_path / "release" / LESSON.stem / LESSON.name, as_version=4)
    assert not [c for c in released.cells if "SOLUTION" in c.source or "HIDDEN" in c.source]
    stubs = {name: c.source for c in released.cells if (name := classroom.name_of(c))}
    assert all("...  # your code here" in source for source in stubs.values())

    correct = {ex.name: right(ex) for ex in EXERCISES}
    # One fits the visible example only, one never ends well, one is right; the rest are mistakes.
    mixed = {ex.name: mistaken(ex) for ex in EXERCISES} | {"01.3": right(find("01.3"))}
    share = find("01.2").inputs()[0][2]
    mixed["01.2"] = right(find("01.2")).replace(
        "    return", f"    alpha_bar = {share}\n    return"
    )
    mixed["01.4"] = "def best_guess(*args):\n    raise SystemExit"
    for student, answers in {"ada": correct, "bob": mixed, "cy": {}}.items():
        hand_in(tmp_path, student, answers)
    nbgrader(tmp_path, "autograde", LESSON.stem)
    nbgrader(tmp_path, "export", "--to=marks.csv")

    with open(tmp_path / "marks.csv", newline="") as file:
        marks = {row["student_id"]: row for row in csv.DictReader(file)}
    full = sum(ex.level for ex in EXERCISES)
    expected = {"ada": full, "bob": find("01.3").level, "cy": 0}
    assert {student: float(row["score"]) for student, row in marks.items()} == expected
    assert {float(row["max_score"]) for row in marks.values()} == {full}
