"""What each command of `minidiff` does: models, recipes and samplers go by name here, and only here.

A command is a function from the parsed arguments to an exit code. ValueError and OSError carry the
sentence that the command line prints.
"""

import math
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from . import distributed, generation, outputs, pretrained, recipe_file, scene_scores, training
from . import evaluate as scoring
from .devices import pick
from .model import Model
from .recipes import RECIPES
from .samplers import ddim, ddpm, dpmpp_2m, heun
from .text import LabelEncoder, Unconditional

SAMPLERS = {"ddim": ddim, "ddpm": ddpm, "heun": heun, "dpmpp_2m": dpmpp_2m}
EVALUATIONS = {
    "points": scoring.evaluate_points,
    "digits": scoring.evaluate_digits,
    "digits-text": scoring.evaluate_text,
    "scenes": scene_scores.evaluate_scenes,
    "scenes-small": scene_scores.evaluate_scenes,
}


def train(args):
    """Writes DIR/state.pt on the way; at the end, or where it stopped, weights and manifest."""
    given = {"recipe": args.recipe}
    if args.recipe.endswith(".toml"):
        given = recipe_file.read(args.recipe)
    options = {name: getattr(args, name, None) for name in recipe_file.FIELDS if name != "recipe"}
    given |= {name: value for name, value in options.items() if value is not None}
    name = given.pop("recipe")
    recipe = look_up("recipe", name, RECIPES)
    folder = Path(given.pop("out", Path("runs") / Path(args.recipe).stem))
    device = pick(given.pop("device", None))
    settings = {"images": recipe.images, "seed": 0} | recipe.settings | given
    state, images = folder / "state.pt", settings["images"]
    if state.exists() and not args.resume:
        raise ValueError(f"{state} holds a run already; add --resume, or choose another --out")
    if args.resume and not state.exists():
        raise ValueError(f"--resume found nothing to resume: there is no {state}")
    folder.mkdir(parents=True, exist_ok=True)
    outputs.check_writable(state)
    spent = pretrained.manifest(folder).get(name, {}).get("minutes", 0) if args.resume else 0
    started, progress = time.monotonic(), None
    with distributed.team(device) as device, interrupts() as interrupted:
        torch.manual_seed(settings["seed"])  # the networks' first weights
        steps = training.train(
            recipe.model(),
            recipe.data(),
            device=str(device),
            state=state,
            resume=args.resume,
            **settings,
        )
        silent = distributed.rank() > 0 or None
        with tqdm(total=images, unit="img", desc=name, disable=silent) as bar:
            for progress in generation.within_memory(steps, settings.get("batch", 64)):
                bar.set_postfix_str(f"loss {progress.loss:.3f}", refresh=False)
                bar.update(progress.images - bar.n)
                stopped = distributed.anyone(interrupted)
                if stopped:
                    break
            steps.close()  # which saves the state
        first = distributed.rank() == 0
    if progress is None:
        raise ValueError(f"{state} holds a finished run of {images} images: nothing to resume")
    if first:
        spent = round(spent + (time.monotonic() - started) / 60, 1)
        facts = dict(recipe=name, seed=settings["seed"], images=progress.images, minutes=spent)
        pretrained.save(name, progress.model, folder, **facts)
        print(f"{progress.images} of {images} images: {folder / name}.safetensors")
    return 130 if stopped else 0


def generate(args):
    """n samples for each prompt, in the prompts' order, one chunk of them in memory at a time."""
    path, suffix = outputs.check(args.out, args.frames)
    sampler = args.sampler and look_up("sampler", args.sampler, SAMPLERS)
    prompts = args.prompts + (outputs.lines(args.source) if args.source else [])
    model, _ = open_model(args.model, args.device)
    pictures, speechless = len(model.shape) == 3, isinstance(model.encoder, Unconditional)
    if speechless and (prompts or args.guidance is not None or args.negative):
        raise ValueError(f"model {args.model!r} takes no prompts and no guidance")
    w = model.w if args.guidance is None else args.guidance
    if args.negative is not None and w == 1:
        raise ValueError("--negative needs --guidance, a number other than 1")
    prompts = prompts or unasked(model.encoder)
    asked = [prompt for prompt in prompts for _ in range(args.n)]
    outputs.check_count(len(asked), suffix, pictures, args.frames)
    if args.size:
        generation.resize(model, *args.size)
    generation.check_prompts(model, prompts + [args.negative] * (args.negative is not None))
    if "" in prompts:
        print("minidiff: an empty prompt asks for anything at all", file=sys.stderr)
    batch = len(asked) if args.frames else args.batch or (64 if pictures else 4096)
    ts = model.grid(args.steps or model.steps)
    way = dict(w=w, negative=args.negative, ts=ts, sampler=sampler, batch=batch)
    walks, steps = generation.walks(model, asked, args.seed, **way), len(ts) - 1
    total = math.ceil(len(asked) / batch) * steps
    with tqdm(total=total, desc=args.model, unit="step", leave=False, disable=None) as bar:
        watch = generation.watched if args.frames else generation.finished
        made = generation.within_memory(watch(model, walks, bar), min(batch, len(asked)))
        if args.frames:
            outputs.film(path, made, steps, args.enlarge)
        elif suffix == ".png":
            outputs.grid(path, torch.cat(list(made)), prompts, args.enlarge)
        elif suffix == ".npz":
            name = "images" if pictures else "points"
            outputs.arrays(path, made, len(asked), name, **told(asked, model.encoder))
        else:
            outputs.folder(path, made, asked, args.enlarge or 1)
    print(args.out)
    return 0


def unasked(encoder):
    """What to generate if nobody says: a sample of each label, or of anything."""
    if isinstance(encoder, LabelEncoder):
        return [str(label) for label in range(encoder.classes)]
    return [encoder.null]


def told(asked, encoder):
    """What an .npz says of its samples beside them, by name: labels, prompts or nothing."""
    if isinstance(encoder, Unconditional):
        return {}
    labels = isinstance(encoder, LabelEncoder)
    return {"labels": np.array(asked, int)} if labels else {"prompts": np.array(asked)}


def evaluate(args):
    """A table on stdout: median, least and greatest over the seeds, real data, ratio."""
    model, recipe = open_model(args.model, args.device)
    rows = look_up("recipe", recipe, EVALUATIONS)(model, args.samples, args.seeds, args.steps)
    print(f"{args.model}: {args.samples} samples, {args.seeds} seeds, w = {model.w:g}")
    print(scoring.table(rows))
    return 0


def lessons(args):
    """See `lesson_commands`; it brings the notebook machinery, which no other command needs."""
    from .teaching import commands as lesson_commands

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
    if not isinstance(model, Model):
        raise ValueError(f"model {name!r} is a part of others and paints nothing by itself")
    return model.to(device), pretrained.manifest(folder)[name]["recipe"]


def look_up(what, name, table):
    """table[name]; ValueError, with the names there are, if there is none."""
    if name not in table:
        raise ValueError(f"{what} must be one of {', '.join(table)}, got {name!r}")
    return table[name]


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
