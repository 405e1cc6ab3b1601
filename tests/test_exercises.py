"""Exercises: the framework on a small set of its own, then every exercise of every lesson."""

import contextlib
import inspect
import io

import golden
import nbformat
import pytest
import torch

from minidiff.course import exercises, lessons
from minidiff.course.exercises import (
    all_exercises,
    cell_source,
    check,
    exercise,
    grade,
    task_source,
)

ALL = all_exercises()
LESSONS = sorted({ex.name[:2] for ex in ALL})


def mix(x0, eps, alpha, sigma):
    """x_t of shape (N, 2)."""
    return alpha * x0 + sigma * eps


def _subtracts(x0, eps, alpha, sigma):
    return alpha * x0 - sigma * eps


def _in_place(x0, eps, alpha, sigma):
    return x0.mul_(alpha).add_(sigma * eps)


def _prints(x0, eps, alpha, sigma):
    print(alpha * x0 + sigma * eps)


def _not_written(x0, eps, alpha, sigma):
    raise NotImplementedError


def _raises(x0, eps, alpha, sigma):
    raise IndexError("off the end")


def draw(n, generator):
    yield from torch.randn(n, generator=generator)


def doubled():
    return 7


def _pairs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(3, 2, generator=g), torch.randn(3, 2, generator=g), 0.8, 0.6)]


@pytest.fixture
def demo(monkeypatch):
    """Three exercises that only the test that asks for them can see."""
    monkeypatch.setattr(exercises, "_declared", dict(exercises._declared))
    common = {"task": "Do it.", "hint": "Think."}
    exercise(
        "98.1",
        level=1,
        solution=mix,
        inputs=_pairs,
        wrong={_subtracts: "noise is added.", _raises: "no index is needed."},
        **common,
    )
    exercise(
        "98.2",
        level=2,
        solution=draw,
        inputs=lambda: [(4, torch.Generator().manual_seed(1))],
        wrong={},
        **common,
    )
    exercise("98.10", level=3, solution=doubled, wrong={14: "Heun calls twice."}, **common)


def test_stub_task_and_check_are_derived(demo):
    expected = (
        'def mix(x0, eps, alpha, sigma):\n    """x_t of shape (N, 2)."""\n'
        '    return ...  # your code here\n\ncheck("98.1", mix)'
    )
    assert cell_source("98.1") == expected
    assert cell_source("98.10") == 'doubled = ...  # your answer here\n\ncheck("98.10", doubled)'
    assert task_source("98.2") == "**Exercise 98.2** ★★☆ Do it."


@pytest.mark.parametrize(
    "name, answer, status, words",
    [
        ("98.1", mix, "correct", "agrees"),
        ("98.1", lambda x, e, a, s: mix(x, e, a, s).numpy(), "correct", "agrees"),
        ("98.1", _in_place, "correct", "agrees"),
        ("98.1", lambda *a: mix(*a) * (1 + 1e-6), "correct", "agrees"),
        ("98.1", _subtracts, "not yet", "noise is added."),
        ("98.1", _raises, "not yet", "no index is needed."),
        ("98.1", lambda *a: mix(*a) + 1, "not yet", "it is off by one: 1 too large."),
        ("98.1", lambda *a: mix(*a).tan(), "not yet", "differs from the expected values by up to"),
        ("98.1", lambda *a: mix(*a)[:2], "not yet", "shape (2, 2) where (3, 2)"),
        ("98.1", lambda *a: mix(*a) / 0 * 0, "not yet", "NaN"),
        ("98.1", lambda *a: 1 / 0, "not yet", "raised ZeroDivisionError"),
        ("98.1", lambda x0: x0, "not yet", "raised TypeError"),
        ("98.1", lambda *a: "text", "not yet", "str where a number or tensor"),
        ("98.1", lambda *a: [1, 2], "not yet", "sequence where a number or tensor"),
        ("98.1", lambda *a: ..., "not attempted", ""),
        ("98.1", lambda *a: None, "not attempted", "returns nothing"),
        ("98.1", _prints, "not attempted", "`return`, not with a print"),
        ("98.1", _not_written, "not attempted", ""),
        ("98.1", None, "not attempted", ""),
        ("98.2", draw, "correct", "agrees"),
        ("98.2", lambda n, g: list(torch.randn(n, generator=g)), "correct", "agrees"),
        ("98.2", lambda n, g: [torch.zeros(())] * 3, "not yet", "3 values where 4"),
        ("98.2", lambda n, g: (torch.zeros(()) for _ in iter(int, 1)), "not yet", "values where 4"),
        ("98.10", 7, "correct", "that is it"),
        ("98.10", 14, "not yet", "Heun calls twice."),
        ("98.10", 8, "not yet", "differs"),
        ("98.10", ..., "not attempted", ""),
    ],
)
def test_grade(demo, name, answer, status, words):
    result = grade(name, answer)
    assert result.status == status
    assert words in result.message
    assert "\n" not in result.message


