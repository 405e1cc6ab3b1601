"""What a handed-in notebook or script holds: its cells, and which of them answer which exercise.

Notebooks of nbformat 3 to 4.5, as JupyterLab, Colab and VS Code save them; scripts as jupytext's
percent format or nbconvert writes them.
"""

import functools
import logging
import re
import warnings
from collections import Counter
from dataclasses import dataclass, field

import nbformat

from minidiff.course import lessons
from minidiff.course.classroom import exercises_of
from minidiff.course.exercises import all_exercises

MOST_TRIES = 10  # cells that answer one exercise; the last ones count
_CHECK = re.compile(r"^[ \t]*(?:\w+\.)*check\(\s*[\"'](\d\d\.\d+)[\"']", re.MULTILINE)
_EXERCISE = re.compile(r"\bexercise-(\d\d\.\d+)")
_MARK = re.compile(r"^#[ \t]*(?:%%|In[ \t]?\[[\d ]*\]:)(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Work:
    """A hand-in: its lesson, sources of setup cells and of all code cells, and what it answers.

    answers: [(exercise, number of the cell)]. wrong: why it could not be read, and then no more.
    """

    lesson: str = ""
    setups: list = field(default_factory=list)
    cells: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    wrong: str = ""


@dataclass(frozen=True)
class _Cell:
    source: str
    tags: list


def read(text, name):
    """The Work in a file of this text, a notebook unless its name ends in .py. Never raises."""
    try:
        cells = _of_script(text) if name.lower().endswith(".py") else _of_notebook(text)
        return _work(cells, name)
    except Exception as error:  # noqa: BLE001 (a file may be broken in any way)
        return Work(wrong=str(error) or type(error).__name__)


@functools.cache
def stored(lesson):
    """Of the lesson as stored: sources of its setup cells, and of those that answers may need."""
    setups, cells = [], []
    for path in lessons.NOTEBOOKS.glob(f"{lesson}_*.ipynb"):
        for cell in _of_notebook(path.read_text(encoding="utf-8")):
            if "setup" in cell.tags:
                setups.append(cell.source)
            elif not {"claim", "exercise"} & set(cell.tags):
                cells.append(cell.source)
    return setups, cells


def _of_notebook(text):
    with warnings.catch_warnings(action="ignore"):  # ids are missing, metadata are odd: no matter
        logger = logging.getLogger("traitlets")
        disabled, logger.disabled = logger.disabled, True
        try:
            nb = nbformat.reads(text, as_version=4)
        finally:
            logger.disabled = disabled
    return [_cell(cell) for cell in nb.cells if cell.cell_type == "code"]


def _cell(cell):
    tags = cell.get("metadata", {}).get("tags", [])
    source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
    return _Cell(source, [tag for tag in tags if isinstance(tag, str)])


def _of_script(text):
    """The cells between `# %%` (jupytext, VS Code, Spyder) or `# In[1]:` (nbconvert)."""
    parts = _MARK.split(text.replace("\r\n", "\n"))
    heads, bodies = ["", *parts[1::2]], parts[::2]
    cells = []
    for head, body in zip(heads, bodies):
        if not re.search(r"\[(markdown|md|raw)\]", head) and body.strip():
            cells.append(_Cell(body.strip("\n"), re.findall(r"\"([\w.-]+)\"", head)))
    return cells


def _work(cells, name):
    named = [(exercise, at) for at, cell in enumerate(cells) for exercise in _asked_in(cell)]
    sources = [cell.source for cell in cells]
    lesson = _lesson(named, name, sources)
    answers = []
    for ex in exercises_of(lesson):
        found = [at for other, at in named if other == ex.name]
        # An answer may stand in a cell of its own, and a stub beside it. Not so a value: its name
        # may mean something else in an experiment.
        if not (found and ex.is_value):
            found += _defining(ex, sources)
        answers += [(ex.name, at) for at in sorted(set(found))[-MOST_TRIES:]]
    answers.sort(key=lambda answer: answer[1])
    setups = [cell.source for cell in cells if "setup" in cell.tags]
    return Work(lesson, setups, sources, answers)


def _lesson(named, name, sources):
    """The lesson of most exercises that are named, or of the file's name, or of most answers."""
    counts = Counter(exercise[:2] for exercise, _ in named)
    if not counts and exercises_of(name[:2]):
        return name[:2]
    if not counts:
        counts.update(ex.name[:2] for ex in all_exercises() if _defining(ex, sources))
    known = [lesson for lesson, _ in counts.most_common() if exercises_of(lesson)]
    if not known:
        raise ValueError("it holds no exercise of the course")
    return known[0]


def _asked_in(cell):
    """The exercises of a cell, by its tags and, as some editors drop these, by its checks."""
    tagged = [match[1] for tag in cell.tags if (match := _EXERCISE.fullmatch(tag))]
    return dict.fromkeys([*tagged, *_CHECK.findall(cell.source)])


def _defining(ex, sources):
    """Numbers of the cells, none of the lesson's own, that define what the answer is called."""
    own, name = set(stored(ex.name[:2])[1]), re.escape(ex.solution.__name__)
    look = re.compile(rf"^{name} *=[^=]" if ex.is_value else rf"^def {name} *\(", re.MULTILINE)
    return [at for at, source in enumerate(sources) if source not in own and look.search(source)]


def text_of(content):
    """A file's bytes as text: UTF-8, with a signature or none, or UTF-16 with one."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")
