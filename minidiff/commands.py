"""What each command of `minidiff` does: models, recipes and samplers go by name here, and only here.

A command is a function from the parsed arguments to an exit code. ValueError and OSError carry the
sentence that the command line prints.
"""

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from . import evaluate as scoring
from . import pretrained, training
from .checkpoints import replacing
from .devices import pick
from .recipes import RECIPES
from .samplers import ddim, ddpm, dpmpp_2m, heun

SAMPLERS = {"ddim": ddim, "ddpm": ddpm, "heun": heun, "dpmpp_2m": dpmpp_2m}
EVALUATIONS = {
    "points": scoring.evaluate_points,
    "digits": scoring.evaluate_digits,
    "digits-text": scoring.evaluate_text,
}


def train(args):
    """Writes DIR/state.pt on the way; at the end, or where it stopped, weights and manifest."""
    recipe = look_up("recipe", args.recipe, RECIPES)
    folder = args.out or Path("runs") / args.recipe
    state, images = folder / "state.pt", args.images or recipe.images
    if state.exists() and not args.resume:
        raise ValueError(f"{state} holds a run already; add --resume, or choose another --out")
    if args.resume and not state.exists():
        raise ValueError(f"--resume found nothing to resume: there is no {state}")
    folder.mkdir(parents=True, exist_ok=True)
    check_writable(state)
    torch.manual_seed(args.seed)  # the networks' first weights
    steps = training.train(
        recipe.model(),
        recipe.data(),
        images,
        seed=args.seed,
        device=args.device,
        minutes=args.minutes,
        state=state,
        resume=args.resume,
        **recipe.settings,
    )
    spent = pretrained.manifest(folder).get(args.recipe, {}).get("minutes", 0) if args.resume else 0
    started, progress = time.monotonic(), None
    with (
        tqdm(total=images, unit="img", desc=args.recipe, disable=None) as bar,
        interrupts() as interrupted,
    ):
        for progress in steps:
            bar.set_postfix_str(f"loss {progress.loss:.3f}", refresh=False)
            bar.update(progress.images - bar.n)
            if interrupted:
                break
        steps.close()  # which saves the state
    if progress is None:
        raise ValueError(f"{state} holds a finished run of {images} images: nothing to resume")
    spent = round(spent + (time.monotonic() - started) / 60, 1)
    facts = dict(recipe=args.recipe, seed=args.seed, images=progress.images, minutes=spent)
    pretrained.save(args.recipe, progress.model, folder, **facts)
    print(f"{progress.images} of {images} images: {folder / args.recipe}.safetensors")
    return 130 if interrupted else 0


def generate(args):
    """n samples for each prompt, in the prompts' order; written only when all of them are there."""
    check_output(args.out)
    sampler = args.sampler and look_up("sampler", args.sampler, SAMPLERS)
    model, recipe = open_model(args.model, args.device)
    if recipe == "points" and (args.prompts or args.guidance is not None or args.negative):
        raise ValueError(f"model {args.model!r} takes no prompts and no guidance")
    w = model.w if args.guidance is None else args.guidance
    if args.negative is not None and w == 1:
        raise ValueError("--negative needs --guidance, a number other than 1")
    prompts = args.prompts or {"points": [None], "digits": list("0123456789")}.get(recipe, [""])
    if recipe != "points" and args.out.suffix == ".png" and len(prompts) * args.n > 400:
        raise ValueError(
            f"a .png holds up to 400 pictures, got {len(prompts)} x {args.n}; use .npz"
        )
    made = scoring.samples(
        model,
        [prompt for prompt in prompts for _ in range(args.n)],
        args.seed,
        w,
        args.negative,
        model.grid(args.steps or model.steps),
        scoring.seeded(sampler, args.seed),
        batch=4096 if recipe == "points" else 64,
    )
    with replacing(args.out) as temporary, open(temporary, "wb") as file:
        if args.out.suffix == ".png":
            file.write(drawn(made, prompts, recipe))
        elif recipe == "points":
            np.savez(file, points=made.numpy())
        else:
            asked = np.repeat(prompts, args.n)
            told = {"labels": asked.astype(int)} if recipe == "digits" else {"prompts": asked}
            np.savez(file, images=made.numpy(), **told)
    print(args.out)
    return 0


def drawn(made, prompts, recipe):
    """The PNG bytes of a scatter, or of a labelled grid: few prompts get a row each."""
    from . import viz

    if recipe == "points":
        return viz.png(viz.points(made))
    n = len(made) // len(prompts)
    if 1 < n <= 16:
        return viz.png(viz.images(list(made.split(n)), labels=prompts))
    labels = [prompt for prompt in prompts for _ in range(n)]
    return viz.png(viz.images(made, labels=labels, columns=min(len(made), 16 if n > 16 else 10)))


def evaluate(args):
    """A table on stdout: median, least and greatest over the seeds, real data, ratio."""
    model, recipe = open_model(args.model, args.device)
    rows = look_up("recipe", recipe, EVALUATIONS)(model, args.samples, args.seeds, args.steps)
    print(f"{args.model}: {args.samples} samples, {args.seeds} seeds, w = {model.w:g}")
    print(scoring.table(rows))
    return 0


def lessons(args):
    """See `lesson_commands`; it brings the notebook machinery, which no other command needs."""
    from . import lesson_commands

    return getattr(lesson_commands, args.action)(args)


def open_model(name, device):
    """A shipped model, or the one in a folder that `train` wrote, and the name of its recipe."""
    device, folder = pick(device), pretrained.HERE
    if name not in pretrained.manifest() and Path(name).is_dir():
        folder, known = Path(name), list(pretrained.manifest(name))
        if not known:
            raise ValueError(f"no model in {name}: a folder written by `minidiff train` has one")
        name = known[0]
    model = pretrained.load(name, folder)
    return model.to(device), pretrained.manifest(folder)[name]["recipe"]


def look_up(what, name, table):
    """table[name]; ValueError, with the names there are, if there is none."""
    if name not in table:
        raise ValueError(f"{what} must be one of {', '.join(table)}, got {name!r}")
    return table[name]


def check_output(path):
    """Before any work: ValueError or OSError if `path` cannot become a .png or .npz file."""
    if path.suffix not in (".png", ".npz"):
        raise ValueError(f"-o must end in .png or .npz, got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}")
    check_writable(path)


def check_writable(path):
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise PermissionError(f"cannot write {path}: it or its folder does not allow that")


@contextmanager
def interrupts():
    """Yields a list that the first Ctrl-C makes non-empty; the second one interrupts as usual."""
    seen = []

    def note(number, frame):
        seen.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
