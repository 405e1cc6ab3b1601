"""`minidiff generate`: samplers go by name here, and only here."""

import math
import sys
from functools import partial

import numpy as np
import torch
from tqdm import tqdm

from .. import sampling
from ..conditions import LabelEncoder, Unconditional
from ..errors import UserError
from ..samplers import consistency, ddim, ddpm, dpmpp_2m, heun
from . import clips, folder, outputs, variations, writers
from .enlarge import in_turn, second_stage
from .models import look_up, open_model, resize, set_frames, within_memory
from .prompts import check_prompts, default_prompts, lines, says_nothing
from .record import Record

SAMPLERS = {each.__name__: each for each in (ddim, ddpm, heun, dpmpp_2m, consistency)}


def generate(args):
    """n samples for each prompt, in the prompts' order, one chunk of them in memory at a time."""
    run(args)
    print(args.out)
    return 0


def run(args):
    """`generate` without a word on stdout."""
    sampler = args.sampler and look_up("sampler", args.sampler, SAMPLERS)
    args.model = args.model or ("variations" if args.variations_of else "scenes")
    prompts = args.prompts + (lines(args.source) if args.source else [])
    model, facts = open_model(args.model, args.device)
    sha256 = None
    if args.variations_of:
        words, sha256 = variations.shown_to(model, args)
        prompts = [words]
    path, suffix = outputs.check(args.out, kind_of(model, args))
    prompts, w = asked_of(model, prompts, args)
    outputs.check_count(args.n * len(prompts), suffix, len(model.shape), args.frames)
    size = settle_size(model, len(prompts), suffix, args)
    paint, weights = None, facts["weights"]
    if args.enlarge_to:
        paint, more = second_stage(model, args.enlarge_to, args.device)
        weights += f"+{more['weights']}"
    record = Record(
        model=args.model,
        weights=weights,
        negative=args.negative,
        steps=args.steps or model.steps,
        sampler=args.sampler or getattr(model.sampler, "__name__", str(model.sampler)),
        guidance=w,
        size=size,
        enlarge=args.enlarge,
        enlarge_to=args.enlarge_to,
        variations_of=args.variations_of,
        sha256=sha256,
    )
    warn_of_steps(model, record)
    way = dict(w=w, negative=args.negative, ts=model.grid(record.steps), sampler=sampler)
    write(path, suffix, model, prompts, record, way, args, paint)


def kind_of(model, args):
    """What is to be written: "clips", "steps" or "pictures"; UserError for options of another kind."""
    clips, number = len(model.shape) == 4, args.frames not in (None, True)
    if args.frames is True and clips:
        raise UserError("--frames needs a number here: how many frames a clip is to have")
    if number and not clips:
        raise UserError(f"--frames takes a number for a model of clips alone, got {args.frames}")
    if args.first and not clips:
        raise UserError(f"--first is for a model of clips, and {args.model!r} paints pictures")
    if args.enlarge_to and (clips or args.frames):
        raise UserError("--enlarge-to is for pictures alone, not for clips and --frames")
    return "clips" if clips else "steps" if args.frames else "pictures"


def asked_of(model, prompts, args):
    """The prompts, the model's own if there are none, and w, all of which it can take."""
    speechless = isinstance(model.encoder, Unconditional)
    if speechless and (prompts or args.guidance is not None or args.negative is not None):
        raise UserError(f"model {args.model!r} takes no prompts and no guidance")
    w = model.w if args.guidance is None else args.guidance
    if args.negative is not None and w == 1 and model.learned_w is None:
        raise UserError("--negative needs --guidance, a number other than 1")
    prompts = prompts or default_prompts(model.encoder)
    check_prompts(model, prompts + [args.negative] * (args.negative is not None))
    if model.learned_w is not None:
        model.prompted(prompts[:1], w, args.negative)  # a student says what it cannot be asked
    if any(says_nothing(model.encoder, prompt) for prompt in prompts):
        print("minidiff: an empty prompt asks for anything at all", file=sys.stderr)
    return prompts, w


