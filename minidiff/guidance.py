"""Functions from denoiser to denoiser: conditioning, guidance, clipping; no sampler knows of them."""

import torch

from .checks import check_number
from .errors import UserError


def given(denoise, *cond):
    """Bind the condition: a denoiser of (x, t) from one of (x, t, *cond)."""
    return lambda x, t: denoise(x, t, *cond)


def guide(denoise, null, w):
    """Classifier-free guidance, null + w (cond - null) (Ho & Salimans 2022, eq. 6).

    `denoise` and `null` are denoisers of (x, t): with the prompt, and without it or with a
    negative prompt. w = 1 is plain conditional, w = 0 is `null`; the paper's w is ours minus 1.
    UserError unless w is a number within 1e6 of 0.
    """
    w = check_number("w", w, -1e6, 1e6)
    return lambda x, t: torch.lerp(null(x, t), denoise(x, t), w)


def guide_at_once(denoise, cond, null, w):
    """`guide` of a denoiser of (x, t, *cond), in one call for both halves, as fast or faster.

    cond, null: tuples of tensors (B, *), an encoder's of the prompts and of what to steer away from.
    """
    w = check_number("w", w, -1e6, 1e6)
    both = [torch.cat(halves) for halves in zip(cond, null)]

    def guided(x, t):
        t = torch.cat([t, t]) if torch.as_tensor(t).ndim else t
        x0_hat, away = denoise(torch.cat([x, x]), t, *both).chunk(2)
        return guide(lambda *_: x0_hat, lambda *_: away, w)(x, t)

    return guided


def guidance_interval(guided, plain, low, high):
    """`guided` where low <= t <= high, `plain` elsewhere, for steps with one t for the whole batch.

    Only the denoiser that is used is called, so steps outside the interval cost what `plain` costs
    (Kynkaanniemi et al. 2024). UserError unless low <= high.
    """
    if not low <= high:
        raise UserError(f"low must not exceed high, got low {low} and high {high}")
    return lambda x, t: (guided if low <= t <= high else plain)(x, t)


def clip(denoise, low=-1.0, high=1.0):
    """Keep x0_hat within the range of the data; for pixels only, and outside `guide`."""
    return lambda x, t, *cond: denoise(x, t, *cond).clamp(low, high)
