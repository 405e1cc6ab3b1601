"""The codec of the scenes: an autoencoder, and then a decoder that learns how pictures look.

`codec-base` is trained on errors of colours and edges. `codec` goes on with its decoder alone, under
the eye of a judge's network: a SceneJudge from another seed, so that the judge that marks the
pictures has no part in making them. Latents stay what they are.
"""

import torch

from ..codecs import Autoencoder
from ..codecs.perceptual import Sharpened
from ..data.scenes import any_scenes, scene_data
from ..evaluation.judges.scenes import SceneJudge
from ..training import channels_last
from .recipe import Recipe

MEASURED = 2_000  # pictures over which the latents' statistics are taken


@torch.no_grad()
def measured(codec):
    """The codec with the mean and standard deviation of its own latents.

    In training they follow the encoder of the moment; what is kept is its average.
    """
    data, generator = scene_data(), torch.Generator().manual_seed(0)
    device = codec.mean.device
    z = [codec.posterior(data(100, generator)[0].to(device))[0] for _ in range(MEASURED // 100)]
    codec.mean.copy_(torch.cat(z).mean((0, 2, 3))[:, None, None])
    codec.std.copy_(torch.cat(z).std((0, 2, 3))[:, None, None])
    return codec


def codec_of(sharpened):
    return sharpened.codec


def scenes_of_all_kinds():
    return any_scenes


SETTINGS = dict(decay=0.998, prepare=channels_last)
RECIPES = {
    "codec-base": Recipe(
        Autoencoder, scene_data, 200_000, dict(batch=24, lr=1e-3, **SETTINGS), keep=measured
    ),
    "perceptual": Recipe(
        SceneJudge, scenes_of_all_kinds, 110_000, dict(lr=4e-3, seed=1, **SETTINGS)
    ),
    "codec": Recipe(
        Sharpened,
        scene_data,
        36_000,
        dict(batch=24, lr=5e-4, **SETTINGS),
        needs=("codec-base", "perceptual"),
        keep=codec_of,
    ),
}
