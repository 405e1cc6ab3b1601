"""From a model to samples: start noise, the noise on the way, a chunk in memory at a time."""

from functools import partial

import numpy as np
import torch
from tqdm.auto import tqdm

from .samplers import ddpm, last


@torch.no_grad()
def trajectories(model, prompts, seed=0, *, w=None, negative=None, ts=None, sampler=None, batch=64):
    """For every `batch` prompts in turn the start x and a sampler's steps (x, x0_hat) from there.

    Together they end at what `model(prompts, seed=seed)` decodes. Sample i depends on its prompt, i
    and the seed, not on the chunk it is in: it has start noise, and noise on its way, of its own.
    """
    ts = model.grid(model.steps) if ts is None else ts
    start = torch.Generator().manual_seed(seed)
    for first in range(0, len(prompts), batch):
        part = prompts[first : first + batch]
        noise = torch.stack([torch.randn(model.shape, generator=start) for _ in part])
        x = model.schedule(ts[0])[1] * noise.to(model.device)
        walk = with_own_noise(sampler or model.sampler, seed, range(first, first + len(part)))
        yield x, walk(model.prompted(part, w, negative), model.schedule, x, ts)


@torch.no_grad()
def finished(model, trajectories, bar):
    """The decoded samples (n, *) at the end of each walk; `bar.update()` is called at every step."""
    for x, steps in trajectories:
        for x, _ in steps:
            bar.update()
        yield model.codec.decode(x).cpu().float()


@torch.no_grad()
def frames(model, trajectories, bar):
    """Decoded pairs along the first walk: x_t and the network's x0_hat of it; at last x0 twice."""
    x, steps = next(trajectories)
    for after, x0_hat in steps:
        bar.update()
        yield tuple(model.codec.decode(each).cpu().float() for each in (x, x0_hat))
        x = after
    yield (model.codec.decode(x).cpu().float(),) * 2


def with_own_noise(sampler, seed, numbers):
    """The sampler; where it draws noise, with a generator for each of the samples' numbers."""
    if sampler is not ddpm:
        return sampler
    return partial(ddpm, generator=[generator_at(seed, number) for number in numbers])


def within_memory(items, batch):
    """The same items; running out of memory is a ValueError that says which --batch to try."""
    try:
        yield from items
    except (MemoryError, RuntimeError) as error:
        # the CPU's allocator raises a RuntimeError that only its text tells from others
        signs = ("can't allocate memory", "not enough memory", "out of memory")
        full = isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError))
        if not full and not any(sign in str(error) for sign in signs):
            raise
        less = f"try --batch {batch // 2}" if batch > 1 else "only something smaller fits"
        raise ValueError(f"out of memory with --batch {batch}; {less}") from error


@torch.no_grad()
def samples(model, prompts, seed=0, w=None, negative=None, ts=None, sampler=None, batch=64):
    """What `model(prompts, seed=seed)` returns, with the network called on `batch` at a time.

    Sample i does not depend on `batch`: the sampler itself walks with all of them at once. ts: the
    time grid. Draws a progress bar on a terminal.
    """
    ts = model.grid(model.steps) if ts is None else ts
    starts = range(0, len(prompts), batch)
    parts = [model.prompted(prompts[i : i + batch], w, negative) for i in starts]

    def denoise(x, t):
        return torch.cat([part(piece, t) for part, piece in zip(parts, x.split(batch))])

    x = model.schedule(ts[0])[1] * model.noise(len(prompts), seed).to(model.device)
    steps = (sampler or model.sampler)(denoise, model.schedule, x, ts)
    bar = tqdm(
        steps, total=len(ts) - 1, desc=f"seed {seed}", unit="step", leave=False, disable=None
    )
    return model.codec.decode(last(bar)).cpu().float()


def seeded(sampler, seed):
    """The sampler, its own noise, where it draws any, decided by the seed (not the start's noise)."""
    return partial(sampler, generator=generator_at(seed, 0)) if sampler is ddpm else sampler


def walk(model, denoise, x, ts, sampler, seed=0):
    """Sample and decode; the sampler's own noise comes from the seed, as in `Model.forward`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2**32 - 1 - seed)
        return model.codec.decode(last(sampler(denoise, model.schedule, x, ts)))


def noise_for(x0, seed):
    """Standard normal noise of x0's shape; sample i does not depend on how many there are."""
    check_count("seed", seed, 0)
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(x0.shape[1:], generator=generator) for _ in x0]).to(x0)


def generator_at(seed, step):
    """A generator of its own for each (seed, step); SeedSequence mixes the two numbers."""
    word = np.random.SeedSequence([seed, step]).generate_state(1)[0]
    return torch.Generator().manual_seed(int(word))


def check_count(name, value, least):
    """ValueError unless value is a whole number, at least `least`."""
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}, got {value!r}")
