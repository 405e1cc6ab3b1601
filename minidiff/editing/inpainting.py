"""Inpainting: a hole in a picture, or in points, filled with what fits its surroundings.

A mask is a boolean tensor, True where something new is wanted, False where the picture is kept. Its
axes are the last ones of what it masks: (H, W) for pictures (B, C, H, W), (2,) for points (B, 2).
"""

import math

import torch
import torch.nn.functional as F

from ..checks import check_count
from ..errors import UserError
from ..samplers import ddpm, last, with_noise
from ..sampling import seeds_from, start_noise, walk
from ..schedules import check_times

SLACK = 1e-3  # by which a picture may leave 0..1, as resized or averaged ones do by rounding


def inpaint(denoise, known, mask):
    """Keep x0_hat at `known` where the mask is False; a denoiser again, so any sampler takes it.

    known: x0 (B, *), or (1, *) for all samples alike. Goes outside `guide` and `clip`; a sampler
    that walks to t = 0 then ends at `known` there (Song et al. 2021, score SDE, appendix I.2).
    """
    mask = check_mask(mask, known)
    return lambda x, t: torch.where(mask, denoise(x, t), known)


def check_mask(mask, known):
    """The mask as a tensor; UserError unless it is boolean, fits `known` and has both values."""
    mask, axes = torch.as_tensor(mask), min(2, known.ndim - 1)
    if mask.dtype != torch.bool:
        raise UserError(f"mask must be boolean, True where to fill, got {mask.dtype}")
    sizes = zip(reversed(mask.shape), reversed(known.shape))
    fits = all(m == k or (m == 1 and i >= axes) for i, (m, k) in enumerate(sizes))
    if not fits or not axes <= mask.ndim <= known.ndim:
        raise UserError(
            f"mask must have the size of what it masks, {tuple(known.shape[-axes:])}, "
            f"got {tuple(mask.shape)}"
        )
    if not mask.any():
        raise UserError("mask must be True somewhere: it marks nothing to fill")
    if mask.all():
        raise UserError("mask must be False somewhere: to keep nothing is to generate, model(...)")
    return mask.to(known.device)


def renoise(schedule, x, s, t, noise=torch.randn_like):
    """Take x from time s up to t > s again: one draw of q(x_t | x_s), (B, *) -> (B, *).

    The forward process over part of its way (Lugmayr et al. 2022, algorithm 1, line 10).
    """
    s, t = check_times(s), check_times(t)
    if not s < t:
        raise UserError(f"renoise goes from s up to a larger t, got s = {s:g} and t = {t:g}")
    (alpha_s, sigma_s), (alpha, sigma) = schedule(s), schedule(t)
    keep = alpha / alpha_s
    return keep * x + (sigma.square() - (keep * sigma_s).square()).sqrt() * noise(x)


def resampled(sampler, times=5, jump=1):
    """RePaint (Lugmayr et al. 2022, section 4.2): a sampler that takes every `jump` steps `times` times.

    In between it renoises, so that hole and surroundings, which come from two sources, get the
    chance to agree at each noise level. Yields the steps that stand, as many as `sampler` does;
    calls the denoiser `times` times as often. The paper's r is `times`, its j `jump`.
    """
    times, jump = check_count("times", times, 1), check_count("jump", jump, 1)

    def sample(denoise, schedule, x, ts, noise=torch.randn_like):
        once = with_noise(sampler, noise)
        for first in range(0, len(ts) - 1, jump):
            stretch = ts[first : first + jump + 1]
            for _ in range(times - 1):
                x_s = last(once(denoise, schedule, x, stretch))
                x = renoise(schedule, x_s, stretch[-1], stretch[0], noise)
            for x, x0_hat in once(denoise, schedule, x, stretch):
                yield x, x0_hat

    return sample


def extend(pictures, left=0, right=0, above=0, below=0):
    """A larger canvas: pictures (B, C, H, W) in its middle, and the mask (H', W') of what is new.

    The new part repeats the picture's edge, so that an encoder sees no false border.
    """
    sides = left, right, above, below
    if min(sides) < 0 or not any(sides):
        raise UserError(f"extend needs pixels to add, none negative, got {sides}")
    old = torch.zeros(pictures.shape[-2:], dtype=torch.bool)
    return F.pad(pictures, sides, mode="replicate"), F.pad(old, sides, value=True)


