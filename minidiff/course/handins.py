"""What students handed in, in files, folders and ZIP files, and whose it is.

Knows the names that Moodle, Canvas, Blackboard and nbgrader give. A ZIP file is never unpacked to disk.
"""

import functools
import io
import os
import re
import stat
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from minidiff.course.lessons import NOTEBOOKS
from minidiff.course.work import text_of

LARGEST_FILE, MOST_FILES, LARGEST_ZIP = 2**26, 10_000, 2**31  # bytes, files, bytes when unpacked
READ = {".ipynb", ".py"}
# What a path leads to may have changed since it was looked at.
_AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# Copies of editors, and what systems and course platforms add of their own.
_TEACHERS = {".csv", ".md", ".html", ".xlsx"}  # lists and marks beside the students' folders
_NOBODYS = re.compile(r"\.ipynb_checkpoints|__MACOSX|__pycache__|\..*|Thumbs\.db|desktop\.ini")
_PLATFORMS = [
    re.compile(r"(?P<student>.+?)_(?P<id>\d+)_assignsubmission_\w+?(?:_(?P<rest>.*))?"),  # Moodle
    re.compile(r".+_(?P<student>[^_]+)_attempt_[\d-]+(?:_(?P<rest>.*))?"),  # Blackboard
    re.compile(r"(?P<student>[^_\d]+)(?:_LATE)?_(?P<id>\d+)_\d+_(?P<rest>.+)"),  # Canvas
]
NO_WORK, TOO_DEEP = "no notebook, script or ZIP file", "a ZIP file in a ZIP file in another one"
_JUNK = re.compile(r"^copy of |[ _-]*copy[ _-]*\d*$| *\(\d+\)$|^[ _-]*\d{1,2}$", re.IGNORECASE)
_AGAIN = re.compile(r"[ _-]\(?(\d+)\)?$")


@dataclass(frozen=True)
class HandIn:
    """A file: the student's name, and number where a platform gives one, its own name and time.

    text: what it holds. wrong: why that could not be read.
    """

    student: str
    number: str
    name: str
    when: tuple
    text: str = ""
    wrong: str = ""


def found(paths):
    """The HandIns in files, folders and ZIP files, each file once. FileNotFoundError for none."""
    seen = set()
    for path in map(Path, paths):
        if not os.path.lexists(path):
            raise FileNotFoundError(f"No notebook at {path}.")
        files = list(_in_folder(path)) if path.is_dir() else [_of(path)]
        if not files:
            raise FileNotFoundError(f"No notebook at {path}.")
        files = [file for file in files if file.where not in seen]
        seen |= {file.where for file in files}
        yield from _named(_opened(files), path.absolute().parts)


@dataclass(frozen=True)
class _File:
    """A file as it was found: where, its parts of the path below what was named, time, bytes."""

    where: str
    parts: tuple
    time: float
    content: bytes = b""
    wrong: str = ""


def _in_folder(folder):
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(_NOBODYS.fullmatch(part) for part in parts):
            continue
        if len(parts) == 1 and path.suffix.lower() in _TEACHERS:
            continue
        if not path.is_dir() or path.is_symlink() or path.suffix.lower() in READ:
            yield _of(path, parts)


def _of(path, parts=None):
    """A file. A link, whose target may be anybody's, a pipe or a folder is not opened."""
    where, parts = os.path.abspath(path), parts or (path.name,)
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode):
            wrong = "no file of its own, but a link, a folder or something else"
            return _File(where, parts, about.st_mtime, wrong=wrong)
        most = LARGEST_ZIP if path.suffix.lower() == ".zip" else LARGEST_FILE
        with open(os.open(path, os.O_RDONLY | _AS_IT_IS), "rb") as file:
            return _checked(where, parts, about.st_mtime, file.read(most + 1), most)
    except OSError as error:
        return _File(where, parts, 0, wrong=error.strerror or str(error))


def _checked(where, parts, time, content, most):
    if len(content) > most:
        return _File(where, parts, time, wrong=f"larger than {most >> 20} MiB: clear its outputs")
    return _File(where, parts, time, content)


def _opened(files, inside=False):
    """The files, and those in ZIP files among them, in ZIP files of these, but no deeper."""
    for file in files:
        if file.wrong or not file.parts[-1].lower().endswith(".zip"):
            yield file
            continue
        try:
            members = list(_members(file))
        except Exception as error:  # noqa: BLE001 (a file may be broken in any way)
            reason = str(error) or type(error).__name__
            yield _File(file.where, file.parts, file.time, wrong=f"no ZIP file to open: {reason}")
            continue
        if not members:
            yield _File(file.where, file.parts, file.time, wrong="an empty ZIP file")
        yield from members if inside else _opened(members, inside=True)


