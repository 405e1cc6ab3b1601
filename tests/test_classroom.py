"""What a teacher hands out: every lesson gives a student notebook and a sheet, with no solutions."""

import inspect
import re

import nbformat
import pytest
from nbformat import v4

from minidiff.course import classroom, lessons
from minidiff.course.exercises import find

PATHS = sorted(lessons.NOTEBOOKS.glob("*.ipynb"))
WITH_EXERCISES = [path for path in PATHS if classroom.exercises_of(path.name[:2])]


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def answers(nb):
    """{exercise: cell} of a notebook."""
    return {name: cell for cell in nb.cells if (name := classroom.name_of(cell))}


def tagged(nb, tag):
    return [cell for cell in nb.cells if tag in cell.metadata.get("tags", [])]


def cleared(source):
    """What nbgrader leaves of a cell for students."""
    stub = r"\1...  # your code here\n"
    source = re.sub(r"( *)### BEGIN SOLUTION\n.*?### END SOLUTION\n?", stub, source, flags=re.S)
    return re.sub(r"### BEGIN HIDDEN.*?### END HIDDEN TESTS", "", source, flags=re.S).rstrip()


@each(PATHS)
def test_a_student_notebook_is_the_lesson_without_solutions(path, tmp_path):
    [made] = classroom.student(tmp_path / "class", [path])
    old, new = read(path), read(made)
    kept = [cell for cell in old.cells if "claim" not in cell.metadata.get("tags", [])]
    assert made.name == path.name and len(kept) < len(old.cells)
    assert "solution(" not in "".join(cell.source for cell in new.cells)
    for before, after in zip(kept, new.cells, strict=True):
        if before.cell_type == "code":
            assert after.outputs == [] and after.execution_count is None
            before.outputs, before.execution_count = [], None
        if name := classroom.name_of(before):
            assert after.source == find(name).cell_source
        elif "setup" in before.metadata.get("tags", []):
            assert after.source == before.source.replace(", hint, solution", ", hint")
        elif before.source != after.source:
            assert "`solution(" in before.source and after.source.rstrip().endswith(".")
        else:
            assert after == before


def test_solved_exercises_are_stubs_again(tmp_path):
    nb = read(PATHS[0])
    for name, cell in answers(nb).items():
        cell.source = inspect.getsource(find(name).solution)
    nbformat.write(nb, tmp_path / "01_solved.ipynb")
    [made] = classroom.student(tmp_path / "class", [tmp_path / "01_solved.ipynb"])
    assert [c.source for c in answers(read(made)).values()] == [
        find(name).cell_source for name in answers(nb)
    ]


@pytest.mark.parametrize(
    "offered, left",
    [
        ('`hint("01.1")` helps, `solution("01.1")` shows\nours. Go.', '`hint("01.1")` helps. Go.'),
        ('`hint("01.1")` helps. `solution("01.1")` tells. Go.', '`hint("01.1")` helps. Go.'),
        ('A `hint("01.1")` and `solution("01.1")`.', 'A `hint("01.1")`.'),
        ('See `hint("01.1")`, `solution("01.1")` (or `x.y`).', 'See `hint("01.1")`.'),
        ("The solution of $a = 1.5$.", "The solution of $a = 1.5$."),
    ],
)
def test_prose_no_longer_offers_solutions(offered, left):
    nb = v4.new_notebook(cells=[v4.new_markdown_cell(offered)])
    assert classroom.without_solutions(nb).cells[0].source == left


def test_pictures_come_along_and_nothing_is_overwritten(tmp_path):
    old = tmp_path / "old"
    (old / "pictures").mkdir(parents=True)
    (old / "pictures" / "a.png").write_bytes(b"png")
    (tmp_path / "secret.png").write_bytes(b"png")
    prose = (
        "![a](pictures/a.png) ![b](../secret.png) ![c](none.png) ![d](https://example.org/d.png) "
        f"![e]({tmp_path}/secret.png) ![f](/etc/passwd) ![g](90_a.ipynb)"
    )
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell(prose)]), old / "90_a.ipynb")
    folder = tmp_path / "new" / "class"
    assert classroom.student(folder, [old / "90_a.ipynb"]) == [folder / "90_a.ipynb"]
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert names == ["90_a.ipynb", "pictures/a.png"]
    (folder / "90_a.ipynb").write_text("work")
    with pytest.raises(FileExistsError, match=r"90_a.ipynb exists already; choose another"):
        classroom.student(folder, [PATHS[0], old / "90_a.ipynb"])
    assert (folder / "90_a.ipynb").read_text() == "work"
    assert not (folder / PATHS[0].name).exists()


