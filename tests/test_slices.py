"""An answer that is right in a learner's notebook is right when marked: what it needs is run, too."""

import inspect

import nbformat
import pytest
from handed_in import SETUP, cell, solved
from nbformat import v4

from minidiff.course import lessons, slices, work
from minidiff.course.classroom import exercises_of
from minidiff.course.marking import mark

PARAMETERS = "x0, eps, alpha_bar"
ANSWER = f"def noised({PARAMETERS}):\n    return {{}}\n"
RIGHT = ANSWER.format("alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * eps")
STUB = ANSWER.format("...")
HELPED = ANSWER.format("root(alpha_bar) * x0 + root(1 - alpha_bar) * eps")
ROOT = "def root(x):\n    return np.sqrt(x)\n"
TAGS = "exercise", "exercise-01.2"
CHECK = 'check("01.2", noised)'


def answer(source, check=True):
    return cell(source + (f"\n{CHECK}" if check else ""), *TAGS)


CASES = {
    "a copy with a typo above": [answer("def noised(x0, eps:\n"), answer(RIGHT)],
    "a copy with a typo below": [answer(RIGHT), answer("def noised(x0, eps:\n")],
    "a failed try above": [answer("noised(1)"), answer(RIGHT)],
    "a failed try below": [answer(RIGHT), answer("raise ValueError")],
    "a wrong try below": [answer(RIGHT), answer(ANSWER.format("x0"))],
    "its stub below": [answer(RIGHT), answer(STUB)],
    "its stub above": [answer(STUB), answer(RIGHT)],
    "a new cell above the stub": [cell(f"{RIGHT}\n{CHECK}"), answer(STUB)],
    "a new cell, no check": [answer(STUB), cell(RIGHT)],
    "a definition here, its check there": [cell(RIGHT), cell("x = 1"), answer("")],
    "another name": [answer(RIGHT.replace("noised", "mine").rstrip(), False)]
    + [cell('check("01.2", mine)'), answer(STUB)],
    "an import and a helper in cells of their own": [
        cell("import numpy as np"),
        cell(ROOT),
        answer(HELPED),
    ],
    "a helper below": [answer(HELPED), cell(ROOT), cell("import numpy as np")],
    "a helper redefined later": [
        cell("import numpy as np"),
        cell(ROOT),
        answer(HELPED),
        cell("def root(x):\n    return x", "exercise", "exercise-01.3"),
    ],
    "a helper redefined before": [
        cell("import numpy as np\ndef root(x):\n    return x"),
        cell(ROOT),
        answer(HELPED),
    ],
    "a helper in a cell that fails after it": [
        cell("import numpy as np\nprint(nothing)\n" + ROOT),
        answer(HELPED),
    ],
    "a timed helper": [cell(f"%%time\nimport numpy as np\n{ROOT}"), answer(HELPED)],
    "all of a module": [cell("from math import *"), answer(HELPED.replace("root", "sqrt"))],
    "a value that grows": [
        cell("powers = []"),
        cell("for p in (0.5, 0.5):\n    powers.append(p)"),
        cell("powers[1] += 0"),
        answer(RIGHT.replace("0.5", "powers[1]")),
    ],
    "a value changed in place later": [
        cell("powers = [0.5]"),
        answer(RIGHT.replace("0.5", "powers[0]")),
        cell("powers[0] = 3"),
    ],
    "a name given in another answer's cell, out of sight": [
        cell(solved("01.1") + "\nglobals()['my_power'] = 0.5", "exercise", "exercise-01.1"),
        answer(RIGHT.replace("0.5", "my_power")),
    ],
    "other names in its signature": [
        answer(
            "def noised(clean, noise, share, power=0.5):\n"
            "    return share**power * clean + (1 - share) ** power * noise"
        )
    ],
    "a lambda": [
        answer("noised = lambda x, e, a: a**0.5 * x + (1 - a) ** 0.5 * e"),
    ],
    "a class": [
        cell(
            f"class Noise:\n    def __call__(self, {PARAMETERS}):\n        {RIGHT.split(chr(10))[1]}"
        ),
        answer("noised = Noise()"),
    ],
    "a markdown cell of the same tag": [
        v4.new_markdown_cell("Mine:", metadata={"tags": list(TAGS)}),
        answer(RIGHT),
    ],
    "a check twice": [answer(f"{RIGHT}\n{CHECK}")],
}


def verdict(tmp_path, cells, exercise="01.2"):
    path = tmp_path / "01_noising.ipynb"
    nbformat.write(v4.new_notebook(cells=[cell(SETUP, "setup"), *cells]), path)
    return next(row for row in mark(path, "ada") if row.exercise == exercise)


@pytest.mark.parametrize("case", CASES)
def test_right_in_the_notebook_is_right_when_marked(tmp_path, case):
    assert verdict(tmp_path, CASES[case]).status == "correct"


