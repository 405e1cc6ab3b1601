"""A class of twenty, each handing in in another way, from the platform's ZIP file to feedback."""

import csv
import io
import json
import zipfile

import nbformat
from handed_in import EXERCISES, NAMES, SETUP, cell, hand_in, solved
from test_handins import script

from minidiff import cli
from minidiff.course.exercises import find

OF = sum(ex.level for ex in EXERCISES)
WRONG = {"01.1": f"std_of_sum = {next(iter(find('01.1').wrong))}"}
STUBS = {name: find(name).cell_source for name in NAMES}


def read(folder, changes={}, **options):
    return json.loads(hand_in(folder, changes, **options).read_text())


def saved_by(folder, editor):
    """An all-right notebook as editors save it."""
    nb = read(folder)
    nb["nbformat_minor"] = 0 if editor == "Colab" else 4
    for each in nb["cells"]:
        del each["id"]
        each["metadata"] |= {"id": "x", "outputId": "y"} if editor == "Colab" else {"vscode": {}}
    if editor == "Colab":
        nb["metadata"] |= {"widgets": {"application/vnd.jupyter.widget-state+json": {}}}
    return nb


def in_cells(*sources):
    """Exercise 01.2 alone, in cells of one's own, an untouched stub below."""
    stub = cell(STUBS["01.2"], "exercise", "exercise-01.2")
    own = [cell(source) for source in sources]
    nb = nbformat.v4.new_notebook(cells=[cell(SETUP, "setup"), *own, stub])
    return json.loads(nbformat.writes(nb))


def zipped(files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def twenty(folder):
    """{student: (his file's name, what it holds, points, what his line says)}."""
    right, loop = read(folder), {"01.3": "while True: pass"}
    helper = solved("01.2").replace("alpha_bar**0.5", "root(alpha_bar)")
    root = "from math import sqrt\ndef root(x):\n    return sqrt(x)"
    points = {ex.name: ex.level for ex in EXERCISES}
    wrong, half = read(folder, WRONG), read(folder, {name: STUBS[name] for name in NAMES[:2]})
    return {
        "Ada": ("01_noising.ipynb", right, OF, ""),
        "Ben": ("01_noising (1).ipynb", right, OF, ""),
        "Cem": ("MINE.IPYNB", right, OF, ""),
        "Dora": ("colab.ipynb", saved_by(folder, "Colab"), OF, ""),
        "Eve": ("code.ipynb", saved_by(folder, "VS Code"), OF, ""),
        "Fay": ("percent.py", script("percent"), OF, ""),
        "Gil": ("nbconvert.py", script("nbconvert"), OF, ""),
        "Hal": ("plain.py", script("plain"), OF, ""),
        "Ida": ("work.zip", zipped({"a/01_noising.ipynb": json.dumps(right)}), OF, ""),
        "Jun": ("signed.ipynb", "\ufeff" + json.dumps(right), OF, ""),
        "Kim": ("wrong.ipynb", wrong, OF - points["01.1"], ""),
        "Lea": ("half.ipynb", half, OF - points["01.1"] - points["01.2"], ""),
        "Mo": ("stubs.ipynb", read(folder, STUBS), 0, ""),
        "Nia": ("cells.ipynb", in_cells(root, helper), points["01.2"], ""),
        "Oz": ("untagged.ipynb", read(folder, tagged=False), OF, ""),
        "Pia": ("loop.ipynb", read(folder, loop), OF - points["01.3"], ""),
        "Quy": ("broken.ipynb", "{", 0, "unreadable: "),
        "Rui": ("essay.docx", b"PK", 0, "unreadable: "),
        "Sam": ("empty.zip", zipped({}), 0, "unreadable: "),
        "Tim": ("", b"", 0, "handed in nothing"),
    }


def table(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_a_class_is_marked_from_zip_to_feedback(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("minidiff.course.runner.CELL_SECONDS", 5)
    students, files = twenty(tmp_path), {}
    assert len(students) == 20
    for i, (name, (file, content, *_)) in enumerate(students.items()):
        content = json.dumps(content) if isinstance(content, dict) else content
        if file:
            files[f"{name} Lee_{i + 100}_assignsubmission_file_/{file}"] = content
    (tmp_path / "moodle.zip").write_bytes(zipped(files))
    people = "".join(f"Participant {i + 100},{name} Lee\n" for i, name in enumerate(students))
    (tmp_path / "class.csv").write_text(f"Identifier,Full name\n{people}")
    monkeypatch.chdir(tmp_path)
    words = "lessons check moodle.zip --roster class.csv --feedback pages --jobs 2".split()
    assert cli.main(words) == 0
    assert "pages: 20 pages of feedback" in capsys.readouterr().out
    lines = {line["student"]: line for line in table("marks-totals.csv")}
    assert list(lines) == [f"{name} Lee" for name in students]
    for name, (_, _, points, remark) in students.items():
        line = lines[f"{name} Lee"]
        assert (int(line["points"]), int(line["of"])) == (points, OF), name
        assert line["remark"].startswith(remark) and bool(line["remark"]) == bool(remark)
        page = (tmp_path / "pages" / f"{name} Lee.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {name} Lee: {points} of {OF} points\n")
    assert find("01.1").hint in (tmp_path / "pages" / "Kim Lee.md").read_text(encoding="utf-8")
    sums = {name: 0 for name in lines}
    for row in table("marks.csv"):
        sums[row["student"]] += int(row["points"])
    assert sums == {name: int(line["points"]) for name, line in lines.items()}


def test_bad_places_are_told_before_anything_is_run(tmp_path, monkeypatch, capsys):
    hand_in(tmp_path)
    (tmp_path / "file").write_text("mine")
    monkeypatch.chdir(tmp_path)
    for words in (["--feedback", "file"], ["--roster", "none.csv"], ["-o", "none/x.csv"]):
        assert cli.main(["lessons", "check", "ada.ipynb", *words]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.glob("marks*"))
