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
from .scenes import encoded_scenes, scene_latents


def prior(space):
    """A transformer that hears a caption and paints a vector, one token, in 64 channels."""
    space = space.requires_grad_(False)
    net = DiT(space.width, 64, depth=4, patch=(1, 1, 1), token_width=space.text.width)
    denoiser = Denoiser(net, cosine, target="x0")
    settings = dict(w=1.5, steps=16, sampler=dpmpp_2m, grid=uniform_grid)
    return Model(denoiser, space.text, Vectors(space), (space.width, 1, 1), **settings)


def scene_vectors(space, count, path, workers=0):
    """The stream of `scene_data`, from the vectors of `count` renders, made once, kept in `path`."""
    return scene_latents(Vectors(space), count, path, workers)


def told_vectors(space, count, path, workers=0):
    """The vectors of `count` renders, made once, kept in `path`; plain captions, the tokens that tell."""
    codec = Vectors(space)
    told, latents = encoded_scenes(codec, count, path, workers)

    def data(n, generator):
        index = torch.randint(count, (n,), generator=generator)
        captions, words = zip(*(plain_caption(told[i]) for i in index.tolist()))
        return codec.decode(latents[index].float()), list(captions), list(words)

    return data


def translator(space, scenes):
    """An encoder of pictures that has yet to learn which words of `scenes` a vector stands for."""
    text, space = (part.requires_grad_(False) for part in (scenes.encoder, space))
    return PictureEncoder(text, space)


def decoder(scenes, translator):
    """`scenes` with a small change yet to learn; what it reads with and its codec are fixed."""
    codec = scenes.codec.requires_grad_(False)
    for fixed in (translator.text, translator.space):
        fixed.requires_grad_(False)
    net = LowRank(scenes.denoiser.net, rank=4)
    denoiser = Denoiser(net, scenes.schedule, scenes.denoiser.target, times=logit_normal_times)
    settings = dict(w=3.0, steps=8, sampler=dpmpp_2m, grid=uniform_grid)
    return Model(denoiser, translator, codec, scenes.shape, **settings)


def told_plainly(n, generator):
    """n pictures (n, 3, 64, 64) in 0..1, plain captions, the tokens that tell, and which are shown."""
    pictures, told = seen_scenes(n, generator)
    captions, words = zip(*map(plain_caption, told))
    shown = (torch.rand(n, generator=generator) >= DROPPED).tolist()
    return pictures, list(captions), list(words), shown


def translated(encoder):
    """The loss of the translation: its tokens are to be those of words that describe the picture.

    The painter knows these already, and has to learn only what no word says.
    """

    def loss(batch, generator, step, average):
        shown, captions, words, *_ = batch
        vectors = shown if shown.ndim == 2 else encoder.space.of_pictures(shown)
        return encoder.miss(vectors, captions, words)

    return loss


def heard(model):
    """The loss of the painter that hears the vectors of its pictures."""

    def loss(batch, generator, step, average):
        pictures, _, _, shown = batch
        vectors = model.encoder.space.of_pictures(pictures)
        prompts = [vector if show else "" for vector, show in zip(vectors, shown)]
        return model.loss(pictures, prompts, generator=generator)

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
    "translation": Recipe(
        translator,
        lambda: told_plainly,
        500_000,
        dict(batch=64, lr=2e-3, warmup=5_000, decay=0.99),
        needs=("contrastive", "scenes"),
        loss=translated,
        latents=20_000,
        encoded=told_vectors,
    ),
    "variations": Recipe(
        decoder,
        lambda: told_plainly,
        24_000,
        dict(batch=16, lr=1e-3, warmup=2_000, decay=0.998, prepare=channels_last, bf16=True),
        needs=("scenes", "translation"),
        loss=heard,
    ),
}
