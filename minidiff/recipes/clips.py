"""Clips from texts: moving digits from nothing, moving scenes from the painter of scenes."""

import numpy as np
import torch

from ..codecs import PerFrame, Pixels
from ..conditions import MotionEncoder, TextEncoder, Tokenizer
from ..data import moving_digits, moving_scenes
from ..denoiser import Denoiser
from ..model import Model
from ..nets import ClipUNet, DiT, LowRank
from ..samplers import dpmpp_2m
from ..schedules import cosine, root_times, uniform_grid
from ..training import channels_last, muon
from .digits import DROPPED
from .recipe import Recipe
from .scenes import CHUNK, kept_latents

STEPS = dict(steps=16, sampler=dpmpp_2m, grid=uniform_grid)


def moving_digit_model():
    """A transformer over 64 patches of 2 frames and 8x8 pixels, and an encoder of texts."""
    net = DiT(1, width=128, depth=5, patch=(2, 8, 8), token_width=64)
    tokenizer = Tokenizer(moving_digits.vocabulary(), moving_digits.MAX_WORDS + 1)
    denoiser = Denoiser(net, cosine, target="x0", times=root_times)
    shape = (1, moving_digits.FRAMES, moving_digits.SIZE, moving_digits.SIZE)
    return Model(denoiser, TextEncoder(tokenizer, 64), Pixels(), shape, w=3.0, **STEPS)


def counted_in_v(model):
    """The loss of a network that guesses x0, its errors counted as v's (Li & He 2025, section 4.2)."""

    def loss(batch, generator, step, average):
        x0 = model.codec.encode(batch[0])
        t, eps = model.denoiser.draw_noise(x0.shape, generator)
        sigma = model.schedule(t)[1].clamp(min=0.05)
        return model.denoiser.loss_at(x0, t, eps, *model.encoder(batch[1])) / sigma**2

    return loss


def moving_scene_model(scenes):
    """The painter of scenes, its frames yet to listen to each other; its encoder and codec fixed."""
    net = ClipUNet(LowRank(scenes.denoiser.net, rank=8))
    seen, codec = (part.requires_grad_(False) for part in (scenes.encoder, scenes.codec))
    tokenizer = Tokenizer(moving_scenes.MOTION_WORDS, moving_scenes.MAX_MOTION_WORDS + 1)
    encoder = MotionEncoder(seen, TextEncoder(tokenizer, net.motion_width, depth=1))
    denoiser = Denoiser(net, scenes.schedule, scenes.denoiser.target, times=root_times)
    channels, *sides = scenes.shape
    shape = (channels, moving_scenes.FRAMES, *sides)
    return Model(denoiser, encoder, PerFrame(codec), shape, w=scenes.w, **STEPS)


def moving_scene_latents(scenes, count, path, workers=0):
    """The stream of `moving_scene_data`, from `count` clips encoded once and kept in `path`."""
    told = [moving_scenes.invent(np.random.default_rng(number)) for number in range(count)]
    latents = kept_latents(PerFrame(scenes.codec), count, path, workers, rendered, "clips")

    def data(n, generator):
        index = torch.randint(count, (n,), generator=generator)
        kept = (torch.rand(n, generator=generator) >= DROPPED).tolist()
        words = torch.randint(2**62, (n,), generator=generator).tolist()
        captions = [
            moving_scenes.caption_of(told[i], np.random.default_rng(word)) * keep
            for i, word, keep in zip(index.tolist(), words, kept)
        ]
        return latents[index].float(), captions

    return data


def rendered(count, first):
    """The clips of numbers `first` to `first + CHUNK`, as one batch."""
    numbers = range(first, min(first + CHUNK, count))
    return (moving_scenes.stacked([moving_scenes.example(number)[1] for number in numbers]),)


RECIPES = {
    "clips-digits": Recipe(
        moving_digit_model,
        moving_digits.moving_digit_data,
        1_000_000,
        dict(batch=32, lr=2e-3, decay=0.9995, optimizer=muon, bf16=True),
        loss=counted_in_v,
    ),
    "clips-scenes": Recipe(  # for a GPU; not shipped, since 45,568 clips of it were too few
        moving_scene_model,
        moving_scenes.moving_scene_data,
        600_000,
        dict(batch=64, lr=1.5e-3, warmup=20_000, decay=0.999, prepare=channels_last, bf16=True),
        needs=("scenes",),
        latents=60_000,
        encoded=moving_scene_latents,
    ),
}
