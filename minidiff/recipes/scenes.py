"""Captioned scenes, painted in the latents of the codec."""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save as as_bytes
from tqdm.auto import tqdm

from ..codecs import Autoencoder
from ..conditions import TextEncoder, Tokenizer
from ..data import scenes
from ..data.scenes.captions import MENTION, vocabulary
from ..denoiser import Denoiser
from ..model import Model
from ..nets import UNet
from ..samplers import dpmpp_2m
from ..schedules import cosine, logit_normal_times, uniform_grid
from ..training import adamw, channels_last
from ..training.checkpoints import load_state, save_state
from ..training.prefetch import prefetch
from .digits import DROPPED
from .recipe import Recipe

CHUNK = 100  # pictures encoded at a time
# for large batches: a shorter memory of the squares
quick_adamw = partial(adamw, betas=(0.9, 0.99))


def scene_model(things=tuple(scenes.THINGS), **sizes):
    """Latents 16x16, a text encoder with words for these things, and a U-Net of these sizes."""
    codec = Autoencoder()
    net = UNet(codec.latents, token_width=128, **sizes)
    tokenizer = Tokenizer(vocabulary(things), scenes.MAX_WORDS + 1)
    denoiser = Denoiser(net, cosine, target="v", times=logit_normal_times)
    settings = dict(w=3.0, steps=16, sampler=dpmpp_2m, grid=uniform_grid)
    return Model(denoiser, TextEncoder(tokenizer, 128), codec, (codec.latents, 16, 16), **settings)


def on_codec(empty):
    """From a codec to the model of `empty()` with it, trained before and now fixed."""

    def model(codec):
        latent = empty()
        latent.codec.load_state_dict(codec.state_dict())
        latent.codec.requires_grad_(False)
        return latent

    return model


def kept_latents(codec, count, path, workers, rendered, *told):
    """The latents (count, *) of renders in half precision, encoded once and kept in `path`.

    rendered: `rendered(count, first)` -> (pictures,), those of numbers `first` to `first + CHUNK`.
    The file is made again if it is of another codec or number, or if other things are `told` of it.
    """
    weights = {name: value.cpu().contiguous() for name, value in codec.state_dict().items()}
    made_for = [count, *told, hashlib.sha256(as_bytes(weights)).hexdigest()]
    kept = load_state(path) if Path(path).exists() else {"made_for": None}
    if kept["made_for"] != made_for:
        chunks = range(0, count, CHUNK)
        renders = prefetch(partial(rendered, count), chunks, workers)
        bar = tqdm(renders, total=len(chunks), desc="latents", disable=None)
        device = next(codec.parameters()).device
        latents = torch.cat([codec.encode(p.to(device)).half().cpu() for (p,) in bar])
        kept = {"made_for": made_for, "latents": latents}
        save_state(path, kept)
    return kept["latents"]


def scene_latents(codec, count, path, workers=0, things=tuple(scenes.THINGS)):
    """The stream of `scene_data`, from `count` renders that are encoded once and kept in `path`.

    Each time that a render is drawn it is told of in new words.
    """
    told, latents = encoded_scenes(codec, count, path, workers, things)

    def data(n, generator):
        index = torch.randint(count, (n,), generator=generator)
        kept = (torch.rand(n, generator=generator) >= DROPPED).tolist()
        full = (torch.rand(n, generator=generator) < 0.5).tolist()  # half of them tell everything
        captions = [
            scenes.describe(told[i], generator, mention=1 if all_of_it else MENTION) * keep
            for i, keep, all_of_it in zip(index.tolist(), kept, full)
        ]
        return latents[index].float(), captions

    return data


def encoded_scenes(codec, count, path, workers=0, things=tuple(scenes.THINGS)):
    """`count` scenes and the latents of their renders, which are kept in `path`."""
    told = [scenes.invent(np.random.default_rng(seed), False, things) for seed in range(count)]
    latents = kept_latents(codec, count, path, workers, partial(rendered, things), list(things))
    return told, latents


def rendered(things, count, first):
    """The renders of numbers `first` to `first + CHUNK`, as one batch."""
    numbers = range(first, min(first + CHUNK, count))
    return (scenes.stacked([scenes.example(n, things=things)[1] for n in numbers]),)


full_scenes = partial(scene_model, width=64, widths=(1, 2, 4), patch=1, attention_levels=2)
small_scenes = partial(scene_model, scenes.COMMON, width=112, widths=(1, 2), patch=2)
common_scenes = partial(scenes.scene_data, things=scenes.COMMON)

SETTINGS = dict(decay=0.9995, prepare=channels_last, bf16=True)
RECIPES = {
    "scenes": Recipe(  # minutes of a GPU
        on_codec(full_scenes),
        scenes.scene_data,
        8_600_000,
        dict(batch=512, lr=1.5e-3, warmup=200_000, optimizer=quick_adamw, **SETTINGS),
        needs=("codec",),
        latents=2_000_000,
        encoded=scene_latents,
    ),
    "scenes-small": Recipe(  # hours of a CPU
        on_codec(small_scenes),
        common_scenes,
        1_600_000,
        dict(batch=32, lr=1e-3, **SETTINGS),
        needs=("codec",),
        latents=140_000,
        encoded=partial(scene_latents, things=scenes.COMMON),
    ),
}