def test_what_an_answer_does_reaches_no_other_above_it(tmp_path):
    third = cell(solved("01.3"), "exercise", "exercise-01.3")
    spoils = answer(f"{RIGHT}\ntorch = None")
    assert verdict(tmp_path, [third, spoils], "01.3").status == "correct"
    again = cell("import torch\n" + solved("01.3"), "exercise", "exercise-01.3")
    assert verdict(tmp_path, [spoils, again], "01.3").status == "correct"


@pytest.mark.parametrize(
    "cells, status",
    [
        ([answer(STUB), answer(STUB)], "not attempted"),
        ([answer(ANSWER.format("x0")), answer(STUB)], "not yet"),
        ([answer(HELPED)], "not yet"),
        ([cell(ROOT.replace("np.sqrt(x)", "x")), answer(HELPED)], "not yet"),
        ([cell("x = 1")], "not attempted"),
    ],
    ids=["stubs", "a wrong try and a stub", "no helper", "a wrong helper", "nothing"],
)
def test_what_is_not_right_stays_so(tmp_path, cells, status):
    row = verdict(tmp_path, cells)
    assert (row.status, row.points) == (status, 0)


def test_what_the_lesson_defines_is_found_in_a_sheet_that_does_not_hold_it(tmp_path):
    """Every name that a stored lesson's cell defines, and its exercises do not."""
    _, stored = work.stored("01")
    name = next(
        found.node.name
        for source in stored
        for found in slices.statements(source)
        if type(found.node).__name__ == "FunctionDef"
    )
    body = RIGHT.replace("return ", f"assert callable({name})\n    return ")
    assert verdict(tmp_path, [answer(body)]).status == "correct"


def test_a_cell_that_hangs_costs_those_that_need_it_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("minidiff.course.runner.CELL_SECONDS", 2)
    hangs = cell("while True:\n    root = None")
    cells = [hangs, answer(HELPED), cell(solved("01.1"), "exercise", "exercise-01.1")]
    assert verdict(tmp_path, cells).status == "not run"
    assert verdict(tmp_path, cells, "01.1").status == "correct"


def lines_run(cells, source, known=()):
    notebook = slices.Notebook([*cells, source], [], known)
    namespace = {}
    codes = notebook.needed(len(cells), source)
    for code in codes:
        exec(code, namespace)  # noqa: S102
    return len(codes), {k: v for k, v in namespace.items() if k != "__builtins__"}


def test_a_slice_holds_what_is_needed_and_no_more():
    cells = ["a = 1\nb = a + 1\nc = 5", "b = b * 10", "a = 7\nd = 0"]
    assert lines_run(cells, "b") == (3, {"a": 1, "b": 20})
    assert lines_run(cells, "a") == (1, {"a": 7})
    assert lines_run(cells, "a = 2\na") == (0, {})
    assert lines_run(["import math\nmath.sqrt(2)", "def f(): return math"], "f")[0] == 2
    assert lines_run(["x = 1", "def f():\n    x = 2\n    return x"], "f")[0] == 1
    assert lines_run(["sum = 3"], "sum")[0] == 1 and lines_run([], "sum")[0] == 0


@pytest.mark.parametrize("source", ["(" * 10_000, "return 1", "x" * 30_000, "\0", "-" * 9000 + "1"])
def test_what_is_no_python_has_no_statements(source):
    assert slices.statements(source) == []


def test_an_answer_that_only_calls_the_library_is_flagged(tmp_path):
    uses = "    return ddim_step(x, x0_hat, (alpha, sigma), (alpha_s, sigma_s))"
    head = "def ddim_to(x, x0_hat, alpha, sigma, alpha_s, sigma_s):\n"
    for body, flag in [
        (uses, "only calls minidiff.samplers.ddim_step"),
        (f'    """As asked."""\n{uses}', "only calls minidiff.samplers.ddim_step"),
        (f"    x = x + 0\n{uses}", ""),
    ]:
        cells = [cell("from minidiff.samplers import ddim_step")]
        cells += [cell(head + body, "exercise", "exercise-04.1")]
        row = verdict(tmp_path, cells, "04.1")
        assert (row.status, row.flag) == ("correct", flag)


def test_no_reference_solution_is_flagged(tmp_path):
    for path in sorted(lessons.NOTEBOOKS.glob("*.ipynb")):
        cells = [
            cell(inspect.getsource(ex.solution), "exercise", f"exercise-{ex.name}")
            for ex in exercises_of(path.name[:2])
            if not ex.is_value
        ]
        assert cells
        nbformat.write(v4.new_notebook(cells=cells), tmp_path / path.name)
        for row in mark(tmp_path / path.name, "ada"):
            assert row.flag == ""
