"""Marks handed-in notebooks without nbgrader and tables what was wrong.

Only the setup cell and the exercises' cells are run, in the notebook's order; see `contained`.
"""

import csv
import functools
import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import nbformat
from tqdm.auto import tqdm

from minidiff.course import lessons
from minidiff.course.classroom import exercises_of, name_of
from minidiff.course.exercises import CORRECT, NOT_ATTEMPTED
from minidiff.course.runner import LARGEST_FILE, LONGEST_TEXT, verdicts
from minidiff.files import atomic_write

UNREADABLE = "unreadable"


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

    A student is called as the notebook is, by its path without the folders that all share.
    jobs: notebooks at a time, by default one a processor. FileNotFoundError where there is none.
    """
    files = list(_found(paths))
    common = os.path.commonpath([file.absolute().parent for file in files])
    students = [file.absolute().relative_to(common).with_suffix("").as_posix() for file in files]
    pool = ThreadPoolExecutor(jobs or os.cpu_count())
    try:
        yield from tqdm(pool.map(mark, files, students), "marking", len(files), disable=None)
    finally:
        pool.shutdown(cancel_futures=True)


def mark(path, student):
    """The Marks of one notebook: one for each exercise of its lesson, or one that says why not."""
    try:
        lesson, cells = _read(Path(path))
    except Exception as error:  # noqa: BLE001 (a file may be broken in any way)
        return [Mark(student, "", 0, 0, UNREADABLE, _plain(str(error) or type(error).__name__))]
    names = ["", *(name for name, _ in cells)]
    found = dict(zip(names, verdicts([_setup_of(lesson), *cells])))
    marks = []
    for ex in exercises_of(lesson):
        status, remark = found.get(ex.name, (NOT_ATTEMPTED, "its cell is not in the notebook"))
        points = ex.level if status == CORRECT else 0
        marks.append(Mark(student, ex.name, points, ex.level, status, _plain(remark)))
    return marks


def write_csv(marks, path):
    """Writes Marks as a table that spreadsheets open as it is: UTF-8 with its signature."""
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", encoding="utf-8-sig", newline="") as file,
    ):
        table = csv.DictWriter(file, [column.name for column in fields(Mark)])
        table.writeheader()
        for mark in marks:
            # A cell that starts like a formula would be run as one.
            student = re.sub(r"^(?=[=+@-])", "'", _plain(mark.student))
            table.writerow(asdict(mark) | {"student": student})


def _found(paths):
    """The notebooks among paths and in folders, without the copies that editors keep."""
    for path in map(Path, paths):
        inside = sorted(p for p in path.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
        notebooks = [p for p in inside if p.is_file()] if path.is_dir() else [path]
        if not notebooks or not notebooks[0].is_file():
            raise FileNotFoundError(f"No notebook at {path}.")
        yield from notebooks


def _read(path):
    """A notebook's lesson, and its cells to run: [(exercise, source)], "" for the setup cell."""
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"larger than {LARGEST_FILE >> 20} MiB: clear its outputs")
    nb = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
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
