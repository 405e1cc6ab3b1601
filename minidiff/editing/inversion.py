"""A picture taken part of the way to noise, or to the noise it comes from, and down another way."""

import torch
import torch.nn.functional as F

from ..checks import check_count, check_number
from ..denoiser import noising
from ..errors import UserError
from ..guidance import given
from ..samplers import ddim, ddim_step, last, stepper
from ..sampling import seeds_from, start_noise, walk
from ..schedules import uniform_grid
from .inpainting import encoded, listed


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
        raise UserError("ts must end above 0 for inversion, such as uniform_grid(50)[:-1]")
    for (t, there, here), s in reversed(steps):
        x0_hat = denoise(x, s)
        for _ in range(rounds):
            x0_hat = denoise(ddim_step(x, x0_hat, here, there), t)
        x = ddim_step(
            x, x0_hat, here, there
        )  # with x0_hat given, a step is a line: it runs both ways
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


@torch.no_grad()
def image_to_image(model, pictures, strength, prompts=None, *, seed=0, steps=None, w=None):
    """Noise the pictures up to time `strength` and walk down from there (Meng et al. 2022, SDEdit).

    strength: 0 gives the pictures back, 1 takes nothing from them. Otherwise as `fill`.
    """
    strength = check_number("strength", strength, 0, 1)
    x0 = encoded(model, pictures)
    if strength == 0:
        return pictures
    ts = remaining(model.grid(model.steps if steps is None else steps), strength)
    seeds = seeds_from(seed, len(x0))
    x = noising(model.schedule, x0, ts[0], start_noise(x0.shape[1:], seeds).to(x0))
    denoise = model.prompted(listed(model, prompts, len(x0)), w)
    return model.codec.decode(last(walk(model, denoise, x, ts, seeds)))


@torch.no_grad()
def reprompt(model, pictures, before, after, *, strength=1.0, steps=50, w=None):
    """Change what a prompt changes: invert with the prompts `before`, sample with `after`.

    strength: how far to invert, at least two of the steps and at most 1; less keeps more. w: of the
    way down; up it is 1.
    """
    steps = check_count("steps", steps, 2)
    strength = check_number("strength", strength, 2 / steps, 1)
    ts, x0 = remaining(uniform_grid(steps), strength), encoded(model, pictures)
    denoise = model.prompted(listed(model, after, len(x0)), w)
    return walked(model, denoise, inverted(model, x0, before, ts), ts)


@torch.no_grad()
def interpolate(model, first, second, frames=8, prompts=None, *, steps=50):
    """`frames` pictures from the picture first (1, *) to second (1, *), through their noises.

    prompts: of the two pictures; those between have the first one's.
    """
    frames, steps = check_count("frames", frames, 2), check_count("steps", steps, 2)
    ts, x0 = uniform_grid(steps), encoded(model, torch.cat([first, second]))
    prompts = listed(model, prompts, 2)
    x = inverted(model, x0, prompts, ts)
    shares = torch.linspace(0, 1, frames).to(x).view(-1, *[1] * (x.ndim - 1))
    between = slerp(x[:1], x[1:], shares)
    return walked(model, model.prompted(prompts[:1] * frames, w=1), between, ts)


def inverted(model, x0, prompts, ts):
    """The noise that x0 comes from under its prompts, over a grid that ends at 0."""
    cond = model.encoder(listed(model, prompts, len(x0)))
    denoise = given(model.denoiser, *cond)  # neither guided nor clipped
    return last(invert(denoise, model.schedule, x0, ts[:-1], rounds=2))


def walked(model, denoise, x, ts):
    """The pictures at the end of DDIM's way from x, on which no noise is drawn."""
    return model.codec.decode(last(ddim(denoise, model.schedule, x, ts)))
