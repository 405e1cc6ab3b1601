"""From words to a picture's vector, and from the vector to pictures (Ramesh et al. 2022)."""

from ..codecs import Vectors
from ..conditions.pictured import PictureEncoder
from ..data.scenes import scene_data
from ..denoiser import Denoiser
from ..model import Model
from ..nets import DiT, LowRank
from ..samplers import dpmpp_2m
from ..schedules import cosine, logit_normal_times, uniform_grid
from ..training import channels_last
from .recipe import Recipe


def prior(space):
    """A transformer that hears a caption and paints a vector, one token, in 64 channels."""
    space = space.requires_grad_(False)
    net = DiT(space.width, 96, depth=4, patch=(1, 1, 1), token_width=space.text.width)
    denoiser = Denoiser(net, cosine, target="x0")
    settings = dict(w=1.0, steps=16, sampler=dpmpp_2m, grid=uniform_grid)
    return Model(denoiser, space.text, Vectors(space), (space.width, 1, 1), **settings)


def decoder(scenes, space):
    """`scenes` with a small change yet to learn; what it reads with and its codec are fixed."""
    text, codec, space = (
        part.requires_grad_(False) for part in (scenes.encoder, scenes.codec, space)
    )
    net = LowRank(scenes.denoiser.net, rank=8)
    denoiser = Denoiser(net, scenes.schedule, scenes.denoiser.target, times=logit_normal_times)
    settings = dict(w=2.0, steps=16, sampler=dpmpp_2m, grid=uniform_grid)
    return Model(denoiser, PictureEncoder(text, space), codec, scenes.shape, **settings)


def scenes_as_prompts():
    """The training stream: pictures of scenes, each its own prompt; a share of these is dropped."""
    told = scene_data()

    def data(n, generator):
        pictures, captions = told(n, generator)
        return pictures, [picture if said else "" for picture, said in zip(pictures, captions)]

    return data


RECIPES = {
    "prior": Recipe(
        prior, scene_data, 200_000, dict(batch=64, lr=1e-3, decay=0.999), needs=("contrastive",)
    ),
    "variations": Recipe(
        decoder,
        scenes_as_prompts,
        80_000,
        dict(batch=16, lr=1e-3, decay=0.998, prepare=channels_last, bf16=True),
        needs=("scenes", "contrastive"),
    ),
}
