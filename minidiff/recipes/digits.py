"""Digits, by label and by caption."""

import torch

from ..codecs import Pixels
from ..conditions import LabelEncoder, TextEncoder, Tokenizer
from ..data import digit_captions as captions
from ..data import mnist
from ..denoiser import Denoiser
from ..model import Model
from ..nets import UNet
from ..samplers import dpmpp_2m
from ..schedules import cosine, root_times, uniform_grid
from ..training import channels_last
from .recipe import Recipe

# How digits are painted by default: 20 network calls, 10 with the prompt and 10 without.
TEN_STEPS = dict(steps=10, sampler=dpmpp_2m, grid=uniform_grid)
DROPPED = 0.1  # share of prompts left out in training, so that guidance has an unconditional model


def digit_denoiser():
    """0.45 million parameters. The lowest of its resolutions is 7x7: patches of 2x2, then half."""
    net = UNet(1, width=32, widths=(1, 2), token_width=64, positions=(7, 7))
    return Denoiser(net, cosine, target="v", times=root_times)


def digit_model():
    encoder = LabelEncoder(10, 64)
    return Model(digit_denoiser(), encoder, Pixels(), (1, 28, 28), w=1.4, **TEN_STEPS)


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
    tokenizer = Tokenizer(captions.WORDS, captions.MAX_WORDS + 1)
    encoder = TextEncoder(tokenizer, width=64)
    return Model(digit_denoiser(), encoder, Pixels(), (1, 28, 28), w=1.4, **TEN_STEPS)


def digits_text_from_digits(digits):
    """The network of `digits`, which paints already, and a text encoder yet to learn."""
    model = digit_text_model()
    model.denoiser.net.load_state_dict(digits.denoiser.net.state_dict())
    return model


SETTINGS = dict(batch=64, decay=0.9995, prepare=channels_last)
RECIPES = {
    "digits": Recipe(digit_model, digit_data, 1_000_000, dict(lr=2e-3, **SETTINGS)),
    "digits-text": Recipe(
        digits_text_from_digits,
        captions.digit_text_data,
        600_000,
        dict(lr=1.5e-3, **SETTINGS),
        needs=("digits",),
    ),
}
