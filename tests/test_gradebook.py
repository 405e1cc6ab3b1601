"""The class and its marks: roster, totals and feedback, from ZIP files to pages."""

import re

import pytest
from handed_in import EXERCISES

from minidiff.course.gradebook import Roster, Total, totals, write_feedback
from minidiff.course.handins import HandIn
from minidiff.course.marking import Mark
from minidiff.errors import UserError

POINTS = [ex.level for ex in EXERCISES]


def named(student, number=""):
    return HandIn(student, number, "x.ipynb", (0, 0))


def roster(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "class.csv"
    path.write_text(text, encoding=encoding)
    return Roster(path)


@pytest.mark.parametrize(
    "text, encoding",
    [
        ("student\nAda Lovelace\nÉva Tardos\n", "utf-8"),
        ("Full name,ID,Group\nAda Lovelace,17,A\nÉva Tardos,18,A\n", "utf-8-sig"),
        ("Surname;First name;ID\nLovelace;Ada;17\nTardos;Éva;18\n", "utf-16"),
        ("Identifier,Full name\nParticipant 17,Ada Lovelace\nParticipant 18,Éva Tardos\n", "utf-8"),
        (
            'Student,ID,Section\n    Points Possible,,\n\n"Ada Lovelace",17,A\n"Éva Tardos",18,A\n',
            "utf-8",
        ),
    ],
    ids=["one column", "full names", "semicolons", "moodle", "canvas"],
)
def test_a_hand_in_finds_its_student(tmp_path, text, encoding):
    listed = roster(tmp_path, text, encoding)
    assert listed.students == ["Ada Lovelace", "Éva Tardos"]
    for called in ("Ada Lovelace", "ada_lovelace", "lovelaceada", "Lovelace, Ada"):
        assert listed.student(named(called)) == "Ada Lovelace"
    assert listed.student(named("TARDOS Eva")) == "Éva Tardos"
    assert listed.student(named("nobody")) == "nobody"
    assert listed.student(named("A")) == "A"  # a section is not a student
    if "17" in text:
        assert listed.student(named("someone", "17")) == "Ada Lovelace"


def test_namesakes_on_the_roster_are_told_by_their_numbers(tmp_path):
    listed = roster(tmp_path, "name,id\nAnn Lee,1\nAnn Lee,2\n")
    assert listed.students == ["Ann Lee (1)", "Ann Lee (2)"]
    assert listed.student(named("Ann Lee", "2")) == "Ann Lee (2)"
    assert listed.student(named("Ann Lee")) == "Ann Lee"


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "lists no student"),
        ("student\n", "lists no student"),
        ("name\nada\nada\n", "'ada' twice"),
        ('a\n"' + "x" * 200_000, "no table"),
    ],
)
def test_what_is_no_roster_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(UserError, match=sentence):
        roster(tmp_path, text)
    (tmp_path / "x.csv").write_bytes(b"PK\x03\xff\x00")
    with pytest.raises(UserError, match="no table of text"):
        Roster(tmp_path / "x.csv")


def marks(student, right):
    return [
        Mark(student, ex.name, ex.level * (ex.name in right), ex.level, status, "", "")
        for ex in EXERCISES
        for status in ["correct" if ex.name in right else "not yet"]
    ]


def test_totals_have_a_line_for_everybody():
    right = [ex.name for ex in EXERCISES]
    rows = marks("ada", right) + marks("eve", right[:1])
    rows += [Mark("ben", "", 0, 0, "unreadable", "x.ipynb: no JSON")]
    lines = {line.student: line for line in totals(rows, ["cem", "ada", "ben"])}
    assert list(lines) == ["cem", "ada", "ben", "eve"]
    by_level = [sum(p for p in POINTS if p == level) for level in (1, 2, 3)]
    assert lines["ada"] == Total("ada", 1, sum(POINTS), sum(POINTS), *by_level, 0, "")
    assert lines["cem"] == Total("cem", 0, 0, sum(POINTS), 0, 0, 0, 0, "handed in nothing")
    assert lines["ben"].remark == "unreadable: x.ipynb: no JSON"
    assert lines["eve"].points == POINTS[0] and lines["eve"].remark == "not on the roster"
    assert {line.remark for line in totals(rows) if line.student != "ben"} == {""}


def test_feedback_is_a_page_a_student_and_shows_texts_as_they_are(tmp_path):
    hostile = "<script>x</script> [a](b) `c` |"
    rows = [Mark("../../ev:e", "01.2", 0, 1, "not yet", hostile, "")]
    rows += marks("EVE", ["01.1"]) + marks("eve", []) + [Mark("con", "", 0, 0, "unreadable", "x")]
    rows += [Mark("eve", "", 0, 0, "earlier", "a: b is later")]
    paths = write_feedback(rows, tmp_path / "pages", ["nobody"])
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "pages").iterdir()}
    assert [path.name for path in paths] == [
        "nobody.md",
        "_.._ev_e.md",
        "EVE.md",
        "eve-2.md",
        "_con.md",
    ]
    pages = {path.name: path.read_text(encoding="utf-8") for path in paths}
    assert not re.search(
        r"(?<!\\)[<\[`|]", pages["_.._ev_e.md"].partition("not yet")[2].split("Hint")[0]
    )
    assert "handed in nothing" in pages["nobody.md"]
    assert f"# EVE: {POINTS[0]} of {sum(POINTS)} points" in pages["EVE.md"]
    assert "Not counted: a: b is later." in pages["eve-2.md"]
    assert write_feedback(rows, tmp_path / "pages", ["nobody"]) == paths
