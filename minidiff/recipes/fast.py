"""Students of the shipped models, which paint in a few calls."""

from functools import partial

from ..data.digit_captions import digit_text_data
from ..data.scenes import scene_data
from ..denoiser import Denoiser
from ..model import Model
from ..nets import LowRank
from ..samplers import consistency
from ..schedules import uniform_grid
from ..training import channels_last, distillation
from .recipe import Recipe
from .scenes import scene_latents


def student(teacher, rank=8, steps=4):
    """The teacher with a small change yet to learn; its guidance w becomes a part of it."""
    net = LowRank(teacher.denoiser.net, rank)
    denoiser = Denoiser(net, teacher.schedule, teacher.denoiser.target)
    parts = (part.requires_grad_(False) for part in (teacher.encoder, teacher.codec))
    settings = dict(steps=steps, sampler=consistency, learned_w=teacher.w)
    return Model(denoiser, *parts, teacher.shape, **settings)


def teacher_of(model):
    """A student without its change, guided as it has learned to paint."""
    denoiser = Denoiser(model.denoiser.net.base, model.schedule, model.denoiser.target)
    return Model(denoiser, model.encoder, model.codec, model.shape, w=model.learned_w)


def loss(model, steps):
    return distillation.consistency(model, teacher_of(model), uniform_grid(steps))


def latents_for(teacher, *settings):
    return scene_latents(teacher.codec, *settings)


SETTINGS = dict(lr=1e-3, decay=0.995, prepare=channels_last)
RECIPES = {
    "digits-fast": Recipe(
        student,
        digit_text_data,
        40_000,
        dict(batch=64, **SETTINGS),
        needs=("digits-text",),
        loss=partial(loss, steps=16),
    ),
    "scenes-fast": Recipe(
        student,
        scene_data,
        32_000,
        dict(batch=16, bf16=True, **SETTINGS),
        needs=("scenes",),
        loss=partial(loss, steps=24),
        latents=40_000,
        encoded=latents_for,
    ),
}
