"""`minidiff train`: recipes go by name here, and only here."""

import signal
import time
from contextlib import contextmanager
from pathlib import Path

import torch
from tqdm import tqdm

from .. import pretrained, training
from ..files import check_writable
from ..recipes import RECIPES, toml
from ..training import distributed
from ..training.devices import get_device
from .models import look_up, within_memory


def train(args):
    """Writes DIR/state.pt on the way; at the end, or where it stopped, weights and manifest."""
    given = {"recipe": args.recipe}
    if args.recipe.endswith(".toml"):
        given = toml.read(args.recipe)
    options = {name: getattr(args, name, None) for name in toml.FIELDS if name != "recipe"}
    given |= {name: value for name, value in options.items() if value is not None}
    name = given.pop("recipe")
    recipe = look_up("recipe", name, RECIPES)
    folder = Path(given.pop("out", Path("runs") / Path(args.recipe).stem))
    device = get_device(given.pop("device", None))
    settings = {"images": recipe.images, "seed": 0} | recipe.settings | given
    state, images = folder / "state.pt", settings["images"]
    if state.exists() and not args.resume:
        raise ValueError(f"{state} holds a run already; add --resume, or choose another --out")
    if args.resume and not state.exists():
        raise ValueError(f"--resume found nothing to resume: there is no {state}")
    folder.mkdir(parents=True, exist_ok=True)
    check_writable(state)
    spent = pretrained.manifest(folder).get(name, {}).get("minutes", 0) if args.resume else 0
    started, progress = time.monotonic(), None
    with distributed.process_group(device) as device, interrupts() as interrupted:
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
            for progress in within_memory(steps, settings.get("batch", 64)):
                bar.set_postfix_str(f"loss {progress.loss:.3f}", refresh=False)
                bar.update(progress.images - bar.n)
                stopped = distributed.any_rank(interrupted)
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
