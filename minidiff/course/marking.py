"""Marks handed-in notebooks without nbgrader and tables what was wrong.

Only the setup cell and the exercises' cells are run, in the notebook's order; see `runner`. What
answers give is judged here, where no cell has run.
"""

import csv
import functools
import os
import re
import stat
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

import nbformat
from tqdm.auto import tqdm

from minidiff.course import lessons
from minidiff.course.classroom import exercises_of, name_of
from minidiff.course.exercises import CORRECT, NOT_ATTEMPTED, NOT_YET, judge
from minidiff.course.runner import WROTE, Outcome, outcomes
from minidiff.files import atomic_write

NOT_RUN, UNREADABLE = "not run", "unreadable"
LARGEST_FILE, LONGEST_TEXT = 2**26, 250  # bytes, characters
# What a path leads to may have changed since it was looked at.
_AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Mark:
    """A row of the table: what a student gets for an exercise, of how many points, and why."""

    student: str
    exercise: str
    points: int
    of: int
    status: str
    remark: str


def mark_all(paths, jobs=None):
    """Marks notebooks, and those in folders; yields each one's list of Marks, in order.

    A student is called as the notebook is, by its path without the folders that all share. All are
    read before the first is run, so that none can change another.
    jobs: notebooks at a time, by default one a processor. FileNotFoundError where there is none.
    """
    files = list(_found(paths))
    common = os.path.commonpath([file.absolute().parent for file in files])
    students = [file.absolute().relative_to(common).with_suffix("").as_posix() for file in files]
    read = [_read(file) for file in files]
    pool = ThreadPoolExecutor(jobs or os.cpu_count())
    try:
        ran = tqdm(pool.map(_run, read), "marking", len(files), disable=None)
        for student, notebook, outcomes in zip(students, read, ran):
            yield _marks(student, notebook, outcomes)
    finally:
        pool.shutdown(cancel_futures=True)


def mark(path, student):
    """The Marks of one notebook: one for each exercise of its lesson, or one that says why not."""
    notebook = _read(Path(path))
    return _marks(student, notebook, _run(notebook))


def write_csv(marks, path):
    """Writes Marks as a table that spreadsheets open as it is: UTF-8 with its signature."""
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", encoding="utf-8-sig", newline="") as file,
    ):
        table = csv.writer(file)
        table.writerow(column.name for column in fields(Mark))
        for mark in marks:
            table.writerow(_cell(value) for value in astuple(mark))


@dataclass(frozen=True)
class _Notebook:
    """A lesson's number and [(exercise, source)], "" for the setup cell; or what is wrong."""

    lesson: str = ""
    cells: list = field(default_factory=list)
    wrong: str = ""


def _run(notebook):
    """Outcomes of a notebook's cells by exercise, in processes of their own."""
    if notebook.wrong:
        return {}
    cells = [_setup_of(notebook.lesson), *notebook.cells]
    try:
        ran = outcomes(cells)
    except (RuntimeError, OSError) as error:  # it cannot be started, or no longer
        ran = [Outcome(not_run=str(error))] * len(cells)
    return {name: outcome for (name, _), outcome in zip(cells, ran)}


def _marks(student, notebook, outcomes):
    if notebook.wrong:
        return [Mark(student, "", 0, 0, UNREADABLE, _plain(notebook.wrong))]
    marks = []
    for ex in exercises_of(notebook.lesson):
        status, remark = _verdict(ex, outcomes.get(ex.name))
        points = ex.level if status == CORRECT else 0
        marks.append(Mark(student, ex.name, points, ex.level, status, _plain(remark)))
    return marks


def _verdict(ex, outcome):
    """Status and remark: of what came from elsewhere, only outputs and texts count."""
    if outcome is None:
        return NOT_ATTEMPTED, "its cell is not in the notebook"
    if outcome.not_run:
        return NOT_RUN, outcome.not_run
    if outcome.error:
        return NOT_YET, f"its cell raised {outcome.error}"
    if outcome.outputs is None:
        return NOT_ATTEMPTED, f"its cell does not define `{ex.solution.__name__}`"
    try:
        result = judge(ex.name, outcome.outputs)
    except ValueError:
        return NOT_RUN, WROTE
    return result.status, result.message


def _found(paths):
    """What is called a notebook among paths and in folders, without the copies that editors keep."""
    for path in map(Path, paths):
        inside = sorted(p for p in path.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
        notebooks = inside if path.is_dir() else [path]
        if not notebooks or not os.path.lexists(notebooks[0]):
            raise FileNotFoundError(f"No notebook at {path}.")
        yield from notebooks


def _read(path):
    """A _Notebook; its setup cell and its exercises' cells are all that is kept."""
    try:
        return _Notebook(*_cells_of(path, nbformat.reads(_text(path), as_version=4)))
    except Exception as error:  # noqa: BLE001 (a file may be broken in any way)
        return _Notebook(wrong=str(error) or type(error).__name__)


def _text(path):
    """A file's text. A link, whose target may be anybody's, a pipe or a folder is a ValueError."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError("no file of its own, but a link, a folder or something else")
    with open(os.open(path, os.O_RDONLY | _AS_IT_IS), "rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"larger than {LARGEST_FILE >> 20} MiB: clear its outputs")
    return content.decode("utf-8")


def _cells_of(path, nb):
    """A notebook's lesson, and its cells to run: [(exercise, source)], "" for the setup cell."""
    sources = {}
    for cell in nb.cells:
        if cell.cell_type == "code" and (name := _called(cell)) is not None:
            # An answer may have been split in two: both halves keep the tag.
            sources[name] = f"{sources[name]}\n\n{cell.source}" if name in sources else cell.source
    counts = Counter(name[:2] for name in sources if name)
    lesson = counts.most_common(1)[0][0] if counts else path.name[:2]
    known = {"", *(ex.name for ex in exercises_of(lesson))}
    if known == {""}:
        raise ValueError("it holds no exercise of the course")
    return lesson, [(name, source) for name, source in sources.items() if name in known]


def _called(cell):
    """The exercise of a code cell, "" for the setup cell, None for any other."""
    if "setup" in cell.metadata.get("tags", []):
        return ""
    # Some editors drop tags; then the call of `check` tells.
    check = re.search(r"^check\(\s*[\"'](\d\d\.\d+)", cell.source, re.MULTILINE)
    return name_of(cell) or (check[1] if check else None)


@functools.cache
def _setup_of(lesson):
    """The lesson's own setup cell, which runs first: a student's may be damaged or gone."""
    for path in lessons.NOTEBOOKS.glob(f"{lesson}_*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if "setup" in cell.metadata.get("tags", []):
                return "", cell.source
    return "", ""


def _plain(text):
    """`text` on one line, with nothing that cannot be printed, and not too long."""
    line = "".join(char if char.isprintable() else " " for char in text[:LONGEST_TEXT])
    return " ".join(line.split())


def _cell(value):
    """A cell of the table: a text that starts like a formula would be run as one."""
    return re.sub(r"^(?=[=+@＝＋＠－-])", "'", _plain(value)) if isinstance(value, str) else value
