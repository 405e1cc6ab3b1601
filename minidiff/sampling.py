"""From a model to samples: the only place where a model is walked.

Picture k of seed s is the picture that seed s + k gives alone. Each picture has two streams of random
numbers of its own, one for the noise it starts from and one for what a sampler adds on the way, so it
does not depend on how many there are, on the chunk, on the prompts beside it or on the device; and
nobody else's random numbers are touched.
"""

import math

import numpy as np
import torch
from tqdm.auto import tqdm

from .checks import check_count
from .errors import UserError
from .samplers import with_noise
from .threads import considerate


def generator_at(*numbers):
    """A generator of its own for each (seed, step), or so; SeedSequence mixes the numbers."""
    word = np.random.SeedSequence(numbers).generate_state(1)[0]
    return torch.Generator().manual_seed(int(word))


def seeds_from(seed, n):
    """The seeds of n pictures: seed, seed + 1, ...; or those given, a list with one for each picture.

    UserError for a seed that is no whole number, at least 0.
    """
    if not isinstance(seed, (list, tuple, range)):
        first = check_count("seed", seed, 0)
        return range(first, first + n)
    if len(seed) != n:
        raise UserError(f"seed must be one number, or one for each of {n}, got {len(seed)}")
    return [check_count("seed", each, 0) for each in seed]


def start_noise(shape, seeds):
    """Standard normal noise (n, *shape) on the CPU, row i from seed i alone."""
    # PyTorch would keep the lower 32 bits of a longer seed, so those are mixed first.
    generators = (
        torch.Generator().manual_seed(seed) if seed < 2**32 else generator_at(seed, 0)
        for seed in seeds
    )
    return torch.stack([torch.randn(shape, generator=each) for each in generators])


def noise_on_the_way(seeds):
    """A sampler's `noise`, x -> eps, row i from seed i alone: other numbers than its start noise."""
    generators = [generator_at(seed, 1) for seed in seeds]

    def noise(x):
        if len(x) != len(generators):
            raise UserError(f"x must have a row for each of {len(generators)} seeds, got {len(x)}")
        # In float32 for x of any precision, so that it is the same noise.
        return torch.stack([torch.randn(x.shape[1:], generator=each) for each in generators]).to(x)

    return noise


def walk(model, denoise, x, ts, seeds, sampler=None):
    """A sampler's steps (x, x0_hat) from x over ts, row i's noise on the way from seed i."""
    sampler = with_noise(sampler or model.sampler, noise_on_the_way(seeds))
    for step in sampler(denoise, model.schedule, x, ts):
        considerate()
        yield step


@torch.no_grad()
def trajectories(
    model, prompts, seed=0, *, w=None, negative=None, ts=None, sampler=None, chunk=None
):
    """For each chunk of prompts in turn the start x and a sampler's steps (x, x0_hat) from there.

    prompts: as `model` takes them. seed: s for the seeds s, s + 1, ..., or a list with one for each prompt. ts: the time grid. chunk:
    how many prompts walk together, by default all.
    """
    ts = model.grid(model.steps) if ts is None else ts
    prompts = model.listed(prompts)
    seeds = seeds_from(seed, len(prompts))
    for first in range(0, len(prompts), chunk or len(prompts)):
        part = slice(first, first + (chunk or len(prompts)))
        noise = start_noise(model.shape, seeds[part]).to(model.device, model.dtype)
        denoise = model.prompted(prompts[part], w, negative)
        x = model.schedule(ts[0])[1] * noise
        yield x, walk(model, denoise, x, ts, seeds[part], sampler)


@torch.no_grad()
def finished(model, trajectories, bar):
    """The decoded samples (n, *) at the end of each trajectory; `bar.update()` at every step."""
    for x, steps in trajectories:
        for x, _ in steps:
            bar.update()
        yield model.codec.decode(x).cpu().float()


@torch.no_grad()
def frames(model, trajectories, bar):
    """Decoded pairs along the first trajectory: x_t and the x0_hat made of it; at last x0 twice."""
    x, steps = next(trajectories)
    for after, x0_hat in steps:
        bar.update()
        yield tuple(model.codec.decode(each).cpu().float() for each in (x, x0_hat))
        x = after
    yield (model.codec.decode(x).cpu().float(),) * 2


def samples(model, prompts, seed=0, *, ts=None, chunk=64, **way):
    """What `model(prompts, seed=seed)` returns, on the CPU, `chunk` at a time under a progress bar.

    way: other settings of `trajectories`. Whoever repeats it for the spread takes seeds len(prompts)
    apart, or most of the noise is the same again.
    """
    prompts, ts = model.listed(prompts), model.grid(model.steps) if ts is None else ts
    total = math.ceil(len(prompts) / chunk) * (len(ts) - 1)
    with tqdm(total=total, desc=f"seed {seed}", unit="step", leave=False, disable=None) as bar:
        walks = trajectories(model, prompts, seed, ts=ts, chunk=chunk, **way)
        return torch.cat(list(finished(model, walks, bar)))
