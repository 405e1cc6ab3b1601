"""Pranks in a class: eight honest notebooks and one that does its worst, marked two at a time.

    python tests/bench/pranks.py [PRANK]     a table: honest rows that are right, of 40 (Linux)

Each class is marked twice: with a namespace of processes for each notebook, as the system allows,
and without.
"""

import csv
import inspect
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat import v4

from minidiff.course.classroom import exercises_of
from minidiff.course.exercises import find

HONEST = ["ada", "alan", "barbara", "donald", "frances", "grace", "john", "tony"]
EXERCISES = exercises_of("01")
# Names the processes above a cell's own: those of its notebook, the fork server, and who marks.
ABOVE = """
import os, signal

def told(pid, file):
    with open(f"/proc/{pid}/{file}") as text:
        return text.read()

above = [int(os.readlink("/proc/self"))]
while above[-1] > 1:
    above.append(int(told(above[-1], "stat").rpartition(")")[2].split()[1]))
server = [pid for pid in above if "forkserver import main" in told(pid, "cmdline")][-1]
marker = above[above.index(server) + 1]
"""
PRANKS = {
    "kills its parent": "import os; os.kill(os.getppid(), 9)",
    "stops its parent": "import os, signal; os.kill(os.getppid(), signal.SIGSTOP)",
    "kills the fork server": f"{ABOVE}\nos.kill(server, 9)",
    "stops the fork server": f"{ABOVE}\nos.kill(server, signal.SIGSTOP)",
    "kills who marks": f"{ABOVE}\nos.kill(marker, 9)",
    "interrupts who marks": f"{ABOVE}\nos.kill(marker, signal.SIGINT)",
    "forges a reply": (
        "import gc\nfrom multiprocessing.connection import Connection\nfor c in gc.get_objects():\n"
        '    try: isinstance(c, Connection) and c.send_bytes(b\'["\\\\ud800", "=1+1", []]\')\n'
        "    except Exception: pass"
    ),
    "writes to all files": (
        "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'\\xff' * 16)\n"
        "    except OSError: pass"
    ),
    "closes all files": "import os; os.closerange(0, 64)",
    "removes another's folder": "import shutil; shutil.rmtree({other!r})",
    "leaves a process": (
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', "
        "'import time; time.sleep(77.125)'], start_new_session=True)"
    ),
    "forks": "import os; os.fork()",
}
OF_WHO_MARKS = {"kills who marks", "interrupts who marks"}


def right(ex):
    name = ex.solution.__name__
    return f"{name} = {ex.solution()!r}" if ex.is_value else inspect.getsource(ex.solution)


def hand_in(folder, prank, honest=HONEST):
    """A class of lesson 01 in `folder`: honest ones, and "eve", who does this in exercise 01.2."""
    for student in [*honest, "eve"]:
        cells = []
        for ex in EXERCISES:
            source = right(ex)
            if student == "eve" and ex is find("01.2"):
                source = PRANKS[prank].replace("{other!r}", repr(str(folder / honest[-1])))
            tags = ["exercise", f"exercise-{ex.name}"]
            cells.append(v4.new_code_cell(source, metadata={"tags": tags}))
        path = folder / student / "01_noising.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(v4.new_notebook(cells=cells), path)


def command(folder, table, alone=True, jobs=2):
    """The words of a command that marks the class in a process of its own."""
    program = (
        "import sys\nfrom minidiff.cli import main\nfrom minidiff.course import runner\n"
        f"runner.ALONE, runner.START_SECONDS = {alone}, 30\nsys.exit(main(sys.argv[1:]))"
    )
    words = ["lessons", "check", folder, "-o", table, "--jobs", str(jobs)]
    return [sys.executable, "-c", program, *map(str, words)]


def honest_rows(table):
    """How many rows of honest students are right."""
    if not table.exists():
        return 0
    with open(table, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if not row["student"].startswith("eve")]
    return sum(row["status"] == "correct" for row in rows)


def main():
    count = len(HONEST) * len(EXERCISES)
    print(f"{'honest rows right, of ' + str(count):28} {'namespace':>10} {'without':>10} {'s':>10}")
    for prank in sys.argv[1:] or PRANKS:
        found, start = [], time.perf_counter()
        for alone in (True, False):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                folder = Path(folder)
                hand_in(folder / "class", prank)
                words = command(folder / "class", folder / "marks.csv", alone)
                subprocess.run(words, capture_output=True, check=False, timeout=600)
                found.append(honest_rows(folder / "marks.csv"))
        seconds = time.perf_counter() - start
        print(f"{prank:28} {found[0]:10} {found[1]:10} {seconds:10.0f}", flush=True)


if __name__ == "__main__":
    main()
