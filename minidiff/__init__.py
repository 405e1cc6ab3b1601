"""minidiff: diffusion models small enough to read in an evening.

import minidiff
model = minidiff.load("digits")
pictures = model([3, 1, 4])          # (3, 1, 28, 28), in 0..1
"""

from .codecs import Autoencoder, Pixels, Scaled
from .conditions import LabelEncoder, TextEncoder, Tokenizer, Unconditional
from .denoiser import TARGETS, Denoiser, noising
from .guidance import clip, given, guidance_interval, guidance_rescale, guide
from .model import Model
from .nets import PointNet, UNet
from .pretrained import load
from .samplers import ddim, ddpm, dpmpp_2m, heun, last, noise_from
from .schedules import (
    DDPM,
    cosine,
    flow,
    log_snr,
    log_snr_grid,
    logit_normal_times,
    stratified_times,
    uniform_grid,
)
from .training import train

__all__ = [
    "DDPM", "TARGETS", "Autoencoder", "Denoiser", "LabelEncoder", "Model", "Pixels", "PointNet",
    "Scaled", "TextEncoder", "Tokenizer", "UNet", "Unconditional", "clip", "cosine", "ddim", "ddpm",
    "dpmpp_2m", "flow", "given", "guidance_interval", "guidance_rescale", "guide", "heun", "last",
    "load", "log_snr", "log_snr_grid", "logit_normal_times", "noise_from", "noising",
    "stratified_times", "train", "uniform_grid",
]  # fmt: skip