@each(WITH_EXERCISES)
def test_a_sheet_gives_its_points_for_solutions_and_for_nothing_else(path):
    nb, declared = classroom.sheet(path), classroom.exercises_of(path.name[:2])
    assert nbformat.validate(nb) is None
    marks = {cell.metadata.nbgrader.grade_id: cell for cell in nb.cells}
    assert len(marks) == len(nb.cells)
    namespace = {}
    exec(tagged(nb, "setup")[0].source, namespace)  # noqa: S102
    for ex in declared:
        kinds = ("task", "answer", "test")
        task, answer, test = (marks[f"{kind}-{ex.name.replace('.', '-')}"] for kind in kinds)
        assert task.source.startswith(ex.task_source) and task.metadata.nbgrader.locked
        assert not ex.sick or ex.sick_source in task.source
        assert test.metadata.nbgrader.points == ex.level and test.metadata.nbgrader.locked
        assert answer.metadata.nbgrader.solution and not answer.metadata.nbgrader.locked
        exec(f"{answer.source}\n{test.source}", dict(namespace))  # noqa: S102
        for tests in (test.source, cleared(test.source)):
            with pytest.raises(AssertionError, match=f"{ex.name} not attempted"):
                exec(f"{cleared(answer.source)}\n{tests}", dict(namespace))  # noqa: S102
        for line in answer.source.partition("### BEGIN")[2].splitlines()[1:-1]:
            assert len(line.strip()) < 9 or line not in cleared(answer.source)
        name = ex.solution.__name__
        for mistake in ex.wrong:
            with pytest.raises(AssertionError, match=f"{ex.name} not yet"):
                exec(test.source, namespace | {name: mistake})  # noqa: S102


def test_hidden_tests_catch_an_answer_that_fits_the_example_only():
    lesson = next(path for path in PATHS if path.name.startswith("01_"))
    ex = find("01.2")
    marks = {c.metadata.nbgrader.grade_id: c.source for c in classroom.sheet(lesson).cells}
    share = ex.inputs()[0][2]
    fitted = {"noised": lambda x0, eps, alpha_bar: ex.solution(x0, eps, share)}
    exec(cleared(marks["test-01-2"]), fitted)  # noqa: S102
    with pytest.raises(AssertionError, match="01.2 not yet"):
        exec(marks["test-01-2"], fitted)  # noqa: S102


def test_a_course_takes_more_lessons_later_and_keeps_its_settings(tmp_path):
    first, second = WITH_EXERCISES[:2]
    sheet = classroom.release(tmp_path, [first])[0]
    assert sheet == tmp_path / "source" / first.stem / first.name
    config = tmp_path / "nbgrader_config.py"
    assert "course_id" in config.read_text()
    config.write_text("c = get_config()")
    classroom.release(tmp_path, [second])
    assert config.read_text() == "c = get_config()"
    with pytest.raises(FileExistsError, match="exists already"):
        classroom.release(tmp_path)


def test_a_lesson_without_exercises_has_no_sheet(tmp_path):
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# 90")]), tmp_path / "90_a.ipynb")
    assert classroom.release(tmp_path / "course", [tmp_path / "90_a.ipynb"]) == []


def test_a_key_holds_every_answer_and_what_is_said_of_mistakes(tmp_path):
    made = classroom.key(tmp_path / "key")
    assert [path.stem for path in made] == [path.name[:2] for path in WITH_EXERCISES]
    for path in made:
        page = path.read_text(encoding="utf-8")
        for ex in classroom.exercises_of(path.stem):
            assert ex.task_source in page and inspect.getsource(ex.solution).rstrip() in page
            assert all(sentence in page for sentence in ex.wrong.values())
    with pytest.raises(FileExistsError, match="exists already"):
        classroom.key(tmp_path / "key", WITH_EXERCISES[:1])
    assert len(classroom.key(tmp_path / "one", WITH_EXERCISES[:1])) == 1
