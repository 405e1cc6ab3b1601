"""Marks handed-in work without nbgrader and tables what was wrong.

What answers a learner got is what answers get here: their cells are run, with what they need of other
cells, see `runner`. What they give is judged here, where no cell has run.
"""

import csv
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from tqdm.auto import tqdm

from minidiff.course import handins, work
from minidiff.course.classroom import exercises_of
from minidiff.course.exercises import CORRECT, NOT_ATTEMPTED, NOT_YET, judge
from minidiff.course.runner import WROTE, Outcome, outcomes
from minidiff.files import atomic_write

NOT_RUN, UNREADABLE, EARLIER = "not run", "unreadable", "earlier"
LONGEST_TEXT = 250  # characters
_RANK = [NOT_ATTEMPTED, NOT_RUN, NOT_YET, CORRECT]  # of several answers the best one counts


@dataclass(frozen=True)
class Mark:
    """A row of the table: what a student gets for an exercise, of how many points, and why.

    flag: what a teacher should look at, such as an answer that only calls the library's own.
    """

    student: str
    exercise: str
    points: int
    of: int
    status: str
    remark: str
    flag: str = ""


def mark_all(paths, jobs=None, called=lambda hand_in: hand_in.student):
    """Marks files, and those in folders and ZIP files; yields each one's list of Marks.

    Students are in the order of their names, and of several attempts at a lesson the latest counts.
    All are read before the first is run, so that none can change another.
    jobs: at a time, by default one a processor. called: a student's name, of a HandIn.
    FileNotFoundError where there is nothing.
    """
    read = [(called(one), one, _read(one)) for one in handins.found(paths)]
    read.sort(key=lambda entry: (entry[0].casefold(), entry[2].lesson, entry[1].when))
    latest = {(student, work.lesson): one for student, one, work in read if not work.wrong}
    pool = ThreadPoolExecutor(jobs or os.cpu_count())
    try:
        todo = [
            None if latest.get((student, work.lesson), one) is not one else work
            for student, one, work in read
        ]
        ran = tqdm(pool.map(_run, todo), "marking", len(todo), disable=None)
        for (student, one, work), outcomes in zip(read, ran):
            if outcomes is None:
                newer = _plain(f"{one.name}: {latest[student, work.lesson].name} is later")
                yield [Mark(student, "", 0, 0, EARLIER, newer)]
            else:
                yield _marks(student, one.name, work, outcomes)
    finally:
        pool.shutdown(cancel_futures=True)


def mark(path, student):
    """The Marks of one file: one for each exercise of its lesson, or one that says why not."""
    [one] = handins.found([path])
    read = _read(one)
    return _marks(student, one.name, read, _run(read))


def write_csv(rows, path, kind=Mark):
    """Writes rows of a dataclass as a table that spreadsheets open: UTF-8 with its signature."""
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", encoding="utf-8-sig", newline="") as file,
    ):
        table = csv.writer(file)
        table.writerow(column.name for column in fields(kind))
        for row in rows:
            table.writerow(_cell(value) for value in astuple(row))


def _read(hand_in):
    if hand_in.wrong:
        return work.Work(wrong=hand_in.wrong)
    return work.read(hand_in.text, Path(hand_in.name).name)


def _run(read):
    """{exercise: [Outcome of each of its answers]}, run in processes of their own; None of None."""
    if read is None or read.wrong:
        return read and {}
    setups, lesson = work.stored(read.lesson)
    try:
        ran = outcomes([*setups, *read.setups], read.answers, read.cells, lesson)
    except (RuntimeError, OSError) as error:  # it cannot be started, or no longer
        ran = [Outcome(not_run=str(error))] * len(read.answers)
    by_exercise = {}
    for (exercise, _), outcome in zip(read.answers, ran):
        by_exercise.setdefault(exercise, []).append(outcome)
    return by_exercise


def _marks(student, name, read, outcomes):
    if read.wrong:
        return [Mark(student, "", 0, 0, UNREADABLE, _plain(f"{name}: {read.wrong}"))]
    marks = []
    for ex in exercises_of(read.lesson):
        tries = [_verdict(ex, outcome) for outcome in outcomes.get(ex.name, [])]
        none = (NOT_ATTEMPTED, "its cell is not in the notebook", "")
        status, remark, flag = max(reversed(tries), key=lambda t: _RANK.index(t[0]), default=none)
        points = ex.level if status == CORRECT else 0
        marks.append(Mark(student, ex.name, points, ex.level, status, *map(_plain, (remark, flag))))
    return marks


def _verdict(ex, outcome):
    """Status, remark and flag: of what came from elsewhere, only outputs and texts count."""
    if outcome.not_run:
        return NOT_RUN, outcome.not_run, ""
    if outcome.error:
        return NOT_YET, f"its cell raised {outcome.error}", ""
    if outcome.outputs is None:
        return NOT_ATTEMPTED, f"its cell does not define `{ex.solution.__name__}`", ""
    try:
        result = judge(ex.name, outcome.outputs)
    except ValueError:
        return NOT_RUN, WROTE, ""
    flag = f"only calls {outcome.calls}" if outcome.calls else ""
    return result.status, result.message, flag


def _plain(text):
    """`text` on one line, with nothing that cannot be printed, and not too long."""
    line = "".join(char if char.isprintable() else " " for char in text[:LONGEST_TEXT])
    return " ".join(line.split())


def _cell(value):
    """A cell of the table: a text that starts like a formula would be run as one."""
    return re.sub(r"^(?=[=+@＝＋＠－-])", "'", _plain(value)) if isinstance(value, str) else value
