"""Runs the cells of a handed-in notebook in processes of their own, with bounded resources.

A cell that loops, dies or fills the memory loses its own verdict: the others run again without it.
This contains accidents and pranks. It is no sandbox: cells run with the rights of whoever runs them.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from minidiff.course.exercises import NOT_ATTEMPTED, NOT_YET, find, grade

NOT_RUN = "not run"
CELL_SECONDS, NOTEBOOK_SECONDS, START_SECONDS = 10, 60, 300
MEMORY = 2**30  # bytes that cells may take beyond what the course itself takes
LARGEST_FILE = 2**26
# A reply of so many characters is written to a pipe, and read from it, in one piece.
LONGEST_TEXT, _LONGEST_REPLY = 250, 4096
# On Linux a process is a fork of one that has imported torch already, which takes seconds.
_START = "forkserver" if sys.platform == "linux" else "spawn"


def verdicts(cells):
    """(status, remark) for each of [(exercise, source)], run in order in one namespace.

    A cell that belongs to no exercise is called "", and its verdict means nothing.
    """
    found, broken, deadline = {}, set(), None
    while len(found) < len(cells):
        run = [i for i in range(len(cells)) if i not in broken]
        with _process([cells[i] for i in run]) as replies:
            deadline = deadline or time.monotonic() + NOTEBOOK_SECONDS
            for i in run:
                seconds = min(CELL_SECONDS, deadline - time.monotonic())
                if seconds <= 0:
                    late = NOT_RUN, f"the notebook used up its {NOTEBOOK_SECONDS} s"
                    return [found.get(i, late) for i in range(len(cells))]
                found[i], complete = _reply(replies, seconds)
                if not complete:
                    broken.add(i)
                    break
    return [found[i] for i in range(len(cells))]


def _reply(replies, seconds):
    """The verdict on the running cell, and whether the process can go on."""
    try:
        if not replies.poll(seconds):
            return (NOT_RUN, f"its cell ran for longer than {seconds:.0f} s"), False
        status, remark = json.loads(replies.recv_bytes(_LONGEST_REPLY))
        return (str(status), str(remark)), True
    except EOFError:
        return (NOT_RUN, "its cell ended the process that it ran in"), False
    except (OSError, ValueError, TypeError):
        return (NOT_RUN, "its cell wrote where verdicts are written"), False


@contextlib.contextmanager
def _process(cells):
    """A process that runs `cells`; yields its replies. At the end it and its children die."""
    context = multiprocessing.get_context(_START)
    if _START == "forkserver":
        context.set_forkserver_preload(
            [__name__, "minidiff.notebook.viz", "minidiff.notebook.widgets"]
        )
    replies, theirs = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, replies:
        process = context.Process(target=_run, args=(cells, folder, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            if not replies.poll(START_SECONDS) or replies.recv_bytes() != b"ready":
                raise RuntimeError("The process that runs handed-in cells does not start.")
            if os.name == "posix":  # half a reply is an error, and nothing to wait for
                os.set_blocking(replies.fileno(), False)
            yield replies
        finally:
            with contextlib.suppress(AttributeError, OSError):
                os.killpg(process.pid, signal.SIGKILL)  # Windows has no such thing
            process.kill()
            process.join()


def _run(cells, folder, replies):
    """In the process: runs cells, replies with a verdict on each, then waits for its end."""
    if hasattr(os, "setsid"):
        os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.chdir(folder)
    os.environ |= {"IPYTHONDIR": folder, "MPLBACKEND": "agg"}
    torch.set_num_threads(1)
    quiet = Config(HistoryManager={"enabled": False}, InteractiveShell={"xmode": "Minimal"})
    shell = InteractiveShell.instance(config=quiet)
    _limit()
    replies.send_bytes(b"ready")
    for name, source in cells:
        status, remark = _verdict(shell, name, source)
        replies.send_bytes(json.dumps([status, remark[:LONGEST_TEXT]]).encode())
    time.sleep(NOTEBOOK_SECONDS)


def _limit():
    """Bounds memory and the size of files, where the system can."""
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _verdict(shell, name, source):
    """Runs a cell; its status and remark. What it prints, draws or checks does not count."""
    answer = find(name).solution.__name__ if name else None
    before = shell.user_ns.pop(answer, None)
    # `run_cell` would keep all that is printed in memory.
    code = shell.transform_cell(source)
    ran = asyncio.run(shell.run_cell_async(source, transformed_cell=code))
    if not name:
        return "", ""
    if answer in shell.user_ns:
        result = grade(name, shell.user_ns[answer])
        return result.status, result.message
    if before is not None:
        shell.user_ns[answer] = before
    if error := ran.error_before_exec or ran.error_in_exec:
        return NOT_YET, f"its cell raised {type(error).__name__}: {error}"
    return NOT_ATTEMPTED, f"its cell does not define `{answer}`"