def _members(file):
    """What a ZIP file holds. Sizes are those that are read, whatever it says about itself."""
    archive, left = zipfile.ZipFile(io.BytesIO(file.content)), LARGEST_ZIP
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MOST_FILES:
        raise ValueError(f"it holds more than {MOST_FILES} files")
    above = (*file.parts[:-1], file.parts[-1][: -len(".zip")])
    for info in infos:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if any(_NOBODYS.fullmatch(part) for part in path.parts if part != ".."):
            continue
        inside = [part for part in path.parts if part not in ("..", "/")]
        where, parts = f"{file.where}/{info.filename}", (*above, *inside)
        time = _time(info)
        try:
            if ".." in path.parts or path.is_absolute() or re.match("[A-Za-z]:", info.filename):
                raise ValueError("its name leads out of the ZIP file")
            if stat.S_ISLNK(info.external_attr >> 16):
                raise ValueError("no file of its own, but a link, a folder or something else")
            if path.suffix.lower() not in READ | {".zip"}:
                yield _File(where, parts, time)
                continue
            if left <= 0:
                raise ValueError(f"the ZIP file unpacks to more than {LARGEST_ZIP >> 20} MiB")
            with archive.open(info) as member:
                content = member.read(LARGEST_FILE + 1)
            left -= len(content)
            yield _checked(where, parts, time, content, LARGEST_FILE)
        except Exception as error:  # noqa: BLE001 (encrypted, a method not known, damaged)
            yield _File(where, parts, time, wrong=str(error) or type(error).__name__)


def _time(info):
    try:
        return datetime(*info.date_time).timestamp()
    except (ValueError, OverflowError):
        return 0


def _named(files, above):
    """HandIns of files below what was named, a path of the parts `above`."""
    files = list(files)
    shared = len(os.path.commonprefix([file.parts[:-1] for file in files]))
    people = [_who([*file.parts[shared:-1], file.parts[-1]]) for file in files]
    for i, file in enumerate(files):
        if not people[i][0]:  # one student's folder
            people[i] = _who([*reversed([*above[1:-1], *_stems(above[-1:]), *file.parts[:shared]])])
    namesakes = Counter(name for name, _ in set(people) if name)
    made = []
    for file, (name, number) in zip(files, people):
        stem = Path(file.parts[-1]).stem
        student = f"{name} ({number})" if namesakes[name] > 1 and number else name or stem
        again = _AGAIN.search(stem)
        when = (file.time, int(again[1][:9]) if again else 0)
        text, wrong = _text(file)
        made.append(HandIn(student, number, "/".join(file.parts), when, text, wrong))
    ready = {one.student for one in made if one.wrong != NO_WORK}
    return [one for one in made if one.wrong != NO_WORK or one.student not in ready]


def _text(file):
    """(what a file holds, what is wrong with it), one of the two."""
    suffix = Path(file.parts[-1]).suffix.lower()
    if not file.wrong and suffix not in READ:
        return "", TOO_DEEP if suffix == ".zip" else NO_WORK
    try:
        return ("", file.wrong) if file.wrong else (text_of(file.content), "")
    except UnicodeError as error:
        return "", str(error)


def _who(parts):
    """(student, number) by the name of a platform, or the first part that is not a lesson's name."""
    for part in parts:
        for pattern in _PLATFORMS:
            if match := pattern.fullmatch(part):
                return match["student"].strip(), match.groupdict().get("id") or ""
    named = (_JUNK.sub("", _lessons().sub("", stem)).strip(" _-") for stem in _stems(parts))
    return next(filter(None, named), ""), ""


def _stems(parts):
    return [re.sub(r"\.(ipynb|py|zip)$", "", part, flags=re.IGNORECASE) for part in parts]


@functools.cache
def _lessons():
    """Matches lessons' names: those that are known, and any that fills a whole name."""
    known = sorted((path.stem for path in NOTEBOOKS.glob("*.ipynb")), key=len, reverse=True)
    known = [rf"(?<![^_ -]){re.escape(stem)}(?![a-z])" for stem in known]
    return re.compile("|".join([*known, r"^\d\d[_ -][a-z_]*$", r"^\d\d$"]), re.IGNORECASE)
