"""A class on one machine: eight kernels at once run lesson 00, beside one alone.

python tests/bench/kernels.py [--kernels 8] [--cores 0,1] [--threads 1] [--lesson notebooks/00_tour.ipynb]

Prints the seconds until the last one has finished, alone and together, the ratio, and the most memory
that all of them took. Each kernel has the threads that TEACHERS.md advises for a shared machine;
`--threads 0` leaves them to the library. Linux: memory is the proportional share, in which what
kernels have in common counts once.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# Executes a lesson in a fresh kernel, and writes nothing.
RUN = (
    "import sys; from pathlib import Path; from minidiff.course import lessons as l; "
    "path = Path(sys.argv[1]); l._execute(path, l.read(path), 3600)"
)


def started(lesson, threads, errors):
    """A process that runs the lesson in a kernel of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    own = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"} if threads else {}
    command = [sys.executable, "-c", RUN, str(lesson)]
    return subprocess.Popen(command, env=kept | own, stdout=subprocess.DEVNULL, stderr=errors)


def family(pid):
    """A process and all that it has started."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return [pid]
    return [pid, *(each for child in children for each in family(int(child)))]


def share(pid):
    """A process's proportional share of memory in bytes."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


def measured(lesson, count, threads):
    """Seconds until the last of so many kernels has finished, and the most bytes they took."""
    with tempfile.TemporaryFile() as errors:
        start, most = time.monotonic(), 0
        running = [started(lesson, threads, errors) for _ in range(count)]
        try:
            while any(process.poll() is None for process in running):
                live = [process.pid for process in running if process.poll() is None]
                most = max(most, sum(share(pid) for one in live for pid in family(one)))
                time.sleep(0.5)
            seconds = time.monotonic() - start
        finally:
            for process in running:
                process.kill()
        failed = sum(process.returncode != 0 for process in running)
        if failed:
            errors.seek(0)
            sys.exit(f"{failed} of {count} failed:\n{errors.read().decode(errors='replace')}")
    return seconds, most


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", type=int, default=8)
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--lesson", type=Path, default=NOTEBOOKS / "00_tour.ipynb")
    args = parser.parse_args()
    os.sched_setaffinity(0, map(int, args.cores.split(",")))
    alone, one = measured(args.lesson, 1, args.threads)
    print(f"{'kernels':>8} {'seconds':>8} {'peak GB':>8}")
    print(f"{1:8} {alone:8.0f} {one / 1e9:8.2f}", flush=True)
    together, all_of_them = measured(args.lesson, args.kernels, args.threads)
    print(f"{args.kernels:8} {together:8.0f} {all_of_them / 1e9:8.2f}")
    print(f"together {together / alone:.1f} times as long as one alone")


if __name__ == "__main__":
    main()
