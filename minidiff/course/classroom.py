"""What a teacher hands out, made from the stored lessons and the declared exercises alone.

`student` writes notebooks to work in, `release` a course for nbgrader (nbgrader.readthedocs.io),
which need not be installed for that, `key` the answers for teachers.
"""

import inspect
import re
import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from minidiff.course import lessons
from minidiff.course.exercises import all_exercises, find

_CONFIG = """\
c = get_config()  # noqa: F821 (nbgrader defines it)
c.CourseDirectory.course_id = "minidiff"
c.ClearSolutions.code_stub = {"python": "...  # your code here"}
c.Execute.timeout = 60
"""
_INTRODUCTION = """\
# Exercises of lesson {title}

Read the lesson first; this sheet is what you hand in. Put your answer in place of the dots and run the cell. The cell
below it tries one example and says what is wrong; what you hand in is marked with more of them. `hint("{first}")`
gives a hint."""
# Prose offers the solution as a last clause ("..., `solution("01.1")` shows ours.") or a sentence.
_CODE_OR_WORDS = r"(?:`[^`]*`|[^.`])*"
_OFFER = re.compile(rf"((?<=[.?!])\s+)?,?\s*(?:and\s+)?`solution\([^`]*`{_CODE_OR_WORDS}(?(1)\.)")
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s:]+)\)")


def student(folder, paths=None):
    """Writes lessons to work in, by default all, to `folder`; returns the paths written.

    Nothing is run yet, so that predictions come first; exercises are back at their stubs, solutions
    are no longer offered, claims are left out; checks and hints stay, and pictures from files come
    along. FileExistsError before anything is overwritten.
    """
    texts, pictures = {}, {}
    for path in lessons.paths_of(paths):
        nb = not_yet_run(without_solutions(lessons.read(path)))
        texts[Path(folder) / path.name] = nbformat.writes(nb) + "\n"
        for name in _PICTURE.findall("".join(cell.source for cell in nb.cells)):
            if file := lessons.picture_beside(path, name):
                pictures[Path(folder) / file.relative_to(path.parent.resolve())] = file
    _write(texts)
    for new, old in pictures.items():
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(old, new)
    return list(texts)


def release(folder, paths=None):
    """Writes an nbgrader course to `folder`: a sheet of exercises for each lesson; returns paths.

    A sheet holds the setup cell and the exercises but not the lesson, so that autograding a class
    does not run the lesson once a student. Points are the exercise's level. FileExistsError before
    a sheet is overwritten.
    """
    folder, texts = Path(folder), {}
    for path in lessons.paths_of(paths):
        if nb := sheet(path):
            texts[folder / "source" / path.stem / path.name] = nbformat.writes(nb) + "\n"
    config = folder / "nbgrader_config.py"
    _write(texts if config.exists() else texts | {config: _CONFIG})
    return list(texts)


def key(folder, paths=None):
    """Writes answers for teachers to `folder`, a page of Markdown a lesson; returns the paths.

    paths: lessons, by default all that have exercises. FileExistsError before a page is overwritten.
    """
    numbers = {ex.name[:2] for ex in all_exercises()}
    if paths:
        numbers &= {path.name[:2] for path in lessons.paths_of(paths)}
    texts = {}
    for lesson in sorted(numbers):
        answers = "\n".join(map(_answer, exercises_of(lesson)))
        texts[Path(folder) / f"{lesson}.md"] = f"# Answers of lesson {lesson}\n\n{answers}"
    _write(texts)
    return list(texts)


def _answer(ex):
    """An exercise for a teacher: task, points, solution, and what mistakes are told."""
    mistakes = "".join(f"- {sentence}\n" for sentence in dict.fromkeys(ex.wrong.values()))
    return (
        f"{ex.task_source}\n\nPoints: {ex.level}. Hint: {ex.hint}\n\n"
        f"```python\n{inspect.getsource(ex.solution).rstrip()}\n```\n\n"
        f"What `check` says of typical mistakes:\n\n{mistakes}"
    )


