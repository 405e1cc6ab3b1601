"""`minidiff generate`: samplers go by name here, and only here."""

import math
import sys

import numpy as np
import torch
from tqdm import tqdm

from .. import sampling
from ..conditions import LabelEncoder, Unconditional
from ..samplers import ddim, ddpm, dpmpp_2m, heun
from . import writers
from .models import check_prompts, look_up, open_model, resize, within_memory

SAMPLERS = {"ddim": ddim, "ddpm": ddpm, "heun": heun, "dpmpp_2m": dpmpp_2m}


def generate(args):
    """n samples for each prompt, in the prompts' order, one chunk of them in memory at a time."""
    path, suffix = writers.check(args.out, args.frames)
    sampler = args.sampler and look_up("sampler", args.sampler, SAMPLERS)
    prompts = args.prompts + (writers.lines(args.source) if args.source else [])
    model, _ = open_model(args.model, args.device)
    pictures, speechless = len(model.shape) == 3, isinstance(model.encoder, Unconditional)
    if speechless and (prompts or args.guidance is not None or args.negative):
        raise ValueError(f"model {args.model!r} takes no prompts and no guidance")
    w = model.w if args.guidance is None else args.guidance
    if args.negative is not None and w == 1:
        raise ValueError("--negative needs --guidance, a number other than 1")
    prompts = prompts or default_prompts(model.encoder)
    asked = [prompt for prompt in prompts for _ in range(args.n)]
    writers.check_count(len(asked), suffix, pictures, args.frames)
    if args.size:
        resize(model, *args.size)
    check_prompts(model, prompts + [args.negative] * (args.negative is not None))
    if "" in prompts:
        print("minidiff: an empty prompt asks for anything at all", file=sys.stderr)
    batch = len(asked) if args.frames else args.batch or (64 if pictures else 4096)
    ts = model.grid(args.steps or model.steps)
    way = dict(w=w, negative=args.negative, ts=ts, sampler=sampler, chunk=batch)
    # Each prompt has the same seeds, so that its pictures depend on no other prompt and on no -n.
    seeds = list(range(args.seed, args.seed + args.n)) * len(prompts)
    walks, steps = sampling.trajectories(model, asked, seeds, **way), len(ts) - 1
    total = math.ceil(len(asked) / batch) * steps
    with tqdm(total=total, desc=args.model, unit="step", leave=False, disable=None) as bar:
        watch = sampling.frames if args.frames else sampling.finished
        made = within_memory(watch(model, walks, bar), min(batch, len(asked)))
        if args.frames:
            writers.film(path, made, steps, args.enlarge)
        elif suffix == ".png":
            writers.grid(path, torch.cat(list(made)), prompts, args.enlarge)
        elif suffix == ".npz":
            name = "images" if pictures else "points"
            writers.arrays(path, made, len(asked), name, **metadata(asked, model.encoder))
        else:
            writers.folder(path, made, asked, args.enlarge or 1)
    print(args.out)
    return 0


def default_prompts(encoder):
    """What to generate if nobody says: a sample of each label, or of anything."""
    if isinstance(encoder, LabelEncoder):
        return [str(label) for label in range(encoder.classes)]
    return [encoder.null]


def metadata(asked, encoder):
    """What an .npz says of its samples beside them, by name: labels, prompts or nothing."""
    if isinstance(encoder, Unconditional):
        return {}
    labels = isinstance(encoder, LabelEncoder)
    return {"labels": np.array(asked, int)} if labels else {"prompts": np.array(asked)}
