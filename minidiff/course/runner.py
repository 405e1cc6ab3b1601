"""Runs the cells of a handed-in notebook in processes of their own, with bounded resources.

A cell that loops, dies or fills the memory loses its own outcome: the others run again without it.
This contains accidents and pranks. It is no sandbox: cells run with the rights of whoever runs them.
"""

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import queue
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

from minidiff.course import cells as child
from minidiff.course.exercises import find, inputs_source
from minidiff.course.exercises.answers import from_text

CELL_SECONDS, NOTEBOOK_SECONDS, START_SECONDS = 10, 60, 120
ALONE = True  # in a namespace of processes, where the system has them
WROTE = "its cell wrote where replies are written"
_TRIES, _PATIENCE = 5, 10  # starts of a process, and seconds until it has ended
# On Linux a process is a fork of one that has imported torch already, which takes seconds.
_START = "forkserver" if sys.platform == "linux" else "spawn"


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: its answer's `outputs`, or its `error`, or why it was not run.

    calls: the library's function that is all the answer calls, if it is no more than that.
    """

    outputs: list | None = None
    error: str | None = None
    not_run: str | None = None
    calls: str | None = None


def outcomes(setups, answers, cells, lesson):
    """The Outcome of each of `answers`, [(exercise, number of its cell)], each run by itself.

    setups: sources that run first. cells: all of the hand-in's, of which an answer may need some.
    lesson: those of the stored lesson, for names that no cell of the hand-in defines.
    """
    tasks = [_task(name, at, cells[at]) for name, at in answers]
    count, found, broken, deadline = len(setups) + len(tasks), {}, set(), None
    while len(found) < count:
        run = [i for i in range(count) if i not in broken]
        some = [setups[i] for i in run if i < len(setups)]
        rest = [tasks[i - len(setups)] for i in run if i >= len(setups)]
        with _process(child.Job(some, rest, cells, lesson)) as replies:
            deadline = deadline or time.monotonic() + NOTEBOOK_SECONDS
            for number, i in enumerate(run):
                seconds = min(CELL_SECONDS, deadline - time.monotonic())
                if seconds <= 0:
                    late = Outcome(not_run=f"the notebook used up its {NOTEBOOK_SECONDS} s")
                    return [found.get(i, late) for i in range(len(setups), count)]
                found[i] = _outcome(replies, number, seconds)
                if found[i].not_run:
                    broken.add(i)
                    break
    return [found[i] for i in range(len(setups), count)]


def _task(name, at, source):
    return child.Task(name, at, source, find(name).solution.__name__, inputs_source(name))


def _outcome(replies, number, seconds):
    """The Outcome that the process replies for its cell `number`; what came too late is passed over."""
    said, end = -1, time.monotonic() + seconds
    try:
        while said < number:
            replied = replies.get(timeout=max(0, end - time.monotonic()))
            if not replied:
                return Outcome(not_run="its cell ended the process that it ran in")
            said, error, outputs, calls = from_text(replied)
        if said != number or not all(isinstance(text, str | None) for text in (error, calls)):
            raise ValueError
        return Outcome(outputs, error, calls=calls)
    except queue.Empty:
        return Outcome(not_run=f"its cell ran for longer than {seconds:.0f} s")
    except (ValueError, TypeError, RecursionError):
        return Outcome(not_run=WROTE)


@contextlib.contextmanager
def _process(job):
    """A process that runs a Job; yields its replies. At the end it and what it started end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for _ in range(_TRIES):
            process, replies, stop = _started(job, folder)
            with stop, contextlib.ExitStack() as later:
                later.callback(_end, process, stop)
                if _ready(replies):
                    yield replies
                    return
    raise RuntimeError("the process that runs its cells does not start")


def _started(job, folder):
    """A process, a queue of its replies, and a connection that ends it when closed."""
    context = multiprocessing.get_context(_START)
    replies, theirs = context.Pipe(duplex=False)
    stopped, stop = context.Pipe(duplex=False)
    if _START == "forkserver":
        preload = [child.__name__, "minidiff.notebook.viz", "minidiff.notebook.widgets"]
        context.set_forkserver_preload(preload)
        work = {"target": child.guarded, "args": (job, folder, theirs, stopped, ALONE)}
    else:
        work = {"target": child.run, "args": (job, folder, theirs)}
    process = context.Process(daemon=True, **work)
    watch = threading.Timer(START_SECONDS, _end_server)
    watch.start()
    with theirs, stopped:
        try:
            process.start()
        except (EOFError, OSError):  # the fork server ends; a start after its end makes a new one
            time.sleep(1)
        finally:
            watch.cancel()
    return (
        process,
        _listen(replies, 2 * len(job.setups + job.tasks) + 1),
        stop,
    )  # some may be forged


def _listen(replies, count):
    """A queue that gets the next so many replies; b"" where they end, b"?" where they are none."""
    inbox = queue.Queue()

    def listen():
        with replies:
            try:
                for _ in range(count):
                    inbox.put(replies.recv_bytes(child.LARGEST_REPLY))
            except EOFError:
                inbox.put(b"")
            except OSError:
                inbox.put(b"?")

    threading.Thread(target=listen, daemon=True).start()
    return inbox


def _ready(replies):
    with contextlib.suppress(queue.Empty):
        return replies.get(timeout=START_SECONDS) == b"ready"


def _end(process, stop):
    """Ends a process, if it has started, and what it has started."""
    stop.close()
    if process.pid is None:
        return
    if _START == "forkserver":  # it ends the others first, then itself
        process.join(_PATIENCE)
    if process.is_alive():
        with contextlib.suppress(AttributeError, OSError):
            os.killpg(process.pid, signal.SIGKILL)  # Windows has no such thing
        process.kill()
        process.join(_PATIENCE)
    if process.is_alive() and _START == "forkserver":  # who should tell of its end has stopped
        _end_server()


def _end_server():
    """Kills the fork server, which does not answer: who waits for it gets an error."""
    if server := multiprocessing.forkserver._forkserver._forkserver_pid:
        os.kill(server, signal.SIGKILL)