def sheet(path):
    """The exercises of the lesson at `path` as an nbgrader source notebook; None if it has none."""
    nb = without_solutions(lessons.read(path))
    declared = exercises_of(path.name[:2])
    if not declared:
        return None
    title = "".join(cell.source for cell in nb.cells[:1]).partition("\n")[0].lstrip("# ")
    introduction = new_markdown_cell(_INTRODUCTION.format(title=title, first=declared[0].name))
    cells = [_locked(introduction, "introduction")]
    setups = [cell.source for cell in nb.cells if "setup" in cell.metadata.get("tags", [])]
    if setups:
        cells.append(_locked(new_code_cell(setups[0], metadata={"tags": ["setup"]}), "setup"))
    for ex in declared:
        tags = ["exercise", f"exercise-{ex.name}"]
        answer = new_code_cell(_with_solution(ex), metadata={"tags": tags})
        cells += [
            _locked(new_markdown_cell(_task(ex)), f"task-{ex.name}"),
            _graded(answer, f"answer-{ex.name}", solution=True),
            _locked(new_code_cell(_tests(ex)), f"test-{ex.name}", grade=True, points=ex.level),
        ]
    nb = lessons.normalise(new_notebook(cells=cells))
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.execution_count = None  # it has not been run
    return nb


def without_solutions(nb):
    """The lesson `nb`, changed in place: stubs for answers, no import or offer of `solution`."""
    for cell in nb.cells:
        if name := name_of(cell):
            cell.source, cell.outputs, cell.execution_count = find(name).cell_source, [], None
        elif "setup" in cell.metadata.get("tags", []):
            imports = r"(from minidiff\.course\.exercises import .*?), solution\b"
            cell.source = re.sub(imports, r"\1", cell.source)
        elif cell.cell_type == "markdown":
            cell.source = _OFFER.sub("", cell.source)
    return nb


def not_yet_run(nb):
    """The lesson `nb`, changed in place: no outputs, and none of the claims about them."""
    nb.cells = [cell for cell in nb.cells if "claim" not in cell.metadata.get("tags", [])]
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nb


def name_of(cell):
    """The name of the exercise whose code cell this is, by its tag; None for any other cell."""
    tags = cell.metadata.get("tags", []) if cell.cell_type == "code" else []
    names = [re.fullmatch(r"exercise-(\d\d\.\d+)", tag) for tag in tags]
    return next((name[1] for name in names if name), None)


def exercises_of(lesson):
    """The exercises of a lesson, such as "01", in order."""
    return [ex for ex in all_exercises() if ex.name[:2] == lesson]


def _task(ex):
    """The task, and the code to be mended, for which a sheet's empty stub has no place."""
    return ex.task_source + (f"\n\n```python\n{ex.sick_source}\n```" if ex.sick else "")


def _with_solution(ex):
    """The answer's cell: nbgrader puts its stub in place of what stands between the marks."""
    if ex.is_value:
        head, body = f"{ex.solution.__name__} = (", [f"    {ex.solution()!r}"]
    else:
        head, body = ex.head.rstrip("\n"), _body(ex.solution)
    region = ["    ### BEGIN SOLUTION", *body, "    ### END SOLUTION"]
    return "\n".join([head, *region, *([")"] if ex.is_value else [])])


def _body(function):
    """The lines of a module's function below its signature and docstring, comments included."""
    lines = inspect.getsource(function).rstrip().splitlines()
    signature = next(i for i, line in enumerate(lines) if line.split("#")[0].rstrip()[-1:] == ":")
    body = lines[signature + 1 :]
    if function.__doc__:
        body = body[len(function.__doc__.splitlines()) :]
    return body


def _tests(ex):
    """Visible: one example, or for a value that there is one. Hidden: the whole check."""
    answer = ex.solution.__name__
    one = f'mark = grade("{ex.name}", {answer}, inputs=1)\n'
    all_of_them = f'mark = grade("{ex.name}", {answer})\n'
    correct = f'assert mark.status == "correct", f"{ex.name} {{mark.status}}: {{mark.message}}"\n'
    visible = one + correct
    if ex.is_value:
        visible = f'assert {answer} is not ..., "{ex.name} not attempted"\n'
    hidden = f"### BEGIN HIDDEN TESTS\n{all_of_them}{correct}### END HIDDEN TESTS"
    return f"from minidiff.course.exercises import grade\n\n{visible}{hidden}"


def _locked(cell, grade_id, **flags):
    return _graded(cell, grade_id, locked=True, **flags)


def _graded(cell, grade_id, **flags):
    """`cell` with nbgrader's metadata, schema 3."""
    grade_id = grade_id.replace(".", "-")  # all that the schema allows
    plain = dict(schema_version=3, grade=False, solution=False, locked=False, task=False)
    cell.metadata["nbgrader"] = plain | {"grade_id": grade_id} | flags
    return cell


def _write(texts):
    """Writes {path: text}; nothing at all where one of the files exists."""
    for path in texts:
        if path.exists():
            raise FileExistsError(f"{path} exists already; choose another folder or remove it.")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
