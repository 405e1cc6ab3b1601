"""Pipelines of diffusers: read from a folder, and refused where they are of another kind."""

import json
from pathlib import Path

from ..errors import UserError, shown


def needed():
    """The module diffusers; UserError where it, or what it reads prompts with, is not installed."""
    try:
        import diffusers
        import transformers  # noqa: F401, without which diffusers has no pipeline that takes a prompt
    except ImportError as error:
        raise UserError(
            "the bridge needs diffusers and transformers, and one of them is missing: "
            'python -m pip install -e ".[diffusers]"'
        ) from error
    return diffusers


def load_pipeline(folder):
    """The pipeline in a folder that diffusers' `save_pretrained` wrote, or that was downloaded as such.

    Nothing is downloaded here, and only safetensors are read, which cannot carry code. UserError for
    a folder without a pipeline, without the weights of a part, or with damaged ones.
    """
    diffusers, folder = needed(), Path(folder)
    try:
        parts = json.loads((folder / "model_index.json").read_text(encoding="utf-8")).items()
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(
            f"folder must hold a pipeline, with its model_index.json, got {shown(folder)}"
        ) from error
    for name, kind in parts:
        if isinstance(kind, list) and None not in kind and not complete(folder / name):
            raise UserError(f"{shown(folder)} has no weights of its {name}, {name}/*.safetensors")
    try:
        return diffusers.DiffusionPipeline.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
    except Exception as error:  # of the many kinds that diffusers and what it loads with raise
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{shown(folder)} is a pipeline that cannot be read: {first}") from error


def complete(part):
    """Whether the folder of a part is there, and if it is a network, which has a config, its weights."""
    return part.is_dir() and (
        not (part / "config.json").exists() or any(part.glob("*.safetensors"))
    )


def check_kind(pipeline):
    """UserError for a pipeline that `from_diffusers` cannot take apart."""
    diffusers = needed()
    plain = isinstance(pipeline, (diffusers.DDPMPipeline, diffusers.DDIMPipeline))
    reads = diffusers.StableDiffusionPipeline, diffusers.StableDiffusionXLPipeline
    if not plain and not isinstance(pipeline, reads):
        raise UserError(
            "pipeline must be a StableDiffusionPipeline, StableDiffusionXLPipeline, DDPMPipeline or "
            f"DDIMPipeline, got a {type(pipeline).__name__}"
        )
    if not hasattr(pipeline.scheduler, "alphas_cumprod"):
        got = type(pipeline.scheduler).__name__
        raise UserError(f"scheduler must have a table of betas, as DDIMScheduler has, got a {got}")
    check_unet(
        pipeline.unet,
        diffusers.UNet2DModel if plain else diffusers.UNet2DConditionModel,
        pipeline.unet.config.in_channels if plain else pipeline.vae.config.latent_channels,
    )


def check_unet(unet, kind, channels):
    """UserError unless the network is of that kind and maps these channels, a time and a prompt alone."""
    if not isinstance(unet, kind):
        raise UserError(f"unet must be a {kind.__name__}, got a {type(unet).__name__}")
    into, out = unet.config.in_channels, unet.config.out_channels
    if (into, out) != (channels, channels):
        raise UserError(
            f"unet must map {channels} channels to {channels}, without mask, picture or variance "
            f"beside them, got {into} to {out}"
        )
    for extra in ("class_embed_type", "num_class_embeds", "time_cond_proj_dim"):
        if getattr(unet.config, extra, None) is not None:
            raise UserError(f"unet must hear of time and prompt alone, got one with {extra}")
