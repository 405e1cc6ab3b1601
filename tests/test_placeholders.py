"""Placeholders in bulk: tables, exact sizes, files that make themselves again, runs that go on."""

import csv
import json

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from minidiff import cli
from minidiff.cli import placeholders

TABLE = """prompt,width,height,seed,name
a red fox in snow,150,100,7,hero
a blue bus,,,,
a red fox in snow,,,,
a <b> star,32,48,,
"""


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A working folder with the table prompts.csv."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.csv").write_text(TABLE.replace("<b> ", ""), encoding="utf-8")
    return tmp_path


def run(*words):
    return cli.main(["placeholders", "prompts.csv", *words])


def pictures(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_each_row_becomes_a_picture_of_its_size(table):
    assert run("-o", "out") == 0
    sizes = {path.name: Image.open(path).size for path in (table / "out").glob("*.png")}
    own = (64, 64)
    assert sizes == {"hero.png": (150, 100), "2.png": own, "3.png": own, "4.png": (32, 48)}
    with open(table / "out" / "index.csv", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["seed"]) for row in rows] == [
        ("hero.png", "7"),
        ("2.png", "0"),
        ("3.png", "1"),  # the second of its prompt
        ("4.png", "0"),
    ]
    told = json.loads(Image.open(table / "out" / "hero.png").info["minidiff"])
    assert (told["fit"], told["size"], told["prompts"]) == (
        "150x100",
        "96x64",
        ["a red fox in snow"],
    )
    assert list(told)[0] == "generated_by"


def test_the_contact_sheet_shows_all_and_tells_what_they_show(table):
    (table / "prompts.csv").write_text('prompt\n"a star, <b>"\na fox\n', encoding="utf-8")
    rows = placeholders.table("prompts.csv")
    record = placeholders.Record("m", "w", None, 4, "s", 1.0, None, None)
    files = placeholders.Placeholders(table, rows, record, [(64, 64)] * 2)
    soup = BeautifulSoup(placeholders.sheet([files.tile(k) for k in range(2)]), "html.parser")
    assert [(i["src"], i["alt"]) for i in soup.select("img")] == [
        ("1.png", "a star, <b>"),
        ("2.png", "a fox"),
    ]
    assert not soup.select("figcaption b")


def test_a_file_is_made_again_bit_for_bit(table):
    assert run("-o", "out") == 0
    for name in ("hero", "2", "4"):
        assert cli.main(["again", f"out/{name}.png", "-o", "again.png"]) == 0
        assert (table / "again.png").read_bytes() == (table / "out" / f"{name}.png").read_bytes()


def test_it_goes_on_where_it_was_killed(table):
    assert run("-o", "whole") == 0 and run("-o", "part") == 0
    part = table / "part"
    kept = (part / "2.png").stat().st_mtime_ns
    (part / "hero.png").unlink()
    (part / "4.png").unlink()
    (part / "index.html").write_text("")  # as a killed run may leave it on some systems
    assert run("-o", "part") == 0
    assert pictures(part) == pictures(table / "whole")
    assert (part / "2.png").stat().st_mtime_ns == kept
    for name in ("index.csv", "index.html"):
        assert (part / name).read_bytes() == (table / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("text", "sentence"),
    {
        "no prompt": ("a red fox\n", "must have a column prompt"),
        "another column": ("prompt,size\na fox,3\n", "none but prompt, width, height, seed, name"),
        "twice a column": (
            "prompt,prompt\na fox,a cat\n",
            "must have a column prompt and none but",
        ),
        "nothing": ("", "must have a column prompt"),
        "no row": ("prompt\n", "holds none"),
        "too few cells": ("prompt,seed\na fox\n", "line 2 of prompts.csv: it must have as many"),
        "too many cells": ("prompt\na fox,3\n", "as many cells as the first line"),
        "a word": ("prompt\na foks\n", "did you mean"),
        "half a size": ("prompt,width,height\na fox,64,\n", "width and height go together"),
        "no number": ("prompt,seed\na fox,-1\n", "seed must be a whole number from 0"),
        "huge": ("prompt,width,height\na fox,9999,99\n", "width must be a whole number from 16"),
        "a thread": ("prompt,width,height\na fox,1000,20\n", "4 times the other at most"),
        "a way out": ("prompt,name\na fox,../x\n", "name must be up to 100 letters"),
        "the index": ("prompt,name\na fox,index\n", "and not index"),
        "a name twice": ("prompt,name\na fox,A\na cat,a\n", "name must differ from row to row"),
        "not text": (b"\xff\xfeprompt", "must be a CSV in UTF-8"),
    }.values(),
)
def test_a_table_that_is_none_is_told_in_a_sentence(table, capfd, text, sentence):
    data = text if isinstance(text, bytes) else text.encode()
    (table / "prompts.csv").write_bytes(data)
    assert run("-o", "out") == 2
    error = capfd.readouterr().err
    assert sentence in error and error.count("\n") == 1 and not (table / "out").exists()


def test_folders_models_and_files_of_others_are_refused(table, capfd):
    (table / "other").mkdir()
    (table / "other" / "index.html").write_text("<p>mine</p>")
    for words, sentence in [
        (("-o", "other"), "holds index.html of another"),
        (("-o", "out", "--model", "points"), "must paint pictures from prompts"),
    ]:
        assert run(*words) == 2
        assert sentence in capfd.readouterr().err
    assert (table / "other" / "index.html").read_text() == "<p>mine</p>"
    assert cli.main(["placeholders", "missing.csv", "-o", "out"]) == 2
    assert "found no file" in capfd.readouterr().err
