"""Editing a given picture, or points: functions around denoisers and samplers, which stay as they are.

A mask is a boolean tensor, True where something new is wanted, False where the picture is kept. Its
axes are the last ones of what it masks: (H, W) for pictures (B, C, H, W), (2,) for points (B, 2).

    inpaint     denoiser -> denoiser   x0_hat is the picture itself where the mask is False
    resampled   sampler -> sampler     RePaint: every step is undone with noise and taken again
    invert      generator              DDIM's line walked from the data towards the noise

Below them are whole edits with a `Model`: `fill`, `image_to_image`, `reprompt`, `interpolate`.
"""

import torch
import torch.nn.functional as F

from .denoiser import given, noising
from .model import check_count
from .samplers import ddim, ddpm, last, move, noise_like, stepper
from .schedules import check_times, uniform_grid


def inpaint(denoise, known, mask):
    """Keep x0_hat at `known` where the mask is False; a denoiser again, so any sampler takes it.

    known: x0 (B, *), or (1, *) for all samples alike. Goes outside `guide` and `clip`; a sampler
    that walks to t = 0 then ends at `known` there (Song et al. 2021, score SDE, appendix I.2).
    """
    mask = check_mask(mask, known)
    return lambda x, t: torch.where(mask, denoise(x, t), known)


def check_mask(mask, known):
    """The mask as a tensor; ValueError unless it is boolean, fits `known` and has both values."""
    mask, axes = torch.as_tensor(mask), min(2, known.ndim - 1)
    if mask.dtype != torch.bool:
        raise ValueError(f"mask must be boolean, True where to fill, got {mask.dtype}")
    sizes = zip(reversed(mask.shape), reversed(known.shape))
    fits = all(m == k or (m == 1 and i >= axes) for i, (m, k) in enumerate(sizes))
    if not fits or not axes <= mask.ndim <= known.ndim:
        raise ValueError(
            f"mask must have the size of what it masks, {tuple(known.shape[-axes:])}, "
            f"got {tuple(mask.shape)}"
        )
    if not mask.any():
        raise ValueError("mask must be True somewhere: it marks nothing to fill")
    if mask.all():
        raise ValueError("mask must be False somewhere: to keep nothing is to generate, model(...)")
    return mask.to(known.device)


def renoise(schedule, x, s, t, generator=None):
    """Take x from time s up to t > s again: one draw of q(x_t | x_s), (B, *) -> (B, *).

    The forward process over part of its way (Lugmayr et al. 2022, algorithm 1, line 10).
    """
    s, t = check_times(s), check_times(t)
    if not s < t:
        raise ValueError(f"renoise goes from s up to a larger t, got s = {s:g} and t = {t:g}")
    (alpha_s, sigma_s), (alpha, sigma) = schedule(s), schedule(t)
    keep = alpha / alpha_s
    return keep * x + (sigma.square() - (keep * sigma_s).square()).sqrt() * noise_like(x, generator)


def resampled(sampler, times=5, jump=1, generator=None):
    """RePaint (Lugmayr et al. 2022, section 4.2): a sampler that takes every `jump` steps `times` times.

    In between it renoises, so that hole and surroundings, which come from two sources, get the
    chance to agree at each noise level. Yields the steps that stand, as many as `sampler` does;
    calls the denoiser `times` times as often. The paper's r is `times`, its j `jump`.
    """
    check_count("times", times, 1)
    check_count("jump", jump, 1)

    def sample(denoise, schedule, x, ts):
        for first in range(0, len(ts) - 1, jump):
            stretch = ts[first : first + jump + 1]
            for _ in range(times - 1):
                x_s = last(sampler(denoise, schedule, x, stretch))
                x = renoise(schedule, x_s, stretch[-1], stretch[0], generator)
            for x, x0_hat in sampler(denoise, schedule, x, stretch):
                yield x, x0_hat

    return sample


@torch.no_grad()
def invert(denoise, schedule, x0, ts, rounds=0):
    """DDIM backwards: the noise from which `ddim` over the same ts comes back to x0 (B, *).

    ts decreases, as for a sampler, and ends above 0, where x0 stands for the hardly noised x; it is
    walked from its end to its start. Yields (x, x0_hat). A step up guesses with the estimate at its
    clean end, where DDIM will use the noisy one (Song et al. 2021, section 4.3); each of `rounds`
    estimates again where the guess arrived, towards the exact inverse (Garibi et al. 2024, ReNoise).
    Invert without `clip` and with w = 1: what they cut off cannot be recovered.
    """
    steps, x = list(zip(stepper(schedule, ts), ts[1:])), x0
    if not ts[-1] > 0:
        raise ValueError("ts must end above 0 for inversion, such as uniform_grid(50)[:-1]")
    for (t, there, here), s in reversed(steps):
        x0_hat = denoise(x, s)
        for _ in range(rounds):
            x0_hat = denoise(move(x, x0_hat, here, there), t)
        x = move(x, x0_hat, here, there)  # with x0_hat given, a step is a line: it runs both ways
        yield x, x0_hat


