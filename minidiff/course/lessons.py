"""The stored lessons: run them in place, and find what would spoil them for a reader or a test."""

import asyncio
import base64
import copy
import io
import os
import subprocess
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

import ipykernel.kernelspec
import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image
from tqdm.auto import tqdm

from minidiff.course.lint import findings
from minidiff.errors import UserError, shown
from minidiff.files import atomic_write

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURES = {".gif", ".jpeg", ".jpg", ".png", ".svg", ".webp"}
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_CELL_METADATA = {"tags", "jupyter", "nbgrader"}


class _ThisPython(AsyncKernelManager):
    """A kernel of the running interpreter, whatever kernels a user has registered."""

    kernel_spec = KernelSpec(
        resource_dir=ipykernel.kernelspec.RESOURCES, **ipykernel.kernelspec.get_kernel_dict()
    )


def run(paths=None, timeout=600):
    """Executes lessons in place, top to bottom in fresh kernels; returns the paths that changed.

    paths: notebooks, by default all lessons. timeout: seconds for a cell. A lesson is written
    only when all of it ran: a cell that raises or writes to stderr is a RuntimeError that names
    it, and leaves the file as it was. Running twice on one machine changes nothing.
    """
    changed = []
    for path in tqdm(paths_of(paths), desc="lessons", disable=None):
        before = path.read_bytes()
        after = nbformat.writes(normalise(_execute(path, read(path), timeout))) + "\n"
        if after.encode() != before:
            _write(path, after)
            changed.append(path)
    return changed


def lint(paths=None):
    """What is wrong with stored lessons, by default all: one text per finding, none when clean."""
    found, samples = [], {}
    for path in paths_of(paths):
        nb = read(path)
        found += [f"{path.name}: {text}" for text in findings(path, nb)]
        if nb != normalise(nb):
            found.append(f"{path.name}: not in the form that `minidiff lessons run` writes")
        for cell in nb.cells:
            if "sample" in cell.metadata.get("tags", []):
                samples.setdefault(cell.source.strip(), path.name)
    if len(samples) > 1:
        found.append(f"the `sample` cells differ between {' and '.join(samples.values())}")
    return found


def normalise(nb):
    """A copy without what changes from run to run or from machine to machine.

    Cell ids and widget ids are numbered, recorded times, widget state and versions dropped, and
    pictures kept in 256 colours, which halves them.
    """
    nb, count, widgets = copy.deepcopy(nb), 0, {}
    nb.metadata, nb.nbformat, nb.nbformat_minor = nbformat.from_dict(_METADATA), 4, 5
    for number, cell in enumerate(nb.cells):
        cell.id = f"cell-{number:02}"
        kept = {key: cell.metadata[key] for key in _CELL_METADATA & set(cell.metadata)}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type != "code":
            continue
        count += bool(cell.source.strip())
        cell.execution_count = count if cell.source.strip() else None
        for out in cell.outputs:
            if "execution_count" in out:
                out.execution_count = cell.execution_count
            if out.output_type == "error":  # a traceback holds colours and paths of the machine
                out.traceback = [f"{out.ename}: {out.evalue}"]
            data = out.get("data", {})
            if "image/png" in data:
                data["image/png"] = in_palette(data["image/png"])
            view = data.get(WIDGET)
            if isinstance(view, dict) and "model_id" in view:
                view.model_id = widgets.setdefault(view.model_id, f"widget-{len(widgets) + 1}")
    return nb


def in_palette(png):
    """A PNG in base64 with the 256 colours that suit it best, if it is one and becomes smaller."""
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(png)))
    except (OSError, ValueError):
        return png
    if picture.mode == "P":
        return png
    written = io.BytesIO()
    picture.convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(
        written, "PNG", optimize=True
    )
    made = base64.b64encode(written.getvalue()).decode()
    return made + "\n" * png.endswith("\n") if len(made) < len(png) else png


def paths_of(paths):
    """The lessons asked for, by default all of them; FileNotFoundError for one that is missing."""
    paths = [Path(path) for path in paths or sorted(NOTEBOOKS.glob("*.ipynb"))]
    if not paths:
        raise FileNotFoundError(
            f"No lessons at {NOTEBOOKS}: name the notebooks that are meant, or install the library "
            "from its repository with `pip install -e .`."
        )
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"No lesson at {path}.")
    return paths


def read(path):
    """The notebook at `path`; UserError for a file that is none."""
    try:
        nb = nbformat.reads(Path(path).read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(nb)
        nbformat.writes(nb).encode()
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 (a file may be broken in any way)
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"{shown(path)} is no notebook: {reason[0]:.90}") from error
    return nb


def picture_beside(path, name):
    """The picture that the notebook at `path` calls `name`; None unless it lies in its folder."""
    folder = Path(path).parent.resolve()
    file = (folder / name).resolve()
    inside = file.is_relative_to(folder) and file.suffix.lower() in PICTURES
    return file if inside and file.is_file() else None


def _execute(path, nb, timeout):
    at = 0

    def remember(cell, cell_index):
        nonlocal at
        at = cell_index

    client = NotebookClient(
        nb,
        timeout=timeout,
        kernel_manager_class=_ThisPython,
        resources={"metadata": {"path": str(path.resolve().parent)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_start=remember,
    )
    # Lessons are stored as the CPU computes them.
    env = {key: value for key, value in os.environ.items() if key != "MINIDIFF_DEVICE"}
    try:
        _finish(client, env=env, stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        raise RuntimeError(f"{path.name}, cell {at}: {error.ename}: {error.evalue}") from None
    except CellTimeoutError:
        raise RuntimeError(f"{path.name}, cell {at}: took longer than {timeout} s.") from None
    except DeadKernelError:
        raise RuntimeError(f"{path.name}, cell {at}: the kernel died.") from None
    for number, cell in enumerate(nb.cells):
        for out in cell.get("outputs", []):
            if out.get("name") == "stderr":
                line = out.text.strip().splitlines()[0]
                raise RuntimeError(f"{path.name}, cell {number}: wrote to stderr: {line}")
    return nb


def _finish(client, **settings):
    """Runs a client's notebook to its end. Ctrl-C ends it, kernel and all, and is a KeyboardInterrupt.

    In a thread, since nbclient takes signals for itself in the main one, where a loop may run already.
    """
    loop, done = asyncio.new_event_loop(), Future()

    def run():
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                done.set_result(runner.run(client.async_execute(**settings)))
        except BaseException as error:  # noqa: BLE001 (it is the caller's)
            done.set_exception(error)

    # A daemon, so that nothing that hangs in there can hold the whole process.
    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        return done.result()
    except KeyboardInterrupt:
        loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
        thread.join(10)
        kernel = getattr(client.km and client.km.provisioner, "process", None)
        if thread.is_alive() and kernel:
            kernel.kill()
            thread.join(10)
        raise


def _write(path, text):
    """Replaces the file at once: an interrupted run leaves the old one."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
