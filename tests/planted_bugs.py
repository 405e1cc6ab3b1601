"""Plant known bugs in a copy of the library, one at a time, and see the tests find each.

    python tests/planted_bugs.py             every bug against its unit tests (two minutes)
    python tests/planted_bugs.py --lessons   the bugs that name a lesson against that lesson, too

A bug counts as found if a test fails with it and passes without. One that nothing finds is printed
as MISSED, and the exit code is 1.
"""

import argparse
import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

# None of them imports minidiff, which each run takes from the copy.
PRELOADED = ["torch", "pytest", "nbval.plugin", "nbconvert", "diffusers"]
START = "forkserver" if sys.platform == "linux" else "spawn"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Bug:
    """What is wrong, the line as it should be, the line as planted, and who must find it."""

    name: str
    file: str
    right: str
    wrong: str
    test: str
    lesson: str = ""


BUGS = [
    Bug(
        "noise subtracted instead of added",
        "denoiser.py",
        "append_dims(alpha, x0) * x0 + append_dims(sigma, x0) * eps",
        "append_dims(alpha, x0) * x0 - append_dims(sigma, x0) * eps",
        "test_denoiser.py",
        "01_noising",
    ),
    Bug(
        "v with its signs swapped",
        "denoiser.py",
        "(-sigma, alpha),",
        "(sigma, -alpha),",
        "test_denoiser.py",
        "02_denoising",
    ),
    Bug(
        "a pipeline's network told the index after its own",
        "bridge/parts.py",
        "round(decimals=2) - 1)",
        "round(decimals=2))",
        "test_bridge.py",
    ),
    Bug(
        "files that do not say that a machine made them",
        "cli/record.py",
        "MACHINE | asked",
        "asked",
        "test_outputs.py",
    ),
    Bug(
        "alpha_bar without its root",
        "schedules.py",
        "return alpha_bar.sqrt().to(t), variance.sqrt().to(t)",
        "return alpha_bar.to(t), variance.sqrt().to(t)",
        "test_schedules.py",
        "01_noising",
    ),
    Bug(
        "DDPM's table read one entry too early",
        "schedules.py",
        "place = self.T * t.cpu().double()",
        "place = (self.T * t.cpu().double() - 1).clamp(min=0)",
        "test_schedules.py",
        "03_ddpm",
    ),
    Bug(
        "variance for standard deviation in the posterior",
        "samplers.py",
        "sigma_s * share.sqrt()",
        "sigma_s * share",
        "test_samplers.py",
        "03_ddpm",
    ),
    Bug(
        "DDIM's step with the noise of the wrong end",
        "samplers.py",
        "keep = sigma_s / sigma",
        "keep = sigma / sigma",
        "test_samplers.py",
        "04_faster",
    ),
    Bug(
        "2M extrapolates a whole step, not half",
        "samplers.py",
        "/ (2 * (lam - lam_before))",
        "/ (lam - lam_before)",
        "test_samplers.py",
        "04_faster",
    ),
    Bug(
        "padding that the pixels listen to",
        "nets/unet.py",
        "share = mask.to(tokens) / mask.sum(1, keepdim=True).clamp(min=1)",
        "share = torch.ones_like(mask).to(tokens) / mask.shape[1]",
        "test_nets.py",
    ),
    Bug(
        "a moving average that never moves",
        "training/ema.py",
        "[now[name] for name in self.learned], 1 - kept",
        "[now[name] for name in self.learned], 0 * kept",
        "test_training.py",
    ),
    Bug(
        "resuming with the batches of the start",
        "training/loop.py",
        "batch, seed), steps, workers, pin)",
        "batch, seed), range(len(steps)), workers, pin)",
        "test_training.py",
    ),
    Bug(
        "a figure that is shown without its alt text",
        "notebook/figures.py",
        'return ({}, {"image/png": {"alt": alt}}) if alt else {}',
        "return {}",
        "test_viz.py",
    ),
    Bug(
        "every row of a prompt with one seed",
        "cli/placeholders.py",
        "seed = before[prompt] if seed is None else seed",
        "seed = 0 if seed is None else seed",
        "test_placeholders.py",
    ),
    Bug(
        "a variation that is larger than noise",
        "studio/shots.py",
        "angle.cos() * noise_of(shot.of[0], shape)",
        "noise_of(shot.of[0], shape)",
        "test_studio.py",
    ),
]
# The patients of lesson 14; run as a script, since the room is not to be imported from here.
BUGS += [
    Bug(patient.name, patient.file, patient.right, patient.wrong, patient.test)
    for patient in runpy.run_path(str(ROOT / "minidiff/course/clinic.py"))["PATIENTS"]
]


