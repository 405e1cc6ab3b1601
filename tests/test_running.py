"""Running lessons is a fixed point; what cannot be run, or is no lesson, is named and left alone."""

import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat import v4
from test_lessons import TOP, code, prose

from minidiff import cli
from minidiff.course import lessons


@pytest.fixture
def stored(tmp_path):
    """Stores a notebook and returns its path."""

    def store(nb):
        path = tmp_path / "90_clean.ipynb"
        path.write_text(nbformat.writes(nb) + "\n", encoding="utf-8", newline="\n")
        return path

    return store


RUNNABLE = [
    "import os\nfrom tqdm.auto import tqdm\nfrom minidiff.notebook import viz, widgets",
    "def draw(t):\n    return viz.curve([0, 1], {'t': [t, 1]})",
    "widgets.explore(draw, t=(0, 1, 0.1, 0.5))",
    "for _ in tqdm(range(3)):\n    print(_)",
    "viz.animate([draw(0), draw(1)])",
    "os.getenv('MINIDIFF_DEVICE'), os.path.exists('90_clean.ipynb')",
]


def test_running_is_a_fixed_point(stored, monkeypatch):
    monkeypatch.setenv("MINIDIFF_DEVICE", "nowhere")
    path = stored(v4.new_notebook(cells=[prose(TOP), *map(code, RUNNABLE)]))
    assert lessons.run([path]) == [path]
    first = path.read_bytes()
    nb = nbformat.reads(first.decode(), as_version=4)
    assert nb.cells[-1].outputs[0].data["text/plain"] == "(None, True)"
    assert nb.cells[3].outputs[1].data[lessons.WIDGET].model_id == "widget-1"
    assert "at 0x" not in first.decode() and b"\r" not in first
    assert lessons.run([path]) == []
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert not any("not in the form" in text for text in lessons.lint([path]))


@pytest.mark.parametrize(
    "source, seconds, sentence",
    [
        ("1 / 0", 60, "cell 1: ZeroDivisionError: division by zero"),
        ("import warnings\nwarnings.warn('old')", 60, "cell 1: wrote to stderr: .*old"),
        ("import time\ntime.sleep(60)", 1, "cell 1: took longer than 1 s."),
        ("import os\nos._exit(1)", 60, "cell 1: the kernel died."),
    ],
    ids=["raises", "warns", "hangs", "dies"],
)
def test_a_failing_cell_is_named_and_the_file_stays(stored, source, seconds, sentence):
    path = stored(v4.new_notebook(cells=[prose(TOP), code(source)]))
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match=f"90_clean.ipynb, {sentence}"):
        lessons.run([path], timeout=seconds)
    assert path.read_bytes() == before


def test_ctrl_c_leaves_the_file_and_no_kernel(stored):
    """In a process of its own: as a terminal sends it, while a cell runs."""
    began = stored(v4.new_notebook()).with_name("began")
    source = f"import os\nopen({str(began)!r}, 'w').write(str(os.getpid()))\nimport time; time.sleep(600)"
    path = stored(v4.new_notebook(cells=[prose(TOP), code(source)]))
    before = path.read_bytes()
    command = [sys.executable, "-m", "minidiff", "lessons", "run", str(path)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not began.exists() or not began.read_text():
        assert running.poll() is None
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130 and "Traceback" not in said
    assert said.splitlines()[-1] == "minidiff: interrupted"
    assert path.read_bytes() == before
    with pytest.raises(ProcessLookupError):
        os.kill(int(began.read_text()), 0)


MALFORMED = ["[]", "{}", "", "null", "[" * 100_000, '{"cells": [1], "metadata": {}, "nbformat": 4}']


@pytest.mark.parametrize("action", ["run", "lint", "student", "release", "site"])
def test_what_is_no_notebook_is_one_sentence(tmp_path, capsys, action):
    path, folder = tmp_path / "01_x.ipynb", tmp_path / "new"
    for text in MALFORMED:
        path.write_text(text)
        words = [path] if action in ("run", "lint") else [folder, path]
        assert cli.main(["lessons", action, *map(str, words)]) == 2
        [line] = [x for x in capsys.readouterr().err.splitlines() if x.startswith("minidiff")]
        assert line.startswith(f"minidiff: {path} is no notebook: ") and len(line) < 300
        assert not folder.exists() and path.read_text() == text


@pytest.mark.parametrize("action", ["run", "lint", "student", "release", "site"])
def test_no_lessons_at_all_is_an_error(tmp_path, monkeypatch, capsys, action):
    """As after an installation without its repository: it is not "clean"."""
    monkeypatch.setattr(lessons, "NOTEBOOKS", tmp_path / "notebooks")
    folder = [] if action in ("run", "lint") else [str(tmp_path / "new")]
    assert cli.main(["lessons", action, *folder]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("minidiff: No lessons at ")
    assert not (tmp_path / "new").exists()


def test_a_missing_lesson_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^No lesson at .*none.ipynb\.$"):
        lessons.run([tmp_path / "none.ipynb"])