def warn_of_steps(model, record):
    """Says on stderr that a student was asked for more steps than help it."""
    jumps = model.learned_w is not None and record.sampler == consistency.__name__
    if jumps and record.steps > 2 * model.steps:
        print(
            f"minidiff: {record.model} was made for {model.steps} steps: {record.steps} take longer "
            f"and follow prompts no better than {2 * model.steps}",
            file=sys.stderr,
        )


def settle_size(model, prompts, suffix, args):
    """Have the model paint the size asked for; returns it, WxH in pixels, or None for points."""
    if args.size:
        resize(model, *args.size)
    if len(model.shape) == 4 and args.frames:
        set_frames(model, args.frames)
    if len(model.shape) < 3:
        return None
    height, width = (side * model.factors[0] for side in model.shape[-2:])
    each, tiles = args.n, 1
    if len(model.shape) == 4:
        tiles = each * prompts * (model.shape[1] if suffix == ".png" else 1)
    elif args.frames:
        tiles = 2 * each * prompts
    elif suffix:
        columns = outputs.columns_of(each, prompts)
        tiles = columns * math.ceil(each * prompts / columns)
    if suffix != ".npz":
        larger = (args.enlarge or 1) * (args.enlarge_to or width) // width
        outputs.check_pixels(tiles, width, height, larger, args.frames)
    return f"{width}x{height}"


def write(path, suffix, model, prompts, record, way, args, paint=None):
    """Make the samples and write them, in the form that the path asks for.

    paint: what enlarges them first, if anything.
    """
    asked = [prompt for prompt in prompts for _ in range(args.n)]
    # Each prompt has the same seeds, so that its pictures depend on no other prompt and on no -n.
    seeds = list(range(args.seed, args.seed + args.n)) * len(prompts)
    name, usual = {2: ("points", 4096), 4: ("images", 64), 5: ("clips", 8)}[len(model.shape) + 1]
    batch = len(asked) if args.frames is True else args.batch or usual
    steps = len(way["ts"]) - 1

    def made(ks=range(len(asked)), watch=sampling.finished):
        """The samples numbered `ks`, in chunks, under a progress bar."""
        if not ks:
            return
        some = [asked[k] for k in ks], [seeds[k] for k in ks]
        total = math.ceil(len(ks) / batch) * steps
        with tqdm(total=total, desc=args.model, unit="step", leave=False, disable=None) as bar:
            walks = sampling.trajectories(model, *some, chunk=batch, **way)
            yield from within_memory(watch(model, walks, bar), min(batch, len(ks)))

    if paint:
        made = in_turn(made, paint, asked, seeds)
    if args.first:
        first = clips.first_frame(args.first, model)
        made = partial(clips.begun_with, model, first, asked, seeds, batch, way)

    if not suffix:
        files = folder.Pictures(path, asked, seeds, record)
        with files.begun() as missing:
            files.write(missing, made(missing))
    elif suffix == ".npz":
        about = metadata(asked, seeds, model.encoder, record)
        writers.arrays(path, made(), len(asked), name, **about)
    else:
        more = {"first": args.first} if args.first else {}
        text = record.text(prompts, args.seed, args.n, frames=args.frames or False, **more)
        if name == "clips":
            clips.write(path, torch.cat(list(made())), prompts, args.enlarge, text)
        elif args.frames:
            writers.film(path, made(watch=sampling.frames), steps, args.enlarge, text)
        else:
            writers.grid(path, torch.cat(list(made())), prompts, args.enlarge, text)


def metadata(asked, seeds, encoder, record):
    """What an .npz says of its samples beside them, by name; no word of what they do without."""
    about = {"seeds": np.array(seeds, np.uint64)}
    if isinstance(encoder, LabelEncoder):
        about["labels"] = np.array(asked, int)
    elif not isinstance(encoder, Unconditional):
        about["prompts"] = np.array(asked)
    settings = record.settings().items()
    return about | {name: np.array(value) for name, value in settings if value is not None}
