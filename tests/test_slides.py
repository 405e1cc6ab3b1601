"""Slides of lessons: what stands on them, and that each picture is there once."""

import re

import pytest
from bs4 import BeautifulSoup

from minidiff import cli
from minidiff.course import lessons, slides
from minidiff.course.lint import alt_of

PATHS = sorted(lessons.NOTEBOOKS.glob("*.ipynb"))


def pictures(nb):
    return [
        out.data["image/png"]
        for cell in nb.cells
        for out in cell.get("outputs", [])
        if "image/png" in out.get("data", {})
    ]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_slides_hold_headings_predictions_and_every_picture(path):
    nb = lessons.read(path)
    made = slides.slides(nb)
    prose = "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    shown = [cell for cell in made.cells if cell.cell_type == "markdown"]
    begun = [c for c in made.cells if c.metadata.slideshow.slide_type == "slide"]
    assert made.cells[0] is begun[0] and pictures(made) == pictures(nb) != []
    assert len(begun) == len(re.findall(r"^##? ", prose, re.MULTILINE))
    assert sum("**Predict" in cell.source for cell in shown) >= 1
    assert all(not cell.source for cell in made.cells if cell.cell_type == "code")
    assert all(len(cell.source.split()) < 200 for cell in shown)


def test_the_command_writes_a_page_that_shows_no_code(tmp_path, capsys):
    assert cli.main(["lessons", "slides", str(tmp_path / "out"), str(PATHS[1])]) == 0
    [line] = capsys.readouterr().out.splitlines()
    page = (tmp_path / "out" / f"{PATHS[1].stem}.slides.html").read_text(encoding="utf-8")
    assert line.endswith(".slides.html") and "max-height" in page.partition("</head>")[0]
    images = BeautifulSoup(page, "html.parser").select("img")
    outs = [out for cell in lessons.read(PATHS[1]).cells for out in cell.get("outputs", [])]
    assert [image["alt"] for image in images] == [alt for alt in map(alt_of, outs) if alt]
    assert len(images) == len(pictures(lessons.read(PATHS[1])))
    assert "from minidiff" not in page
