"""Marking handed-in notebooks: what is right, what is wrong, and the table of it."""

import csv
import os

import pytest
from handed_in import EXERCISES, LESSON, NAMES, hand_in, solved, verdicts

from minidiff import cli
from minidiff.course import handins, runner
from minidiff.course.exercises import find
from minidiff.course.marking import Mark, mark, mark_all, write_csv


@pytest.fixture(autouse=True)
def shorter(monkeypatch):
    """Limits that a test can wait for."""
    monkeypatch.setattr(runner, "CELL_SECONDS", 5)
    monkeypatch.setattr(runner, "_PATIENCE", 2)


def test_right_answers_get_all_points(tmp_path):
    assert {status for status, _ in verdicts(hand_in(tmp_path)).values()} == {"correct"}


def test_the_stored_lesson_is_untouched():
    assert set(verdicts(LESSON).values()) == {("not attempted", "")}


def test_mistakes_are_told_apart(tmp_path):
    wrong, sentence = next(iter(find("01.1").wrong.items()))
    found = verdicts(
        hand_in(
            tmp_path,
            {
                "01.1": f"std_of_sum = {wrong}",
                "01.2": "def noised(x0, eps:\n    pass",
                "01.3": "nothing = 1",
                "01.4": None,
                "01.5": "def further(*args):\n    raise SystemExit('\\ud800 \\n bye')",
            },
        )
    )
    assert found["01.1"] == ("not yet", sentence)
    assert found["01.2"][0] == "not yet" and "its cell raised SyntaxError" in found["01.2"][1]
    assert found["01.3"] == ("not attempted", "its cell does not define `time_of`")
    assert found["01.4"] == ("not attempted", "its cell is not in the notebook")
    assert found["01.5"] == ("not run", "its cell ended the process that it ran in")


def test_what_a_learner_does_in_a_notebook_is_allowed(tmp_path):
    """Deleted checks, magics, display, helpers in earlier cells, a last line that fails."""
    helper = "from math import sqrt\ndef root(x):\n    return sqrt(x)\n"
    body = "def noised(x0, eps, alpha_bar):\n    return root(alpha_bar) * x0 + root(1 - alpha_bar) * eps"
    half = solved("01.3").splitlines(keepends=True)
    path = hand_in(
        tmp_path,
        {
            "01.1": f"{helper}{solved('01.1')}\ncheck = print",
            "01.2": f"%time 1\ndisplay(torch.ones(2))\n{body}\nnoised(1)",
            "01.3": "".join(half) + "\ncheck('01.3', None)",
        },
    )
    assert {status for status, _ in verdicts(path).values()} == {"correct"}


def test_tags_and_setup_may_be_lost(tmp_path):
    calls = {
        name: f'{solved(name)}\ncheck("{name}", {find(name).solution.__name__})' for name in NAMES
    }
    found = verdicts(hand_in(tmp_path, calls, setup="1 / 0", tagged=False))
    assert {status for status, _ in found.values()} == {"correct"}


BROKEN = {
    b"": "JSON",
    b'{"cells": [': "JSON",
    b"[" * 100_000: "recursion",
    bytes(range(256)): "decode",
    b'{"cells": [1], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}': "",
    b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}': "no exercise",
}


@pytest.mark.parametrize(
    "content", BROKEN, ids=["empty", "cut", "deep", "bytes", "odd", "no cells"]
)
def test_what_is_no_notebook_is_one_row(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    [row] = mark(path, "bob")
    assert row == Mark("bob", "", 0, 0, "unreadable", row.remark)
    assert BROKEN[content] in row.remark and row.remark


def test_what_is_no_file_of_its_own_is_one_row_and_quotes_nothing(tmp_path):
    (tmp_path / "secret").write_text("the secret")
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "a.ipynb").symlink_to(tmp_path / "secret")
    (tmp_path / "class" / "b.ipynb").symlink_to(tmp_path / "gone")
    (tmp_path / "class" / "c.ipynb").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "class" / "d.ipynb")
    rows = [row for marks in mark_all([tmp_path / "class"]) for row in marks]
    assert [row.student for row in rows] == list("abcd" if hasattr(os, "mkfifo") else "abc")
    for row in rows:
        assert row == Mark(row.student, "", 0, 0, "unreadable", row.remark)
        assert row.remark.endswith(": no file of its own, but a link, a folder or something else")


