"""The codec of the scenes: an autoencoder that learns to keep both pixels and looks.

It is watched by the network of a judge from another seed, `perceptual`: the judge that marks the
pictures has no part in making them. Pairs held out are held out of both.
"""

from functools import partial

import torch

from ..codecs import Autoencoder
from ..codecs.perceptual import Perceptual
from ..data.scenes import scene_data, seen_scenes
from ..evaluation.judges.scenes import SceneJudge
from ..training import adamw, channels_last
from .recipe import Recipe

MEASURED = 2_000  # pictures over which the latents' statistics are taken
IMAGES, BATCH = 745_000, 128


def watched(network):
    """An untrained codec and the network that watches it."""
    return Perceptual(Autoencoder(), network)


def growing(model, share=0.004):
    """The loss of `train`: what the network sees counts for more and more, from half-time on in full."""

    def loss(batch, generator, step, average):
        done = step * BATCH / IMAGES
        return model.loss(*batch, generator, share=share * min(1, 2 * done))

    return loss


def mirrored_scenes():
    """The stream of `scene_data`, half of its pictures mirrored."""
    draw = scene_data()

    def data(n, generator):
        pictures, captions = draw(n, generator)
        mirrored = torch.rand(n, generator=generator) < 0.5
        return torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures), captions

    return data


@torch.no_grad()
def measured(perceptual):
    """The codec with the mean and standard deviation of its own latents.

    In training they follow the encoder of the moment; what is kept is its average.
    """
    codec, data = perceptual.codec, scene_data()
    generator, device = torch.Generator().manual_seed(0), codec.mean.device
    z = [codec.posterior(data(100, generator)[0].to(device))[0] for _ in range(MEASURED // 100)]
    codec.mean.copy_(torch.cat(z).mean((0, 2, 3))[:, None, None])
    codec.std.copy_(torch.cat(z).std((0, 2, 3))[:, None, None])
    return codec


def scenes_with_facts():
    return seen_scenes


SETTINGS = dict(decay=0.998, prepare=channels_last, bf16=True)
RECIPES = {
    "perceptual": Recipe(
        SceneJudge, scenes_with_facts, 1_600_000, dict(batch=512, lr=4e-3, seed=1, **SETTINGS)
    ),
    "codec": Recipe(
        watched,
        mirrored_scenes,
        IMAGES,
        dict(
            batch=BATCH,
            lr=1e-3,
            warmup=50_000,
            optimizer=partial(adamw, weight_decay=1e-4, betas=(0.9, 0.99)),
            **SETTINGS,
        ),
        needs=("perceptual",),
        loss=growing,
        keep=measured,
    ),
}
