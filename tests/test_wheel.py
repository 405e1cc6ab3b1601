"""Installed from a wheel, without the repository beside it, every command of teachers works or says why not."""

import csv
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest
from handed_in import LESSON, NAMES, hand_in
from nbformat import v4

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of an environment that has the wheel, and all else from the running one."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "minidiff", folder / "minidiff", ignore=shutil.ignore_patterns("__py*"))
    pip = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-q"]
    built = subprocess.run([*pip, "-w", "out"], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    venv.create(folder / "env", symlinks=os.name != "nt")
    scripts = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    ask = [scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(ask, capture_output=True, text=True).stdout.strip())
    with zipfile.ZipFile(next((folder / "out").glob("minidiff-*.whl"))) as wheel:
        wheel.extractall(packages)
    others = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "others.pth").write_text("\n".join(others))  # their own .pth files are not followed
    return scripts / "python"


@pytest.fixture
def lessons(python, tmp_path):
    """Runs `minidiff lessons` there; its exit code, lines, and the sentence that it refuses with."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    env["JUPYTER_PATH"] = str(Path(sys.prefix) / "share" / "jupyter")  # nbconvert's templates

    def run(*words):
        command = [python, "-m", "minidiff", "lessons", *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines(), done.stderr

    return run


@pytest.mark.parametrize("words", ["lint", "run", "student out", "release out", "site out"])
def test_where_no_lessons_are_it_is_said_in_one_sentence(lessons, words, tmp_path):
    code, lines, error = lessons(*words.split())
    assert (code, lines) == (2, []) and error.count("\n") == 1
    assert "env" in error and "name the notebooks that are meant" in error
    assert not (tmp_path / "out").exists()


def test_named_lessons_are_run_checked_and_handed_out(lessons, tmp_path):
    shutil.copy(LESSON, tmp_path)
    assert lessons("lint", LESSON.name)[:2] == (0, ["clean"])
    assert lessons("student", "students", LESSON.name)[0] == 0
    assert (tmp_path / "students" / LESSON.name).is_file()
    assert lessons("release", "course", LESSON.name)[0] == 0
    assert (tmp_path / "course" / "source" / LESSON.stem / LESSON.name).is_file()
    code, [page], _ = lessons("site", "pages", LESSON.name)
    assert code == 0 and (tmp_path / page).is_file()
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("print(1)")]), tmp_path / "90_a.ipynb")
    assert lessons("run", "90_a.ipynb")[:2] == (0, ["90_a.ipynb"])


def test_the_key_needs_no_lessons(lessons, tmp_path):
    code, lines, _ = lessons("key", "answers")
    page = (tmp_path / "answers" / "01.md").read_text(encoding="utf-8")
    assert code == 0 and len(lines) == len(list((tmp_path / "answers").iterdir()))
    assert all(f"**Exercise {name}**" in page for name in NAMES)


@pytest.mark.parametrize("setup", [None, "import torch"], ids=["as handed out", "no tag"])
def test_right_answers_are_right(lessons, tmp_path, setup):
    (tmp_path / "class").mkdir()
    path = hand_in(tmp_path / "class", name="ada")
    if setup:
        nb = nbformat.read(path, as_version=4)
        nb.cells[0] = v4.new_code_cell(setup)
        nbformat.write(nb, path)
    code, lines, error = lessons("check", "class")
    assert code == 0 and lines[0].endswith("5 of 5 rows correct")
    assert error.startswith("minidiff: no lessons at") and "only what students handed in" in error
    with open(tmp_path / "marks.csv", newline="", encoding="utf-8-sig") as file:
        assert {row["status"] for row in csv.DictReader(file)} == {"correct"}
