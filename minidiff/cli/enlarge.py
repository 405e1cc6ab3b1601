"""`minidiff enlarge`, and what `generate --enlarge-to` adds: the second stage of a cascade."""

import hashlib
import json
from pathlib import Path

from PIL.PngImagePlugin import PngInfo

from .. import editing
from ..data import photos
from ..errors import UserError, shown
from ..files import atomic_write, check_writable
from .models import open_model
from .outputs import PIXELS
from .prompts import check_prompts
from .record import CHUNK

MODEL, TIMES = "enlarge", (2, 4)
LEAST = 8  # pixels of a side


def enlarge(args):
    """Writes the picture at two or four times its size; what the small one did not show is invented."""
    run(args)
    print(args.out)
    return 0


def run(args):
    """`enlarge` without a word on stdout."""
    out = Path(args.out)
    if out.suffix != ".png":
        raise UserError(f"-o must end in .png, got {args.out!r}")
    check_writable(out)
    picture = small_picture(args.file, args.times)
    model, facts = open_model(MODEL, args.device)
    prompt = args.prompt or ""
    check_prompts(model, [prompt])
    settings = dict(steps=args.steps or model.steps, strength=args.strength)
    made = several_times(model, args.times)(picture, [prompt], [args.seed], **settings)
    record = dict(enlarged=str(args.file), sha256=digest(args.file), prompt=prompt, seed=args.seed)
    record |= dict(model=MODEL, weights=facts["weights"], times=args.times, **settings)
    write(out, made[0], json.dumps(record))


def small_picture(path, times):
    """The picture (1, 3, H, W) in a file; UserError if it or what comes of it has no fit size."""
    image = photos.read(path)
    if min(image.size) < LEAST:
        raise UserError(f"{shown(path)} must be at least {LEAST} pixels each way, got {image.size}")
    if image.width * image.height * times**2 > PIXELS:
        raise UserError(
            f"{shown(path)} has {image.width}x{image.height} pixels, and {times} times that each way "
            f"is more than {PIXELS} in all; make it smaller first"
        )
    return photos.tensor(image)


def several_times(model, times):
    """`editing.enlarge` of a number of times each way, which is once or twice in a row."""

    def paint(pictures, prompts, seeds, **settings):
        for _ in range(TIMES.index(times) + 1):
            pictures = editing.enlarge(model, pictures, prompts, seed=seeds, **settings)
        return pictures

    return paint


def second_stage(model, to, device):
    """For pictures of a model that are to be `to` pixels wide or high: a function, and its facts.

    The function is `(pictures, prompts, seeds) -> larger pictures`. UserError for pictures that
    cannot be enlarged, or not to that size.
    """
    if len(model.shape) != 3 or model.factors[0] == 1:
        raise UserError("--enlarge-to is for models of coloured pictures alone")
    longer = max(model.shape[-2:]) * model.factors[0]
    if to not in [longer * times for times in TIMES]:
        can = " or ".join(str(longer * times) for times in TIMES)
        raise UserError(f"--enlarge-to must be {can} for pictures of {longer} pixels, got {to}")
    enlarger, facts = open_model(MODEL, device)
    return several_times(enlarger, to // longer), facts


def write(path, picture, text):
    """A picture (3, H, W) in 0..1 as a PNG with its record."""
    from ..notebook import figures

    info = PngInfo()
    info.add_text(CHUNK, text)
    with atomic_write(path) as temporary:
        figures.picture(picture.permute(1, 2, 0)).save(temporary, "png", pnginfo=info)


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def in_turn(made, paint, asked, seeds):
    """The chunks that `made(ks, watch)` yields, each enlarged by `paint`."""

    def larger(ks=range(len(asked)), **how):
        ks = list(ks)
        for chunk in made(ks, **how):
            now, ks = ks[: len(chunk)], ks[len(chunk) :]
            yield paint(chunk, [asked[k] for k in now], [seeds[k] for k in now])

    return larger