def to_latents(mask, shape):
    """A mask in pixels as one in latents of that shape: new wherever any of its pixels is."""
    factor = mask.shape[-1] // shape[-1]
    if factor == 1:
        return mask
    pixels = mask.float().view(-1, 1, *mask.shape[-2:])
    return F.max_pool2d(pixels, factor).bool().view(*mask.shape[:-2], *shape[-2:])


@torch.no_grad()
def fill(model, pictures, mask, prompts=None, *, seed=0, sampler=None, steps=25, w=None):
    """Paint the hole anew: pictures (B, C, H, W) or points in, the same out, equal where mask is False.

    prompts: one a sample, by default none. seed: picture k is filled as seed + k fills it alone.
    sampler: by default RePaint with 5 resamples; any sampler alone is the plain variant. UserError
    for pictures or a mask that do not fit.
    """
    x0 = encoded(model, pictures)
    mask = check_mask(mask, pictures)
    hole = to_latents(mask, x0.shape) if x0.ndim > 2 else mask
    denoise = model.prompted(listed(model, prompts, len(x0)), w)
    denoise = inpaint(denoise, x0, hole.to(x0.device))
    ts, seeds = model.grid(steps), seeds_from(seed, len(x0))
    x = model.schedule(ts[0])[1] * start_noise(x0.shape[1:], seeds).to(x0)
    made = last(walk(model, denoise, x, ts, seeds, sampler or resampled(ddpm)))
    # Decoding what was encoded costs a little, in latents and in rounding: paste what is known.
    return torch.where(mask, model.codec.decode(made).to(pictures), pictures)


def continued(model, clips, frames, prompts=None, *, sampler=None, **settings):
    """`fill` for clips (B, C, F, H, W) of which the first `frames` are kept and the others painted.

    What stands in the others is not looked at. sampler: by default RePaint with 2 resamples.
    """
    kept = check_count("frames", frames, 1)
    if not kept < clips.shape[2]:
        raise UserError(f"frames must be fewer than the {clips.shape[2]} of the clips, got {kept}")
    new = torch.zeros(clips.shape[2:], dtype=torch.bool)
    new[kept:] = True
    return fill(model, clips, new, prompts, sampler=sampler or resampled(ddpm, 2), **settings)


def listed(model, prompts, n):
    """n prompts as a list, where None stands for n times no prompt; UserError for another number."""
    prompts = [model.null] * n if prompts is None else model.listed(prompts)
    if len(prompts) != n:
        raise UserError(f"prompts must be one for each of {n} pictures, got {len(prompts)}")
    return prompts


def encoded(model, pictures):
    """x0 of given pictures (B, C, H, W) in 0..1, or of points, on the model's device.

    UserError for what the model cannot take: whole numbers, pictures of another range or size.
    """
    if not torch.is_tensor(pictures) or not pictures.is_floating_point():
        kind = pictures.dtype if torch.is_tensor(pictures) else type(pictures).__name__
        raise UserError(f"pictures must be a tensor of floating-point numbers in 0..1, got {kind}")
    if pictures.ndim != len(model.shape) + 1:
        wanted = "(B, C, H, W)" if len(model.shape) == 3 else f"(B, {len(model.shape)} more)"
        raise UserError(f"pictures must have shape {wanted}, got {tuple(pictures.shape)}")
    if pictures.ndim > 3:
        check_size(model, pictures)
        low, high = pictures.min().item(), pictures.max().item()
        if not (-SLACK <= low and high <= 1 + SLACK):  # NaN is not, either
            raise UserError(f"pictures must lie in 0..1, got values from {low:g} to {high:g}")
    return model.codec.encode(pictures.to(model.device, model.dtype))


def check_size(model, pictures):
    """UserError for pictures that the codec and the network cannot halve as often as they do."""
    factor = math.prod(model.factors)
    if any(n == 0 or n % factor for n in pictures.shape[-2:]):
        raise UserError(
            f"pictures must be multiples of {factor} high and wide for this model, at least {factor}, "
            f"got {tuple(pictures.shape[-2:])}"
        )
