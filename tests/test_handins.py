"""What students hand in: whose a file is, what is read of it, and what becomes of the rest."""

import io
import json
import os
import zipfile

import nbformat
import pytest
from handed_in import EXERCISES, NAMES, hand_in, solved

from minidiff.course import handins, work
from minidiff.course.handins import found
from minidiff.course.marking import mark_all


def zipped(path, files, **options):
    """A ZIP file of {name: text or bytes}."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content, **options)
    return path


def people(*paths):
    return {one.student: one.wrong for one in found(paths)}


NAMED = {
    "ada/01_noising.ipynb": "ada",
    "ben.ipynb": "ben",
    "cem/01_noising (1).ipynb": "cem",
    "01_noising_dora.ipynb": "dora",
    "eve-01_noising.IPYNB": "eve",
    "fay/01_noising/01_noising.ipynb": "fay",
    "Gil Li_12345_assignsubmission_file_/x.ipynb": "Gil Li",
    "Hal O_999_assignsubmission_file/01_noising.py": "Hal O",
    "Ida Ö_77_assignsubmission_file_noise.ipynb": "Ida Ö",
    "juneann_123_456_01_noising.ipynb": "juneann",
    "kimkay_LATE_124_457_01_noising-2.ipynb": "kimkay",
    "Noise_lea_attempt_2026-05-01-10-00-00_01_noising.ipynb": "lea",
    "mo/deep/er/work.py": "mo",
}


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("top", ["", "class 7/"])
def test_whose_a_file_is(tmp_path, as_zip, top):
    if as_zip:
        place = zipped(tmp_path / "all.zip", {top + name: "1" for name in NAMED})
    else:
        place = tmp_path / "all"
        for name in NAMED:
            (place / top / name).parent.mkdir(parents=True, exist_ok=True)
            (place / top / name).write_text("1")
    told = {one.name.removeprefix("all/").removeprefix(top): one.student for one in found([place])}
    assert told == NAMED


def test_one_students_folder_or_file(tmp_path):
    for name in ("ada", "ada/02_denoising", "list"):
        (tmp_path / name).mkdir()
    for name in ("ada/01_noising.ipynb", "ada/02_denoising/02_denoising.ipynb"):
        (tmp_path / name).write_text("1")
    assert people(tmp_path / "ada") == {"ada": ""}
    assert people(tmp_path / "ada" / "01_noising.ipynb") == {"ada": ""}
    zipped(tmp_path / "list" / "ada.zip", {"01_noising.ipynb": "1"})
    assert people(tmp_path / "list" / "ada.zip") == people(tmp_path / "list") == {"ada": ""}


def test_namesakes_are_told_apart_by_their_numbers(tmp_path):
    files = {f"Ann Lee_{n}_assignsubmission_file_/x.ipynb": "1" for n in (11, 12)}
    assert set(people(zipped(tmp_path / "a.zip", files))) == {"Ann Lee (11)", "Ann Lee (12)"}


def test_each_file_is_read_once_and_nobodys_not_at_all(tmp_path):
    for name in ("ada/x.ipynb", "ada/.ipynb_checkpoints/x-checkpoint.ipynb", "__MACOSX/._x.ipynb"):
        (tmp_path / "class" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "class" / name).write_text("1")
    (tmp_path / "class" / "marks.csv").write_text("1")
    path = tmp_path / "class" / "ada" / "x.ipynb"
    files = list(found([tmp_path / "class", path, tmp_path / "class"]))
    assert [one.name for one in files] == ["ada/x.ipynb"]


def test_what_is_no_work_has_a_row_where_there_is_none(tmp_path):
    files = {"ada/x.ipynb": "1", "ada/picture.png": "1", "ben/essay.pdf": "1", "cem/a.rar": "1"}
    told = people(zipped(tmp_path / "a.zip", files))
    assert told == {"ada": "", "ben": handins.NO_WORK, "cem": handins.NO_WORK}


def nested(levels):
    content = b"1"
    for level in range(levels):
        inner = io.BytesIO()
        zipped(inner, {"x.zip" if level else "x.ipynb": content})
        content = inner.getvalue()
    return content


def test_a_zip_file_that_means_harm_costs_its_own_row(tmp_path, monkeypatch):
    monkeypatch.setattr(handins, "LARGEST_FILE", 2**20)
    files = {
        "ada/x.ipynb": "1",
        "bomb/x.ipynb": b" " * (2**20 + 1),
        "deep/x.zip": nested(1),
        "deeper/x.zip": nested(3),
        "broken/x.zip": b"PK\x03\x04 no more",
        "nothing/x.zip": nested(0)[:0],
        "../../out/x.ipynb": "1",
        "/top/x.ipynb": "1",
    }
    path = zipped(tmp_path / "a.zip", files)
    link = zipfile.ZipInfo("link/x.ipynb")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    told = people(path)
    assert told["ada"] == told["deep"] == ""
    assert told["bomb"] == "larger than 1 MiB: clear its outputs"
    assert told["out"] == told["top"] == "its name leads out of the ZIP file"
    assert told["link"].startswith("no file of its own")
    assert told["deeper"] == handins.TOO_DEEP
    assert told["broken"].startswith(told["nothing"][:15])
    assert told["nothing"] == "no ZIP file to open: File is not a zip file"
    assert sorted(os.listdir(tmp_path)) == ["a.zip"]


def test_all_that_a_zip_file_unpacks_to_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(handins, "LARGEST_ZIP", 2**20)
    files = {f"{name}/x.ipynb": b" " * 2**19 for name in "abcd"}
    told = people(zipped(tmp_path / "a.zip", files))
    assert told["a"] == told["b"] == ""
    assert told["c"] == told["d"] == "the ZIP file unpacks to more than 1 MiB"
    monkeypatch.setattr(handins, "MOST_FILES", 3)
    [one] = found([tmp_path / "a.zip"])
    assert one.wrong == "no ZIP file to open: it holds more than 3 files"


def test_an_encrypted_file_and_a_damaged_one_are_told(tmp_path):
    path = zipped(tmp_path / "a.zip", {"ada/x.ipynb": "1" * 999, "ben/x.ipynb": "2" * 999})
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02", 0, content.rfind(b"PK\x01\x02"))  # ada's, in the directory
    content[at + 8] |= 1
    content[content.find(b"PK\x03\x04") + 6] |= 1
    data = content.find(b"ben/x.ipynb") + len("ben/x.ipynb")
    content[data] ^= 0xFF
    path.write_bytes(content)
    told = people(path)
    assert "encrypted" in told["ada"] and told["ben"]


def notebook(minor, tmp_path, ids=True):
    """An all-right notebook of lesson 01, as JSON of nbformat 4.`minor`."""
    nb = json.loads(hand_in(tmp_path).read_text())
    nb["nbformat_minor"] = minor
    for cell in nb["cells"]:
        assert isinstance(cell["source"], list)
        if not ids:
            del cell["id"]
    return nb


def script(form):
    """Lesson 01's answers as a script, as jupytext, nbconvert, an editor or a learner writes it."""
    head = {
        "percent": '# %% tags=["exercise", "exercise-{0}"]\n',
        "nbconvert": "# In[{1}]:\n\n\n",
        "vs code": "# %%\n",
        "plain": "",
    }[form]
    mark = "# %% [markdown]\n# check(\n" if form == "percent" else ""
    parts = [f"#!/usr/bin/env python\n# coding: utf-8\n{mark}"]
    parts += [
        head.format("setup", 1) + "import torch\nfrom minidiff.course.exercises import check\n"
    ]
    for i, ex in enumerate(EXERCISES):
        check = f'check("{ex.name}", {ex.solution.__name__})'
        parts.append(f"{head.format(ex.name, i + 2)}{solved(ex.name)}\n\n{check}\n")
    return "\n".join(parts)


