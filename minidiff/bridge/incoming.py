"""From diffusers to us: a pipeline's parts as a Model."""

from functools import partial
from inspect import signature

import torch

from ..checks import check_count
from ..codecs import Pixels
from ..conditions import Unconditional
from ..denoiser import Denoiser
from ..errors import UserError
from ..model import Model
from ..samplers import ddim, ddpm, dpmpp_2m
from .parts import Latents, Network, Prompts, Table
from .pipelines import check_kind, needed

TARGET_OF = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}


def from_diffusers(pipeline):
    """A pipeline's parts as a `Model`, so that samplers, guidance, filling and inversion run on it.

    pipeline: StableDiffusionPipeline (of versions 1 and 2), StableDiffusionXLPipeline, DDPMPipeline
    or DDIMPipeline. The weights are shared, not copied. Sampler, grid, steps and w are the defaults of
    the pipeline and its scheduler: DDPM, DDIM and DPM-Solver++(2M) as such, DDIM for any other. Its
    safety checker and its watermark are no parts of a Model. UserError for another kind.
    """
    check_kind(pipeline)
    unet, reads = pipeline.unet, hasattr(pipeline, "vae")  # reads prompts, and paints latents
    size, call = unet.config.sample_size, signature(pipeline.__call__).parameters
    codec = Latents(pipeline.vae, pipeline.vae_scale_factor) if reads else Pixels()
    sampler, grid, codec.range = ways(pipeline.scheduler)
    schedule = Table(pipeline.scheduler.alphas_cumprod)
    net = Network(unet, schedule.T, codec.factor if reads else 1)
    return Model(
        Denoiser(net, schedule, target_of(pipeline.scheduler), schedule.times),
        Prompts(pipeline) if reads else Unconditional(),
        codec,
        (unet.config.in_channels, *(size if isinstance(size, (list, tuple)) else (size, size))),
        w=call["guidance_scale"].default if reads else 1.0,
        steps=call["num_inference_steps"].default,
        sampler=sampler,
        grid=grid,
    ).eval()


def target_of(scheduler):
    """What the network learned to give; UserError for eps where a table ends in noise alone."""
    kind = scheduler.config.prediction_type
    if kind not in TARGET_OF:
        raise UserError(f"prediction_type must be one of {', '.join(TARGET_OF)}, got {kind!r}")
    if kind == "epsilon" and scheduler.alphas_cumprod[-1] == 0:
        raise UserError(
            "prediction_type must be v_prediction or sample at zero terminal SNR, got eps"
        )
    return TARGET_OF[kind]


def ways(scheduler):
    """Sampler, grid and range of x0 that mean here what a scheduler means in its pipeline."""
    diffusers, config = needed(), scheduler.config
    if isinstance(scheduler, diffusers.DPMSolverMultistepScheduler):
        return dpmpp_2m, partial(times, scheduler, config.final_sigmas_type != "zero"), None
    if isinstance(scheduler, diffusers.DDPMScheduler):
        return ddpm, partial(times, scheduler, False), reach(config)
    if isinstance(scheduler, diffusers.DDIMScheduler):
        return ddim, partial(times, scheduler, not config.set_alpha_to_one), reach(config)
    return ways(diffusers.DDIMScheduler.from_config(config, clip_sample=False))


def reach(config):
    """The range that a scheduler clips x0 to; None if it does not."""
    return (-config.clip_sample_range, config.clip_sample_range) if config.clip_sample else None


def times(scheduler, ends_early, steps):
    """The grid ts (steps + 1,) of a scheduler's spacing: trailing, leading or linspace.

    ends_early: whether it ends at t = 1 / T instead of the data, as Stable Diffusion's does; a last
    step that would stand still there is left out. Where `steps` does not divide T, diffusers' DDIM
    lands beside the time that it takes next; this grid goes from each to the next.
    """
    T = len(scheduler.alphas_cumprod)
    if check_count("steps", steps, 1) > T:
        raise UserError(f"steps must be at most {T} for this pipeline, got {steps}")
    scheduler = type(scheduler).from_config(scheduler.config)  # the pipeline's own keeps its times
    scheduler.set_timesteps(steps)
    index = torch.cat([scheduler.timesteps, torch.tensor([0 if ends_early else -1])])
    return ((index.unique_consecutive() + 1).double() / T).float()
