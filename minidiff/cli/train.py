"""`minidiff train`: recipes go by name here, and only here."""

import signal
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from tqdm import tqdm

from .. import pretrained, training
from ..codecs import Scaled
from ..errors import UserError, shown
from ..evaluation.judges.digits import Judge
from ..evaluation.judges.scenes import SceneJudge
from ..files import check_writable, owned
from ..recipes import RECIPES, toml
from ..recipes.recipe import plain
from ..sampling import generator_at
from ..training import checkpoints, distributed
from ..training.devices import get_device
from .models import look_up, within_memory

PASSED_ON = ("device", "workers", "minutes")  # options that hold for a recipe's needs, too


def train(args):
    """Writes DIR/state.pt on the way; at the end, or where it stopped, weights and manifest."""
    given = {"recipe": args.recipe}
    if args.recipe.endswith(".toml"):
        given = toml.read(args.recipe)
    for name in toml.FIELDS:
        value = getattr(args, name, None)
        if value is not None and name != "recipe":
            toml.check("the command", name, value)
            given[name] = value
    name = given.pop("recipe")
    recipe = look_up("recipe", name, RECIPES)
    folder = Path(given.pop("out", Path("runs") / Path(args.recipe).stem))
    device = get_device(given.pop("device", None))
    begun = [place / "state.pt" for place in (folder, *(folder / need for need in recipe.needs))]
    begun = [state for state in begun if state.exists()]
    if begun and not args.resume:
        raise UserError(
            f"{shown(begun[0])} holds a run already; add --resume, or choose another --out"
        )
    if args.resume and not begun:
        raise UserError(
            f"--resume found nothing to resume: there is no {shown(folder / 'state.pt')}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    check_writable(folder / "state.pt")
    with distributed.process_group(device) as device, interrupts() as interrupted:
        with nullcontext() if distributed.rank() else owned(folder):
            return run(name, folder, given | {"device": device}, interrupted)


def run(name, folder, given, interrupted):
    """Train a recipe in a folder, what it needs first; returns the exit code."""
    recipe, started = RECIPES[name], time.monotonic()
    for need in recipe.needs:
        if need not in pretrained.manifest():
            (folder / need).mkdir(parents=True, exist_ok=True)
            passed = {key: value for key, value in given.items() if key in PASSED_ON}
            code = run(need, folder / need, passed, interrupted)
            if code or not is_finished(need, folder / need):
                return code
    given = dict(given)
    if "minutes" in given:
        given["minutes"] = max(0, given["minutes"] - (time.monotonic() - started) / 60)
    device, start = given.pop("device"), given.pop("start", None)
    latents = given.pop("latents", recipe.latents) if recipe.encoded else 0
    settings = {"images": recipe.images, "seed": 0} | recipe.settings | given
    state = folder / "state.pt"
    torch.manual_seed(first_weights(settings["seed"]))
    needed = [made(need, folder) for need in recipe.needs]
    model, stream = recipe.model(*needed), None
    if start:
        checkpoints.fill(model, made(start, folder).state_dict(), start)
    if latents:
        with distributed.first_alone():
            path, workers = folder / "latents.pt", settings.get("workers", 0)
            stream = recipe.encoded(needed[0].to(device), latents, path, workers)
    if codec := latents and getattr(model, "codec", None):
        model.codec = Scaled(1)  # what comes is encoded already
    plan = {"recipe": name, "latents": latents, "start": start}
    steps = training.train(
        model,
        stream or recipe.data(),
        device=str(device),
        state=state,
        resume=state.exists(),
        loss=recipe.loss and recipe.loss(model),
        plan=plan,
        **settings,
    )
    progress = follow(steps, name, settings, interrupted)
    if not distributed.rank():
        if codec:
            progress.model.codec = codec
        keep(name, recipe.keep(progress.model), folder, progress, settings | plan, started)
    return 128 + interrupted[0] if interrupted else 0


def follow(steps, name, settings, interrupted):
    """Draw the progress of a run until it ends or is interrupted; returns its last Progress."""
    images, batch = settings["images"], settings.get("batch", 64)
    silent = distributed.rank() > 0 or None
    # held by a name: an error in the last save would be lost if the generator closed unseen
    steps = within_memory(steps, batch)
    with tqdm(total=images, unit="img", desc=name, disable=silent) as bar:
        for progress in steps:
            if bar.update(progress.images - bar.n):  # where it is drawn: reading makes a GPU wait
                bar.set_postfix_str(f"loss {progress.loss:.3f}", refresh=False)
            if distributed.any_rank(interrupted):
                interrupted += [] if interrupted else [signal.SIGINT]  # it was another process
                break
        steps.close()  # which saves the state
    return progress


def keep(name, model, folder, progress, settings, started):
    """Write weights and manifest of a run as far as it is, and say so."""
    try:
        before = pretrained.manifest(folder).get(name, {})
    except UserError:  # all that it holds is made again
        (folder / "manifest.json").unlink()
        before = {}
    minutes = round(before.get("minutes", 0) + (time.monotonic() - started) / 60, 1)
    done = dict(seed=settings["seed"], images=progress.images, minutes=minutes)
    pretrained.save(name, model, folder, recipe=name, settings=plain(settings), **done)
    print(
        f"{progress.images} of {settings['images']} images: {folder / name}.safetensors", flush=True
    )


def is_finished(name, folder):
    """Whether a run in a folder came to its end."""
    facts = pretrained.manifest(folder)[name]
    return facts["images"] + facts["settings"].get("batch", 64) > facts["settings"]["images"]


def made(name, folder):
    """A model to start from: a shipped one, or one that was trained in a folder of that name."""
    home = pretrained.HERE if name in pretrained.manifest() else folder / name
    return pretrained.load(name, home, Judge, SceneJudge)


def first_weights(seed):
    """A seed for the networks' first weights; torch would keep the lower 32 bits of a larger one."""
    return seed if seed < 2**32 else generator_at(seed).initial_seed()


@contextmanager
def interrupts():
    """Yields a list that the first Ctrl-C or SIGTERM makes non-empty; the second ends as usual."""
    seen, before = [], {}

    def note(number, frame):
        seen.append(int(number))
        for each, handler in before.items():
            signal.signal(each, handler)

    for each in (signal.SIGINT, signal.SIGTERM):
        before[each] = signal.signal(each, note)
    try:
        yield seen
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
