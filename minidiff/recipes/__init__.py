"""Recipes: how each shipped model is built and trained; names are looked up at the command line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch

from ..codecs import Autoencoder, Pixels, Scaled
from ..conditions import LabelEncoder, TextEncoder, Tokenizer, Unconditional
from ..data import digit_captions as captions
from ..data import mnist, points, scenes
from ..data.scenes.captions import vocabulary
from ..denoiser import Denoiser
from ..model import Model
from ..nets import PointNet, UNet
from ..pretrained import load
from ..samplers import dpmpp_2m
from ..schedules import cosine, log_snr_grid, log_snr_times, logit_normal_times
from . import photos

# How digits are painted by default: 20 network calls, 10 with the prompt and 10 without.
TEN_STEPS = dict(steps=10, sampler=dpmpp_2m, grid=partial(log_snr_grid, cosine))
DROPPED = 0.1  # share of prompts left out in training, so that guidance has an unconditional model


@dataclass(frozen=True)
class Recipe:
    """model() -> Model, as training starts from it; data() -> `data(n, generator)`.

    images: how many to train on. settings: keyword arguments of `train`. empty() -> Model, for
    weights to be read into, where `model` would start from other weights.
    """

    model: Callable
    data: Callable
    images: int
    settings: dict = field(default_factory=dict)
    empty: Callable | None = None


def point_model():
    net = PointNet()
    denoiser = Denoiser(net, cosine, target="v", times=log_snr_times(cosine, start=0.95))
    return Model(denoiser, Unconditional(), Scaled(2.0), (2,), steps=100)


def point_data(cloud=points.swiss_roll):
    return lambda n, generator: (cloud(n, generator), [None] * n)


def digit_model():
    net = UNet(1, width=32, widths=(1, 2), token_width=64)
    denoiser = Denoiser(net, cosine, target="v")
    return Model(denoiser, LabelEncoder(10, 64), Pixels(), (1, 28, 28), w=1.2, **TEN_STEPS)


def digit_data(split="train"):
    """Batches of MNIST pictures (n, 1, 28, 28) in 0..1 and labels, one in ten of them None."""
    draw = labelled(*mnist.load(split))

    def data(n, generator):
        pictures, prompts = draw(n, generator)
        return pictures / 255, prompts

    return data


def labelled(pictures, labels):
    """Batches of these pictures (N, *) and labels (N,), as they are, one label in ten None."""

    def data(n, generator):
        index = torch.randint(len(pictures), (n,), generator=generator)
        kept = torch.rand(n, generator=generator) >= DROPPED
        prompts = [label if keep else None for label, keep in zip(labels[index].tolist(), kept)]
        return pictures[index], prompts

    return data


def digit_text_model():
    net = UNet(1, width=32, widths=(1, 2), token_width=64)
    tokenizer = Tokenizer(captions.WORDS, captions.MAX_WORDS + 1)
    encoder = TextEncoder(tokenizer, width=64)
    denoiser = Denoiser(net, cosine, target="v")
    return Model(denoiser, encoder, Pixels(), (1, 28, 28), w=1.4, **TEN_STEPS)


def digits_text_from_digits():
    """The network of the shipped `digits`, which paints already, and a text encoder yet to learn."""
    model = digit_text_model()
    model.denoiser.net.load_state_dict(load("digits").denoiser.net.state_dict())
    return model


def scene_model(things=tuple(scenes.THINGS), **sizes):
    """Latents 16x16, a text encoder with words for these things, and a U-Net of these sizes."""
    net = UNet(4, token_width=128, **sizes)
    tokenizer = Tokenizer(vocabulary(things), scenes.MAX_WORDS + 1)
    denoiser = Denoiser(net, cosine, target="v", times=logit_normal_times)
    settings = dict(w=4.0, steps=25, sampler=dpmpp_2m, grid=partial(log_snr_grid, cosine))
    return Model(denoiser, TextEncoder(tokenizer, 128), Autoencoder(), (4, 16, 16), **settings)


def on_codec(empty):
    """The model of `empty()` with the codec of the shipped `codec`, trained before and now fixed."""

    def model():
        latent = empty()
        latent.codec.load_state_dict(load("codec").state_dict())
        latent.codec.requires_grad_(False)
        return latent

    return model


full_scenes = partial(scene_model, width=56, widths=(1, 2, 4), patch=1)
small_scenes = partial(scene_model, scenes.COMMON, width=112, widths=(1, 2), patch=2)
common_scenes = partial(scenes.scene_data, things=scenes.COMMON)

RECIPES = {
    "points": Recipe(point_model, point_data, 2_560_000, dict(batch=256, lr=5e-3)),
    "digits": Recipe(digit_model, digit_data, 700_000, dict(batch=64, lr=2e-3, decay=0.9995)),
    "digits-text": Recipe(
        digits_text_from_digits,
        captions.digit_text_data,
        600_000,
        dict(batch=64, lr=1.5e-3, decay=0.9995),
        empty=digit_text_model,
    ),
    "codec": Recipe(Autoencoder, scenes.scene_data, 200_000, dict(batch=24, lr=1e-3, decay=0.998)),
    "scenes": Recipe(  # for a GPU
        on_codec(full_scenes),
        scenes.scene_data,
        5_000_000,
        dict(batch=256, lr=1e-3, decay=0.9995),
        empty=full_scenes,
    ),
    "scenes-small": Recipe(  # hours of a CPU
        on_codec(small_scenes),
        common_scenes,
        1_600_000,
        dict(batch=32, lr=1e-3, decay=0.9995),
        empty=small_scenes,
    ),
    "photo": Recipe(
        photos.model,
        photos.shipped_crops,
        24_000,
        dict(batch=4, lr=2e-3, warmup=400, decay=0.998),
    ),
}
