"""From words to a picture's vector, and from the vector to pictures (Ramesh et al. 2022)."""

import torch

from ..codecs import Vectors
from ..conditions.pictured import PictureEncoder
from ..data.scenes import scene_data, seen_scenes
from ..data.scenes.captions import plain_caption
from ..denoiser import Denoiser
from ..model import Model
from ..nets import DiT, LowRank
from ..samplers import dpmpp_2m
from ..schedules import cosine, logit_normal_times, uniform_grid
from ..training import channels_last
from .digits import DROPPED
from .recipe import Recipe
from .scenes import scene_latents


def prior(space):
    """A transformer that hears a caption and paints a vector, one token, in 64 channels."""
    space = space.requires_grad_(False)
    net = DiT(space.width, 64, depth=4, patch=(1, 1, 1), token_width=space.text.width)
    denoiser = Denoiser(net, cosine, target="x0")
    settings = dict(w=1.0, steps=16, sampler=dpmpp_2m, grid=uniform_grid)
    return Model(denoiser, space.text, Vectors(space), (space.width, 1, 1), **settings)


def scene_vectors(space, count, path, workers=0):
    """The stream of `scene_data`, from the vectors of `count` renders, made once, kept in `path`."""
    return scene_latents(Vectors(space), count, path, workers)


def decoder(scenes, space):
    """`scenes` with a small change yet to learn; what it reads with and its codec are fixed."""
    text, codec, space = (
        part.requires_grad_(False) for part in (scenes.encoder, scenes.codec, space)
    )
    net = LowRank(scenes.denoiser.net, rank=4)
    denoiser = Denoiser(net, scenes.schedule, scenes.denoiser.target, times=logit_normal_times)
    settings = dict(w=2.0, steps=16, sampler=dpmpp_2m, grid=uniform_grid)
    return Model(denoiser, PictureEncoder(text, space), codec, scenes.shape, **settings)


def told_plainly(n, generator):
    """n pictures (n, 3, 64, 64) in 0..1, plain captions, the words that tell, and which are shown."""
    pictures, told = seen_scenes(n, generator)
    captions, words = zip(*map(plain_caption, told))
    shown = (torch.rand(n, generator=generator) >= DROPPED).tolist()
    return pictures, list(captions), list(words), shown


def heard_and_translated(model):
    """The loss: of the painter that hears a picture, and of the tokens that stand for the picture.

    The first of them begin as words that describe it, which the painter knows already.
    """

    def loss(batch, generator, step, average):
        pictures, captions, words, shown = batch
        vectors = model.encoder.space.of_pictures(pictures)
        prompts = [vector if show else "" for vector, show in zip(vectors, shown)]
        painted = model.loss(pictures, prompts, generator=generator)
        return painted + model.encoder.miss(vectors, captions, words)

    return loss


RECIPES = {
    "prior": Recipe(
        prior,
        scene_data,
        1_000_000,
        dict(batch=128, lr=1e-3, decay=0.999),
        needs=("contrastive",),
        latents=40_000,
        encoded=scene_vectors,
    ),
    "variations": Recipe(
        decoder,
        lambda: told_plainly,
        200_000,
        dict(batch=16, lr=1e-3, warmup=20_000, decay=0.998, prepare=channels_last, bf16=True),
        needs=("scenes", "contrastive"),
        loss=heard_and_translated,
    ),
}
