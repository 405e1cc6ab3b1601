"""A class and its marks: who is on the list, a line of totals and a page of feedback a student."""

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from minidiff.course.classroom import exercises_of
from minidiff.course.exercises import CORRECT, find
from minidiff.course.marking import EARLIER, NOT_ATTEMPTED, UNREADABLE
from minidiff.course.work import text_of
from minidiff.errors import UserError, shown
from minidiff.files import atomic_write

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # on Windows


@dataclass(frozen=True)
class Total:
    """A student's line: hand-ins that counted, points and of how many, those of each level, remarks."""

    student: str
    lessons: int
    points: int
    of: int
    level_1: int
    level_2: int
    level_3: int
    flags: int
    remark: str


class Roster:
    """The students of a class, from a CSV file with a heading, such as course platforms export.

    A student is called by the column "student", "name" or "full name", by "first name" and "surname"
    or "last name", else by the first one. A hand-in belongs to who has its name, in any order of its
    words, or its number in any column. UserError for a file that is no such list.
    """

    def __init__(self, path):
        self.students, self._called = [], {}
        heading, *rows = _table(path) or [[]]
        columns = _naming([cell.casefold() for cell in heading])
        rows = [row for row in rows if any(row) and row[0].casefold() != "points possible"]
        names = [" ".join(filter(None, (row[i] for i in columns if i < len(row)))) for row in rows]
        for row, name in zip(rows, names):
            others = [cell for i, cell in enumerate(row) if cell and i not in columns]
            called = f"{name} ({others[0]})" if names.count(name) > 1 and others else name
            if not called or called in self.students:
                raise UserError(f"{shown(path)} has the student {called!r} twice, or no name")
            self.students.append(called)
            for key in [*_keys(called), *_keys(name), *others, *map(_participant, others)]:
                self._called.setdefault(_plain_letters(key), set()).add(called)
        if not self.students:
            raise UserError(f"{shown(path)} lists no student below its heading")

    def student(self, hand_in):
        """What the student of a HandIn is called here; the name as it came where nobody is meant."""
        for key in (hand_in.number, hand_in.student, *_keys(hand_in.student)):
            found = self._called.get(_plain_letters(key), ())
            if key and len(found) == 1:
                return next(iter(found))
        return hand_in.student


def _table(path):
    """The cells of a CSV file, by rows, whatever of `,`, `;` and tabs stands between them."""
    try:
        text = text_of(Path(path).read_bytes())
        first = text.partition("\n")[0]
        rows = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
        return [[cell.strip() for cell in row] for row in rows]
    except (UnicodeError, csv.Error):
        raise UserError(f"{shown(path)} is no table of text: save it as CSV") from None


def _naming(heading):
    """Numbers of the columns that hold a student's name."""
    for names in (("student",), ("full name",), ("name",)):
        if names[0] in heading:
            return [heading.index(names[0])]
    first = [i for i, name in enumerate(heading) if name == "first name"]
    last = [i for i, name in enumerate(heading) if name in ("surname", "last name")]
    return first + last or [0]


def totals(marks, students=()):
    """A Total for each of `students`, then for each other name among the Marks.

    Points are of all exercises of the lessons that anybody handed in.
    """
    lessons = sorted({mark.exercise[:2] for mark in marks if mark.exercise})
    of = sum(ex.level for lesson in lessons for ex in exercises_of(lesson))
    names = dict.fromkeys([*students, *(mark.student for mark in marks)])
    rows = {name: [mark for mark in marks if mark.student == name] for name in names}
    return [_total(name, rows[name], of, not students or name in students) for name in names]


def _total(name, marks, of, listed):
    levels = [0, 0, 0]
    for mark in marks:
        if mark.points:
            levels[find(mark.exercise).level - 1] += mark.points
    handed_in = {mark.exercise[:2] for mark in marks if mark.exercise}
    remarks = [] if listed else ["not on the roster"]
    remarks += [f"unreadable: {mark.remark}" for mark in marks if mark.status == UNREADABLE]
    if not marks:
        remarks.append("handed in nothing")
    flags = sum(bool(mark.flag) for mark in marks)
    return Total(name, len(handed_in), sum(levels), of, *levels, flags, "; ".join(remarks))


def write_feedback(marks, folder, students=()):
    """Writes a page of Markdown a student to `folder`, over an earlier one; returns the paths."""
    folder, paths = Path(folder), {}
    folder.mkdir(parents=True, exist_ok=True)
    for total in totals(marks, students):
        name = stem = _file_name(total.student)
        count = 2
        while f"{name}.md".casefold() in paths:
            name, count = f"{stem}-{count}", count + 1
        path = folder / f"{name}.md"
        paths[path.name.casefold()] = path
        page = _page(total, [mark for mark in marks if mark.student == total.student])
        with atomic_write(path) as temporary:
            temporary.write_text(page, encoding="utf-8", newline="\n")
    return list(paths.values())


def _page(total, marks):
    lines = [f"# {_escaped(total.student)}: {total.points} of {total.of} points", ""]
    lines += [f"{_escaped(total.remark)}.", ""] if total.remark else []
    lesson = None
    for mark in marks:
        if not mark.exercise:
            if mark.status == EARLIER:
                lines += ["", f"Not counted: {_escaped(mark.remark)}."]
            continue
        if mark.exercise[:2] != lesson:
            lesson = mark.exercise[:2]
            lines += ["", f"## Lesson {lesson}", ""]
        said = f": {_escaped(mark.remark.rstrip('.'))}" if mark.remark else ""
        lines.append(
            f"- **{mark.exercise}** {mark.points} of {mark.of}, {_escaped(mark.status)}{said}."
        )
        if mark.status not in (CORRECT, NOT_ATTEMPTED):
            lines.append(f"  Hint: {find(mark.exercise).hint}")
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _escaped(text):
    """A text that Markdown shows as it is: what students write must not become a page."""
    return re.sub(r"([\\`*_\[\]<>#|$&~!])", r"\\\1", text)


def _file_name(student):
    """A name that is a file's on any system, with nothing of a path."""
    name = re.sub(r"[^\w .@+-]", "_", student)[:80].strip(" .")
    return f"_{name}" if not name or _RESERVED.fullmatch(name) else name


def _keys(name):
    """A name's words in any order and run together: platforms put last names first, without blanks."""
    words = re.findall(r"[^\W_]+", name)
    return ["".join([*words[i:], *words[:i]]) for i in range(len(words))]


def _participant(cell):
    """The number in Moodle's "Participant 12345"."""
    match = re.fullmatch(r"\D+ (\d+)", cell)
    return match[1] if match else ""


def _plain_letters(text):
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