class Copy:
    """A copy of the library in `folder`, to plant bugs in; weights and lessons are only linked to."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for part in ("minidiff", "tests"):
            shutil.copytree(ROOT / part, self.folder / part, ignore=left_out, copy_function=linked)
        for part in ("notebooks", "datasets", "pyproject.toml"):
            (self.folder / part).symlink_to(ROOT / part)
        self._end_server()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._end_server()

    def failing(self, path, bug=None):
        """The test in `path` that fails first with the bug planted; None if all of them pass."""
        file = bug and self.folder / "minidiff" / bug.file
        text = bug and file.read_text(encoding="utf-8")
        if bug and text.count(bug.right) != 1:
            raise ValueError(f"{bug.name}: {bug.right!r} is not exactly once in {bug.file}")
        try:
            if bug:
                file.write_text(text.replace(bug.right, bug.wrong), encoding="utf-8")
            return self._run(path)
        finally:
            if bug:
                file.write_text(text, encoding="utf-8")

    def _run(self, path):
        context = multiprocessing.get_context(START)
        if START == "forkserver":  # each run is a fork of a process that has imported torch already
            context.set_forkserver_preload(PRELOADED)
        told, theirs = context.Pipe(duplex=False)
        log = self.folder / "log.txt"
        process = context.Process(target=run, args=(self.folder, path, log, theirs))
        process.start()
        theirs.close()
        try:
            code, failed = told.recv()
        except EOFError:
            code, failed = "no code", None
        process.join()
        if (code, bool(failed)) not in ((0, False), (1, True)):  # else pytest itself has failed
            raise RuntimeError(f"pytest could not run {path}\n{log.read_text()[-2000:]}")
        return failed

    def _end_server(self):
        """Whoever forks next, here or in another test, gets a server with what it has preloaded."""
        if START == "forkserver":
            multiprocessing.forkserver._forkserver._stop()


def left_out(folder, names):
    return {"__pycache__", "e2e"} & set(names)


def linked(source, target):
    """Copies what a bug may be planted in, or that asks where it lies; links the rest."""
    copied = Path(source).suffix == ".py"
    return shutil.copy(source, target) if copied else os.symlink(source, target)


def run(folder, path, log, told):
    """In a process of its own: tells pytest's exit code and the first test that failed."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.chdir(folder)
    # A file that has changed twice in a second would be taken for its old bytecode.
    sys.dont_write_bytecode = True
    os.environ |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.path.insert(0, str(folder))
    failed = []

    class Failed:
        def pytest_runtest_logreport(self, report):
            failed.extend([report.nodeid] if report.failed else [])

    code = pytest.main(["-x", "-q", path], plugins=[Failed()])
    told.send((int(code), (failed or [None])[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lessons", action="store_true", help="run the lessons as well")
    lessons, missed = parser.parse_args().lessons, 0
    with tempfile.TemporaryDirectory() as folder, Copy(folder) as copy:
        for bug in BUGS:
            paths = [f"tests/{bug.test}"]
            if lessons and bug.lesson:
                paths.append(f"notebooks/{bug.lesson}.ipynb")
            for path in paths:
                failed = copy.failing(path, bug)
                caught = bool(failed) and not copy.failing(path if "ipynb" in path else failed)
                missed += not caught
                said = "found " if caught else "MISSED"
                print(f"{said}  {path:32} {bug.file}: {bug.name}", flush=True)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