def test_no_cell_of_the_table_is_a_formula(tmp_path):
    texts = [
        "=1+1",
        "+1",
        "-1",
        "@x",
        "\t=1",
        "\n=1",
        "＝1",
        "=cmd|'/c calc'!A1",
        "\ud800=",
        "fine",
    ]
    marks = [Mark(text, text, 1, 2, text, text, text) for text in texts]
    write_csv(marks, tmp_path / "marks.csv")
    with open(tmp_path / "marks.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))[1:]
    starts = {cell[0] for row in rows for cell in row}
    assert starts == {"'", "1", "2", "f"} and len(rows) == len(texts)


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(handins, "LARGEST_FILE", 2**20)
    path = tmp_path / "x.ipynb"
    path.write_bytes(b" " * (2**20 + 1))
    [row] = mark(path, "bob")
    assert row.remark == "x.ipynb: larger than 1 MiB: clear its outputs"


def test_a_folder_is_marked_in_order_and_tabled(tmp_path, monkeypatch):
    for student in ("ben", "ada"):
        (tmp_path / student).mkdir()
        hand_in(tmp_path, name=f"{student}/01_noising")
    (tmp_path / "ada" / ".ipynb_checkpoints").mkdir()
    hand_in(tmp_path, name="ada/.ipynb_checkpoints/01_noising-checkpoint")
    (tmp_path / "=1+1.ipynb").write_text("no")
    rows = [row for marks in mark_all([tmp_path]) for row in marks]
    assert [row.student for row in rows] == ["=1+1"] + ["ada"] * 5 + ["ben"] * 5
    write_csv(rows, tmp_path / "marks.csv")
    with open(tmp_path / "marks.csv", newline="", encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["student", "exercise", "points", "of", "status", "remark", "flag"]
    assert table[0]["student"] == "'=1+1" and table[0]["status"] == "unreadable"
    assert [int(row["points"]) for row in table[1:6]] == [ex.level for ex in EXERCISES]
    [(alone, *_)] = mark_all([tmp_path / "ben" / "01_noising.ipynb"])
    assert alone.student == "ben"


@pytest.mark.parametrize("missing", ["none.ipynb", "empty"])
def test_nothing_to_mark_is_one_sentence(tmp_path, missing):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=f"^No notebook at .*{missing}.$"):
        list(mark_all([tmp_path / missing]))


def test_the_command_writes_the_table(tmp_path, monkeypatch, capsys):
    (tmp_path / "handed").mkdir()
    hand_in(tmp_path, {"01.1": "std_of_sum = 17"}, name="handed/ada")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lessons", "check", "handed", "--jobs", "1"]) == 0
    assert "marks.csv: 1 notebooks, 4 of 5 rows correct\n" in capsys.readouterr().out
    assert (tmp_path / "marks.csv").read_text("utf-8-sig").count("\n") == 6
    assert cli.main(["lessons", "check", "handed", "-o", "."]) == 2
    assert capsys.readouterr().err.startswith("minidiff: cannot write .")


def test_handing_out_by_command(tmp_path, capsys):
    for action in ("student", "release"):
        assert cli.main(["lessons", action, str(tmp_path / action), str(LESSON)]) == 0
        [made] = (tmp_path / action).rglob(LESSON.name)
        assert capsys.readouterr().out.startswith(f"{made}\n")
        assert cli.main(["lessons", action, str(tmp_path / action), str(LESSON)]) == 2
        assert "exists already" in capsys.readouterr().err
