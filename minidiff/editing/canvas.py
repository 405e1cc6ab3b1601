"""A canvas larger than what a network has seen, painted in windows that overlap."""

import torch

from ..checks import check_count
from ..errors import UserError


def windows(length, size, stride):
    """Slices of `size` that start `stride` apart and cover `length`, the last one moved back to fit.

    UserError for a window longer than the canvas, or a stride that would leave gaps.
    """
    length, size = check_count("length", length, 1), check_count("size", size, 1)
    stride = check_count("stride", stride, 1)
    if size > length or stride > size:
        raise UserError(
            f"size must be at most the length {length} and the stride at most the size, "
            f"got size {size} and stride {stride}"
        )
    starts = [*range(0, length - size, stride), length - size]
    return [slice(start, start + size) for start in starts]


def joined(parts):
    """One denoiser of a canvas from denoisers of its windows: a mean wherever they overlap.

    parts: (denoise, rows, columns), each a denoiser of (x, t) and the slices of the canvas (B, C, H, W)
    that it sees; each may have its own prompt. A step of DDIM is a sum of x and x0_hat, so this is the
    mean of the steps, too (MultiDiffusion: Bar-Tal et al. 2023, eq. 5). A window counts most in its
    middle, since at its edge a network sees least. UserError for a gap.
    """

    def denoise(x, t):
        total, weights = torch.zeros_like(x), torch.zeros_like(x)
        for part, rows, columns in parts:
            seen = x[..., rows, columns]
            weight = ramp(seen.shape[-2])[:, None] * ramp(seen.shape[-1])
            total[..., rows, columns] += weight.to(x) * part(seen, t)
            weights[..., rows, columns] += weight.to(x)
        if not weights.all():
            raise UserError("parts must cover the canvas, and leave a gap")
        return total / weights

    return denoise


def ramp(n):
    """n weights that rise on a line to the middle and fall again, none of them 0."""
    place = torch.arange(n) + 0.5
    return torch.minimum(place, n - place) / n
