"""The second stage of a cascade: from a small picture to one of twice the size."""

import torch

from ..codecs import Details, Pixels
from ..data.scenes.crops import CROP, crop_data
from ..denoiser import Denoiser
from ..editing.enlarging import under_noise
from ..model import Model
from ..nets import Enlarger
from ..samplers import dpmpp_2m
from ..schedules import cosine, uniform_grid
from ..training import channels_last
from .recipe import Recipe

STRONGEST = 0.4  # the standard deviation of the most noise that is laid over the small picture


def enlarger(scenes):
    """1.2 million numbers that paint details beside a small picture; the encoder of scenes is fixed."""
    denoiser = Denoiser(Enlarger(), cosine)
    encoder = scenes.encoder.requires_grad_(False)
    settings = dict(w=1.0, steps=8, sampler=dpmpp_2m, grid=uniform_grid)
    return Model(denoiser, encoder, Pixels(), (3, CROP, CROP), **settings)


def beside_noised(model):
    """The loss on pieces, small pictures and captions: the small ones are noised, and say how much.

    Noise conditioning augmentation (Ho et al. 2022, section 4; Saharia et al. 2022, section 2.5): what
    the first stage paints is never as clean as what is shrunk from a real picture.
    """

    def loss(batch, generator, step, average):
        pieces, small, captions = batch
        strength = STRONGEST * torch.rand(len(small), generator=generator)
        eps = torch.randn(small.shape, generator=generator)
        small, strength = under_noise(model.codec.encode(small), strength, eps)
        x0 = Details(small, strength).encode(pieces)
        noise = model.denoiser.draw_noise(x0.shape, generator)
        return model.denoiser.loss_at(x0, *noise, *model.encoder(captions), small, strength)

    return loss


RECIPES = {
    "enlarge": Recipe(
        enlarger,
        crop_data,
        200_000,
        dict(batch=16, lr=1e-3, decay=0.9995, prepare=channels_last, bf16=True),
        needs=("scenes",),
        loss=beside_noised,
    )
}
