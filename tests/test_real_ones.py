"""Lesson 18: what it says of the library is so, and without diffusers it says what to install."""

import ast
import contextlib
import io
import re
import sys
from pathlib import Path

import nbformat
import pytest

import minidiff
from minidiff.course import lessons

CELLS = nbformat.read(lessons.NOTEBOOKS / "18_the_real_ones.ipynb", as_version=4).cells
PROSE = "\n".join(cell.source for cell in CELLS if cell.cell_type == "markdown")
# `nets/unet.py`: `UNet`, `Stage` ...
PLACES = re.findall(r"`([a-z_]+(?:/[a-z_]+)?\.py)`: (`\w+`(?:, `\w+`)*)", PROSE)


@pytest.mark.parametrize("file, names", sorted(set(PLACES)))
def test_the_parts_are_where_the_lesson_says(file, names):
    tree = ast.parse((Path(minidiff.__file__).parent / file).read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if hasattr(node, "name")}
    defined |= {name.id for node in tree.body for name in getattr(node, "targets", [])}
    assert set(re.findall(r"\w+", names)) <= defined


def test_every_product_has_its_page_drawing_and_source():
    """A heading, a table and, in the next cell, a drawing; the sources are listed at the end."""
    assert len(PLACES) > 25
    pages = [i for i, cell in enumerate(CELLS) if re.search(r"^### ", cell.source, re.M)]
    pages = [i for i in pages if "| part |" in CELLS[i].source or "| knob" in CELLS[i].source]
    assert len(pages) == 7
    assert all("diagrams.parts(" in CELLS[i + 1].source for i in pages)
    told, listed = PROSE.split("## Papers and sources")
    numbers = set(re.findall(r"\b\d{4}\.\d{5}\b", told))
    assert numbers and numbers <= set(re.findall(r"\b\d{4}\.\d{5}\b", listed))


def test_without_diffusers_the_setup_cell_says_what_to_install(monkeypatch):
    [setup] = [cell.source for cell in CELLS if "setup" in cell.metadata.get("tags", [])]
    monkeypatch.setitem(sys.modules, "diffusers", None)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(setup, {})  # noqa: S102
    assert out.getvalue().count("\n") == 1 and 'install -e ".[diffusers]"' in out.getvalue()
