"""Samples by the thousand: a chunk at a time, so that memory never holds more than one."""

from functools import partial

import torch

from .samplers import ddpm
from .training import generator_at

LARGEST = 1024  # pixels on a side


@torch.no_grad()
def walks(model, prompts, seed=0, *, w=None, negative=None, ts=None, sampler=None, batch=64):
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
def finished(model, walks, bar):
    """The decoded samples (n, *) at the end of each walk; `bar.update()` is called at every step."""
    for x, steps in walks:
        for x, _ in steps:
            bar.update()
        yield model.codec.decode(x).cpu().float()


@torch.no_grad()
def watched(model, walks, bar):
    """Decoded pairs along the first walk: x_t and the network's x0_hat of it; at last x0 twice."""
    x, steps = next(walks)
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


@torch.no_grad()
def check_prompts(model, prompts, batch=64):
    """ValueError for the first prompt that the model cannot read, before any work is done."""
    known = list(dict.fromkeys(prompts))
    for first in range(0, len(known), batch):
        model.encoder(known[first : first + batch])


def resize(model, width, height):
    """Have the model paint pictures of another size in pixels. ValueError for one it cannot take."""
    if len(model.shape) != 3:
        raise ValueError("--size is for models of pictures, and this one paints none")
    codec = getattr(model.codec, "fold", 1)
    multiple = codec * model.denoiser.net.fold
    if any(side % multiple or not 0 < side <= LARGEST for side in (width, height)):
        raise ValueError(
            f"--size must be two multiples of {multiple} from {multiple} to {LARGEST}, such as "
            f"{2 * multiple}x{3 * multiple}, got {width}x{height}"
        )
    model.shape = (model.shape[0], height // codec, width // codec)


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
