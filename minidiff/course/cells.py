"""The processes of a handed-in notebook: one runs its cells, on Linux another ends what they leave.

Solutions are not there. What an answer gives goes back as plain data, for others to judge.
"""

import asyncio
import contextlib
import ctypes
import os
import pkgutil
import re
import select
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from minidiff.course import exercises, slices
from minidiff.course.exercises.answers import Raised, outputs, to_text

MEMORY = 2**30  # bytes that cells may take beyond what the course itself takes
PROCESSES = 1000  # more than a class on one machine needs, too few to bring it down
LARGEST_FILE, LARGEST_REPLY = 2**26, 2**23
_PATIENCE = 600  # seconds after which a process that nobody has ended ends itself
_CHILD_SUBREAPER, _DIE_WITH_PARENT = 36, 1  # prctl
_NEW_USER, _NEW_PROCESSES = 0x10000000, 0x20000000  # unshare


@dataclass(frozen=True)
class Task:
    """An answer to run: its exercise, its cell's number and source, the name that is asked for.

    inputs: Python that defines `inputs`, as `inputs_source` gives it.
    """

    exercise: str
    at: int
    source: str
    answer: str
    inputs: str


@dataclass(frozen=True)
class Job:
    """What to run of a hand-in: setup cells, then tasks, each with what it needs of other cells."""

    setups: list
    tasks: list
    cells: list
    lesson: list


def guarded(job, folder, replies, stop, alone):
    """Runs a Job in a child, on Linux; ends all that they have started when it or `stop` ends.

    With `alone`, and where the system lets a user do so, they get a namespace of processes: they
    neither see nor signal any other, and what is in it dies with this one, the first in it.
    Elsewhere this process adopts those of them that lose their parent.
    """
    os.setsid()
    alone = alone and _new_namespace()
    if alone and (first := os.fork()):
        replies.close()
        os.waitpid(first, 0)
        return
    try:
        ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
        runner = os.fork()
        if runner:
            replies.close()
            select.select([stop, os.pidfd_open(runner)], [], [])
            if not alone:
                _end_children()
        else:
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
            run(job, folder, replies, alone)
    finally:
        os._exit(0)


def _new_namespace():
    """Whether from here on children start a namespace of processes, in one of users for its sake."""
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(_NEW_USER | _NEW_PROCESSES):
        return False
    with contextlib.suppress(OSError):  # nobody's rights are enough, if it comes to that
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def _end_children():
    """Kills children, then theirs, which this process has adopted, until none is left."""
    children = Path("/proc/thread-self/children")
    while found := children.read_text().split():
        for child in found:
            os.kill(int(child), signal.SIGKILL)
        for child in found:
            os.waitpid(int(child), 0)


def run(job, folder, replies, alone=False):
    """Runs the tasks of a Job one by one; replies to each, then waits for its end.

    A reply is [number, error or None, outputs or None, what it calls] as text; the first is "ready".
    """
    if hasattr(os, "setsid"):
        os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.chdir(folder)
    os.environ |= {"IPYTHONDIR": folder, "MPLBACKEND": "agg"}
    torch.set_num_threads(1)
    quiet = Config(HistoryManager={"enabled": False}, InteractiveShell={"xmode": "Minimal"})
    shell, me = InteractiveShell.instance(config=quiet), os.getpid()
    _forget_solutions()
    _limit(alone)
    replies.send_bytes(b"ready")
    for number, (error, got, calls) in enumerate(_outcomes(shell, job)):
        if os.getpid() != me:  # a fork that a cell has left behind
            os._exit(0)
        reply = to_text([number, error, got, calls])
        if len(reply) > LARGEST_REPLY:
            large = Raised("OverflowError", "it returned too much to be compared.")
            reply = to_text([number, error, [large] * len(got), calls])
        replies.send_bytes(reply.encode())
    time.sleep(_PATIENCE)


def _forget_solutions():
    """Lessons' declarations cannot be imported here, and what needs them does nothing."""
    for name in exercises.__all__:
        setattr(exercises, name, lambda *args, **options: None)
    for module in pkgutil.iter_modules(exercises.__path__, f"{exercises.__name__}."):
        if re.search(r"lesson\d\d$", module.name):
            sys.modules[module.name] = None


def _limit(alone):
    """Bounds memory, the size of files and, where they are its own, processes; on Linux."""
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if alone:  # elsewhere all of the user's processes count
        resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))


def _outcomes(shell, job):
    """What becomes of each task: its error, its answer's outputs, the library's function it calls."""
    exercises.check = asked = _Asked()
    for source in job.setups:
        yield _run(shell, source), None, None
    shell.user_ns["check"], notebook = asked, None
    for task in job.tasks:
        notebook = notebook or slices.Notebook(job.cells, job.lesson, set(shell.user_ns))
        yield _answered(shell, notebook, asked, task)


def _answered(shell, notebook, asked, task):
    """Runs a task's cell after what it needs of others. What it prints or draws does not count."""
    shell.user_ns.pop(task.answer, None)
    made = {}
    exec(task.inputs, made)  # noqa: S102
    asked.await_(task.exercise, made["inputs"])
    for code in notebook.needed(task.at, task.source):
        with contextlib.suppress(Exception):  # what lacks then is told where it is used
            exec(code, shell.user_ns)  # noqa: S102
    asked.got = None
    error = _run(shell, task.source)
    if (asked.answer is None or asked.answer is ...) and task.answer in shell.user_ns:
        asked(task.exercise, shell.user_ns[task.answer])
    if asked.got is None:
        return error, None, None
    return None, asked.got, slices.called(asked.answer, task.source, shell.user_ns)


def _run(shell, source):
    """Runs a cell; its error in words, or None."""
    # `run_cell` would keep all that is printed in memory.
    code = shell.transform_cell(source)
    ran = asyncio.run(shell.run_cell_async(source, transformed_cell=code))
    error = ran.error_before_exec or ran.error_in_exec
    return f"{type(error).__name__}: {error}" if error else None


class _Asked:
    """Stands where `check` is imported: keeps what an answer gives when its cell asks about it."""

    exercise = None

    def await_(self, exercise, inputs):
        self.exercise, self.inputs, self.got, self.answer = exercise, inputs, None, None

    def __call__(self, exercise, answer):
        if exercise == self.exercise:
            self.answer, self.got = answer, outputs(answer, self.inputs())
