"""Plant known bugs in a copy of the library, one at a time, and see the tests find each.

    python tests/planted_bugs.py             every bug against its unit tests (two minutes)
    python tests/planted_bugs.py --lessons   the bugs that name a lesson against that lesson, too

A bug that nothing finds is printed as MISSED, and the exit code is 1.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

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
        "guidance that walks away from the prompt",
        "guidance.py",
        "torch.lerp(null(x, t), denoise(x, t), w)",
        "torch.lerp(denoise(x, t), null(x, t), w)",
        "test_denoiser.py",
        "05_unet",
    ),
    Bug(
        "clipping dropped",
        "guidance.py",
        "denoise(x, t, *cond).clamp(low, high)",
        "denoise(x, t, *cond)",
        "test_denoiser.py",
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
]


def found(bug, path):
    """Whether running `path` (relative to the repository) fails once the bug is planted."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("minidiff", "tests", "notebooks"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "datasets").symlink_to(ROOT / "datasets")
        shutil.copy(ROOT / "pyproject.toml", copy)
        file = copy / "minidiff" / bug.file
        text = file.read_text(encoding="utf-8")
        if text.count(bug.right) != 1:
            raise ValueError(f"{bug.name}: {bug.right!r} is not exactly once in {bug.file}")
        file.write_text(text.replace(bug.right, bug.wrong), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", path],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1):  # 1: a test failed; more: pytest itself did
            raise RuntimeError(f"{bug.name}: pytest could not run {path}\n{done.stdout[-2000:]}")
        return done.returncode == 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lessons", action="store_true", help="run the lessons as well")
    missed = 0
    for bug in BUGS:
        paths = [f"tests/{bug.test}"]
        if parser.parse_args().lessons and bug.lesson:
            paths.append(f"notebooks/{bug.lesson}.ipynb")
        for path in paths:
            caught = found(bug, path)
            missed += not caught
            print(
                f"{'found ' if caught else 'MISSED'}  {path:32} {bug.file}: {bug.name}", flush=True
            )
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