def test_scripts_are_marked(tmp_path):
    for form in ("percent", "nbconvert", "vs code", "plain"):
        (tmp_path / f"{form}.py").write_text(script(form))
    rows = [row for marks in mark_all([tmp_path], jobs=2) for row in marks]
    assert [row.exercise for row in rows] == 4 * NAMES
    assert {(row.student, row.status) for row in rows} == {
        (form, "correct") for form in ("percent", "nbconvert", "vs code", "plain")
    }


@pytest.mark.parametrize("minor", range(6))
@pytest.mark.parametrize("ids", [True, False])
def test_notebooks_of_any_editor_are_read(tmp_path, minor, ids, capsys, recwarn):
    nb = notebook(minor, tmp_path, ids)
    plain = work.read(json.dumps(nb), "x.ipynb")
    colab = nb | {"metadata": {"colab": {"provenance": []}, "accelerator": "GPU"}}
    colab["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    for cell in colab["cells"]:
        cell["metadata"] |= {"id": "x1", "outputId": "y", "colab": {"height": 1}, "vscode": {}}
    assert work.read(json.dumps(colab), "x.ipynb") == plain
    assert plain.wrong == "" and [name for name, _ in plain.answers] == NAMES
    assert not recwarn.list and capsys.readouterr().err == ""


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16"])
def test_signatures_of_text_files_are_read(tmp_path, code):
    path = hand_in(tmp_path)
    path.write_text(path.read_text(encoding="utf-8"), encoding=code, newline="\r\n")
    [one] = found([path])
    assert work.read(one.text, one.name).answers
    assert nbformat.reads(one.text, as_version=4).cells


def test_the_latest_of_several_attempts_counts(tmp_path):
    wrong = {name: "x = 1" for name in NAMES}
    for name, changes, time in [
        ("01_noising", wrong, 1_000_000),
        ("01_noising (1)", {}, 2_000_000),
        ("01_noising_old", wrong, 2_000_000 - 1),
    ]:
        (tmp_path / "ada").mkdir(exist_ok=True)
        path = hand_in(tmp_path, changes, name=f"ada/{name}")
        os.utime(path, (time, time))
    (tmp_path / "ada" / "broken.ipynb").write_text("{")
    (tmp_path / "ben.ipynb").write_text("{")
    rows = [row for marks in mark_all([tmp_path]) for row in marks if row.student == "ada"]
    counted = [row.status for row in rows if row.exercise]
    assert counted == ["correct"] * len(NAMES)
    others = [(row.status, row.remark) for row in rows if not row.exercise]
    assert [status for status, _ in others] == ["unreadable", "earlier", "earlier"]
    assert "01_noising (1).ipynb is later" in others[1][1]


def test_of_two_copies_of_one_time_the_number_tells(tmp_path):
    wrong = {name: "x = 1" for name in NAMES}
    (tmp_path / "ada").mkdir()
    (tmp_path / "ben.ipynb").write_text("{")
    for name, changes in [("01_noising-10", {}), ("01_noising-9", wrong), ("01_noising", wrong)]:
        os.utime(hand_in(tmp_path, changes, name=f"ada/{name}"), (10, 10))
    rows = [row for marks in mark_all([tmp_path]) for row in marks if marks[0].exercise]
    assert [row.status for row in rows] == ["correct"] * len(NAMES)
