"""Recipes: how each shipped model is built and trained; names are looked up at the command line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch

from .codec import Pixels, Scaled
from .data import captions, mnist, points
from .denoiser import Denoiser
from .model import Model
from .nets import PointNet, UNet
from .pretrained import load
from .samplers import dpmpp_2m
from .schedules import cosine, log_snr_grid, log_snr_times
from .text import LabelEncoder, TextEncoder, Tokenizer, Unconditional

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
    pictures, labels = mnist.load(split)

    def data(n, generator):
        index = torch.randint(len(pictures), (n,), generator=generator)
        kept = torch.rand(n, generator=generator) >= DROPPED
        prompts = [label if keep else None for label, keep in zip(labels[index].tolist(), kept)]
        return pictures[index] / 255, prompts

    return data


def digit_text_model():
    net = UNet(1, width=32, widths=(1, 2), token_width=64)
    tokenizer = Tokenizer(captions.WORDS, captions.MAX_WORDS + 1)
    encoder = TextEncoder(tokenizer, width=64)
    denoiser = Denoiser(net, cosine, target="v")
    return Model(denoiser, encoder, Pixels(), (1, 28, 28), w=1.4, **TEN_STEPS)


def painter_with_new_ears():
    """The network of the shipped `digits`, which paints already, and a text encoder yet to learn."""
    model = digit_text_model()
    model.denoiser.net.load_state_dict(load("digits").denoiser.net.state_dict())
    return model


RECIPES = {
    "points": Recipe(point_model, point_data, 2_560_000, dict(batch=256, lr=5e-3)),
    "digits": Recipe(digit_model, digit_data, 700_000, dict(batch=64, lr=2e-3, decay=0.9995)),
    "digits-text": Recipe(
        painter_with_new_ears,
        captions.digit_text_data,
        600_000,
        dict(batch=64, lr=1.5e-3, decay=0.9995),
        empty=digit_text_model,
    ),
}