def slerp(a, b, share):
    """From noise a to noise b (B, *) along the great circle between them, so that it stays noise.

    The plain average of two noises is too short: its standard deviation is 0.7. share 0 gives a,
    1 gives b (Shoemake 1985, section 3.3).
    """
    cosine = F.cosine_similarity(a.flatten(1), b.flatten(1)).clamp(-0.9999, 0.9999)
    angle = cosine.acos().view(-1, *[1] * (a.ndim - 1))
    return (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()


def remaining(ts, strength):
    """The part of a grid that begins at time `strength`, with that time in front."""
    return torch.cat([torch.full_like(ts[:1], strength), ts[ts < strength]])


def extend(pictures, left=0, right=0, above=0, below=0):
    """A larger canvas: pictures (B, C, H, W) in its middle, and the mask (H', W') of what is new.

    The new part repeats the picture's edge, so that an encoder sees no false border.
    """
    sides = left, right, above, below
    if min(sides) < 0 or not any(sides):
        raise ValueError(f"extend needs pixels to add, none negative, got {sides}")
    old = torch.zeros(pictures.shape[-2:], dtype=torch.bool)
    return F.pad(pictures, sides, mode="replicate"), F.pad(old, sides, value=True)


def to_latents(mask, shape):
    """A mask in pixels as one in latents of that shape: new wherever any of its pixels is."""
    fold = mask.shape[-1] // shape[-1]
    if fold == 1:
        return mask
    pixels = mask.float().view(-1, 1, *mask.shape[-2:])
    return F.max_pool2d(pixels, fold).bool().view(*mask.shape[:-2], *shape[-2:])


@torch.no_grad()
def fill(model, pictures, mask, prompts=None, *, seed=0, sampler=None, steps=25, w=None):
    """Paint the hole anew: pictures (B, C, H, W) or points in, the same out, equal where mask is False.

    prompts: one a sample, by default none. sampler: by default RePaint with 5 resamples; any sampler
    alone is the plain variant. ValueError for a mask or a size that does not fit.
    """
    check_size(model, pictures)
    mask = check_mask(mask, pictures)
    x0 = model.codec.encode(pictures)
    hole = to_latents(mask, x0.shape) if pictures.ndim > 2 else mask
    denoise = inpaint(prompted(model, prompts, len(pictures), w), x0, hole)
    ts = model.grid(steps)
    x = model.schedule(ts[0])[1] * noise_for(x0, seed)
    made = walk(model, denoise, x, ts, sampler or resampled(ddpm), seed)
    # Decoding what was encoded costs a little, in latents and in rounding: paste what is known.
    return torch.where(mask, made, pictures)


@torch.no_grad()
def image_to_image(model, pictures, strength, prompts=None, *, seed=0, steps=None, w=None):
    """Noise the pictures up to time `strength` and walk down from there (Meng et al. 2022, SDEdit).

    strength: 0 gives the pictures back, 1 takes nothing from them. Otherwise as `fill`.
    """
    check_strength(strength)
    check_size(model, pictures)
    if strength == 0:
        return pictures
    ts = remaining(model.grid(steps or model.steps), strength)
    x0 = model.codec.encode(pictures)
    x = noising(model.schedule, x0, ts[0], noise_for(x0, seed))
    return walk(model, prompted(model, prompts, len(pictures), w), x, ts, model.sampler, seed)


@torch.no_grad()
def reprompt(model, pictures, before, after, *, strength=1.0, steps=50, w=None):
    """Change what a prompt changes: invert with the prompts `before`, sample with `after`.

    strength: how far to invert, 0 to 1; less keeps more. w: of the way down; up it is 1.
    """
    check_strength(strength, least=2 / steps)
    check_size(model, pictures)
    ts = remaining(uniform_grid(steps), strength)
    x = inverted(model, pictures, before, ts)
    return walk(model, prompted(model, after, len(pictures), w), x, ts, ddim)


@torch.no_grad()
def interpolate(model, first, second, frames=8, prompts=None, *, steps=50):
    """`frames` pictures from the picture first (1, *) to second (1, *), through their noises."""
    check_count("frames", frames, 2)
    check_size(model, first)
    ts = uniform_grid(steps)
    x = inverted(model, torch.cat([first, second]), prompts, ts)
    shares = torch.linspace(0, 1, frames).view(-1, *[1] * (x.ndim - 1))
    between = slerp(x[:1], x[1:], shares)
    middle = prompted(model, prompts and [prompts[0]] * frames, frames, 1)
    return walk(model, middle, between, ts, ddim)


def inverted(model, pictures, prompts, ts):
    """The noise that pictures come from under their prompts, over a grid that ends at 0."""
    prompts = [model.encoder.null] * len(pictures) if prompts is None else prompts
    denoise = given(model.denoiser, *model.encoder(prompts))  # neither guided nor clipped
    return last(invert(denoise, model.schedule, model.codec.encode(pictures), ts[:-1], rounds=2))


def prompted(model, prompts, n, w):
    """`model.prompted`, where None stands for n times no prompt."""
    return model.prompted([model.encoder.null] * n if prompts is None else prompts, w)


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


def check_strength(strength, least=0.0):
    """ValueError unless strength lies in least..1."""
    if not least <= strength <= 1:
        raise ValueError(f"strength must be from {least:g} to 1, got {strength:g}")


def check_size(model, pictures):
    """ValueError for pictures that the codec and the network cannot fold."""
    if pictures.ndim < 4:
        return
    fold = getattr(model.codec, "fold", 1) * model.denoiser.net.fold
    if any(n == 0 or n % fold for n in pictures.shape[-2:]):
        raise ValueError(
            f"pictures must be multiples of {fold} high and wide for this model, at least {fold}, "
            f"got {tuple(pictures.shape[-2:])}"
        )
