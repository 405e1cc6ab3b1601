"""Editing a given picture, or points: functions around denoisers and samplers, which stay as they are.

    inpaint        denoiser -> denoiser   x0_hat is the picture itself where the mask is False
    resampled      sampler -> sampler     RePaint: every step is undone with noise and taken again
    joined         denoisers -> denoiser  windows of a large canvas, averaged where they overlap
    invert         generator              DDIM's line walked from the data towards the noise

Beside them are whole edits with a `Model`: `fill`, `fill_window`, `image_to_image`, `reprompt`,
`interpolate`, `enlarge`.
"""

from .canvas import joined, windows
from .enlarging import beside, enlarge
from .inpainting import check_mask, continued, extend, fill, inpaint, renoise, resampled, to_latents
from .inversion import image_to_image, interpolate, invert, remaining, reprompt, slerp
from .patches import fill_window

__all__ = [
    "beside", "check_mask", "continued", "enlarge", "extend", "fill", "fill_window", "image_to_image",
    "inpaint", "interpolate", "invert", "joined", "remaining", "renoise", "reprompt", "resampled", "slerp", "to_latents",
    "windows",
]  # fmt: skip
