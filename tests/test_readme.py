"""The README: its pictures are what its commands make, its table is of the lessons there are."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minidiff.cli import main
from minidiff.cli.arguments import parse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands():
    """Every indented command of `minidiff`, its continued lines joined."""
    text = README.replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^    (minidiff .*)$", text, re.MULTILINE)]


def shown():
    """The commands that make a picture which the README shows."""
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    found = [words for words in commands() if "-o" in words]
    made = {words[words.index("-o") + 1]: words for words in found}
    return [(picture, made[picture]) for picture in pictures]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_one_that_minidiff_takes(words):
    parse([word.split("#")[0] for word in words[1:]])


@pytest.mark.parametrize("picture, words", shown(), ids=lambda value: str(value)[:30])
def test_a_picture_is_what_its_command_makes(picture, words, tmp_path):
    new = tmp_path / "new.png"
    assert main([*words[1 : words.index("-o")], "-o", str(new)]) == 0
    before, after = (
        np.asarray(Image.open(path).convert("RGB"), float) for path in (ROOT / picture, new)
    )
    assert before.shape == after.shape
    assert abs(before - after).mean() < 1  # of 255: processors round differently


def test_the_first_picture_is_shown_and_described():
    assert shown() and all(len(alt) > 40 for alt in re.findall(r"!\[([^\]]+)\]", README))


def test_the_table_links_every_lesson_and_says_how_long_it_runs():
    rows = re.findall(r"^\| \[(\d\d) [^\]]+\]\((notebooks/[^)]+)\) \|.*\| \d+ s \|$", README, re.M)
    lessons = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    assert [Path(path).name for _, path in rows] == lessons
    assert all(Path(path).name.startswith(number) for number, path in rows)