def test_global_randomness_is_seeded_and_left_alone(demo):
    exercise(
        "98.3",
        level=1,
        task="",
        hint="",
        wrong={},
        inputs=lambda: [(5,)],
        solution=lambda n: torch.randn(n),
    )
    state = torch.get_rng_state()
    assert grade("98.3", torch.randn).status == "correct"
    assert torch.equal(state, torch.get_rng_state())


def test_check_prints_one_line_and_returns_nothing(demo, capsys):
    assert check("98.1", mix) is None
    check("98.1", _subtracts)
    check("98.1", ...)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "98.1 correct: it agrees with the solution."
    assert lines[1:] == ["98.1 not yet: noise is added.", "98.1 not attempted yet"]


def test_hint_and_solution_print(demo, capsys):
    exercises.hint("98.1")
    exercises.solution("98.1")
    assert capsys.readouterr().out == "Think.\n" + inspect.getsource(mix)


def test_names_are_unique_well_formed_and_known(demo):
    with pytest.raises(ValueError, match="98.1 is declared twice"):
        exercise("98.1", level=1, task="", hint="", wrong={}, solution=_subtracts)
    with pytest.raises(ValueError, match='like "01.2"'):
        exercise("1.1", level=1, task="", hint="", wrong={}, solution=mix)
    with pytest.raises(ValueError, match="level must be 1, 2 or 3, got 4"):
        exercise("98.4", level=4, task="", hint="", wrong={}, solution=mix)
    with pytest.raises(ValueError, match="'98.7'; there are: 98.1, 98.2, 98.10"):
        check("98.7", mix)
    with pytest.raises(ValueError, match="No exercise is called 'seven'; there are: "):
        check("seven", mix)


@pytest.mark.parametrize("ex", ALL, ids=lambda ex: ex.name)
def test_the_solution_gives_what_it_gave(ex):
    """Up to the tolerance that answers have: a solution is held by more than itself."""
    wanted, found = golden.stored()[f"exercise {ex.name}"], golden.solved(ex)
    finite = wanted[wanted.isfinite()].abs()
    atol = ex.rtol * finite.max().item() if len(finite) else 0
    torch.testing.assert_close(found, wanted, rtol=0, atol=atol, equal_nan=True)


@pytest.mark.parametrize("ex", ALL, ids=lambda ex: ex.name)
def test_solution_passes_wrong_answers_fail_and_the_stub_is_untouched(ex):
    right = ex.solution() if ex.is_value else ex.solution
    assert grade(ex.name, right).status == "correct"
    namespace = {}
    exec(ex.stub, namespace)  # noqa: S102
    assert grade(ex.name, namespace[ex.solution.__name__]).status == "not attempted"
    assert len(ex.wrong) >= 2
    assert len(set(ex.wrong.values())) == len(ex.wrong)
    for mistake, sentence in ex.wrong.items():
        assert grade(ex.name, mistake) == exercises.Result("not yet", sentence)


@pytest.mark.parametrize("ex", ALL, ids=lambda ex: ex.name)
def test_an_exercise_says_what_to_do_and_how(ex):
    assert ex.task.strip() and ex.hint.strip()
    assert all(sentence.strip() and "\n" not in sentence for sentence in ex.wrong.values())


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_has_exercises_of_all_levels(lesson):
    levels = [ex.level for ex in ALL if ex.name[:2] == lesson]
    assert len(levels) >= 3 and set(levels) == {1, 2, 3}


@pytest.mark.parametrize("path", sorted(lessons.NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_notebook_holds_its_exercises_and_they_need_only_the_setup_cell(path):
    cells = nbformat.read(path, as_version=4).cells
    sources = [cell.source for cell in cells]
    namespace = {}
    for cell in cells:
        if "setup" in cell.metadata.get("tags", []):
            exec(cell.source, namespace)  # noqa: S102
    for ex in (ex for ex in ALL if ex.name[:2] == path.name[:2]):
        assert sources.count(ex.cell_source) == 1
        for answer, verdict in [(ex.stub, "not attempted"), (_answer(ex), "correct")]:
            out, own = io.StringIO(), dict(namespace)
            with contextlib.redirect_stdout(out):
                exec(f'{answer}\ncheck("{ex.name}", {ex.solution.__name__})', own)  # noqa: S102
            assert out.getvalue().startswith(f"{ex.name} {verdict}")


def _answer(ex):
    source = inspect.getsource(ex.solution)
    return f"{source}\n{ex.solution.__name__} = {ex.solution.__name__}()" if ex.is_value else source
