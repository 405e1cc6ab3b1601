"""minidiff: diffusion models small enough to read in an evening.

import minidiff
model = minidiff.load("digits")
pictures = model([3, 1, 4])          # (3, 1, 28, 28), in 0..1
"""

from .codec import Pixels, Scaled
from .denoiser import TARGETS, Denoiser, clip, given, guide, noising, rescale, within
from .model import Model
from .nets import PointNet, UNet
from .pretrained import load
from .samplers import ddim, ddpm, dpmpp_2m, heun, last
from .schedules import DDPM, cosine, flow, log_snr, log_snr_grid, uniform_grid
from .training import train

__all__ = [
    "DDPM", "TARGETS", "Denoiser", "Model", "Pixels", "PointNet", "Scaled", "UNet", "clip", "cosine",
    "ddim", "ddpm", "dpmpp_2m", "flow", "given", "guide", "heun", "last", "load", "log_snr",
    "log_snr_grid", "noising", "rescale", "train", "uniform_grid", "within",
]  # fmt: skip
