"""Pipelines of diffusers at the least size, with random weights: nothing is downloaded."""

import string
from contextlib import contextmanager
from functools import wraps

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from minidiff.bridge import from_diffusers
from minidiff.samplers import noise_from, with_noise

# Betas of Stable Diffusion 1, 2 and XL, whose grids lead by one, and end a hair before the data.
SCALED = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
LEADING = SCALED | dict(timestep_spacing="leading", set_alpha_to_one=False, clip_sample=False)
# As Lin et al. 2024 mend them: no signal at the noisy end, from where the grid starts.
ZERO_SNR = SCALED | dict(
    timestep_spacing="trailing",
    prediction_type="v_prediction",
    rescale_betas_zero_snr=True,
    clip_sample=False,
)
SCHEDULERS = {"ddim": DDIMScheduler, "ddpm": DDPMScheduler, "2m": DPMSolverMultistepScheduler}
CHANNELS = dict(block_out_channels=(8, 16), norm_num_groups=4)


def tokenizer(length=16):
    """A CLIP tokenizer that knows letters, a letter a token, and the word "fox"."""
    letters = [*string.ascii_lowercase, *(f"{letter}</w>" for letter in string.ascii_lowercase)]
    words = [*letters, "fo", "fox</w>", "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    merges = [("f", "o"), ("fo", "x</w>")]
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def text_config(words, width):
    return CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=words.model_max_length,
        projection_dim=width,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )


def autoencoder():
    return AutoencoderKL(
        latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        sample_size=16,
        scaling_factor=0.18215,
        **CHANNELS,
    )


def unet(width, **more):
    return UNet2DConditionModel(
        sample_size=8,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=width,
        attention_head_dim=2,
        **CHANNELS,
        **more,
    )


def stable_diffusion(way="ddim", settings=LEADING):
    torch.manual_seed(0)
    words = tokenizer()
    return quiet(
        StableDiffusionPipeline(
            vae=autoencoder(),
            text_encoder=CLIPTextModel(text_config(words, 8)),
            tokenizer=words,
            unet=unet(8),
            scheduler=SCHEDULERS[way](**settings_for(way, settings)),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    )


def stable_diffusion_xl(way="ddim", settings=LEADING):
    torch.manual_seed(0)
    words = tokenizer()
    sizes = dict(addition_time_embed_dim=4, projection_class_embeddings_input_dim=6 * 4 + 8)
    return quiet(
        StableDiffusionXLPipeline(
            vae=autoencoder(),
            text_encoder=CLIPTextModel(text_config(words, 8)),
            text_encoder_2=CLIPTextModelWithProjection(text_config(words, 8)),
            tokenizer=words,
            tokenizer_2=words,
            unet=unet(16, addition_embed_type="text_time", **sizes),
            scheduler=SCHEDULERS[way](**settings_for(way, settings)),
            add_watermarker=False,
        )
    )


def unconditional(way="ddpm", settings=dict(clip_sample=False)):
    torch.manual_seed(0)
    net = UNet2DModel(
        sample_size=8,
        layers_per_block=1,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        **CHANNELS,
    )
    return quiet(DDPMPipeline(net, SCHEDULERS[way](**settings_for(way, settings))))


PIPELINES = {
    "Stable Diffusion": stable_diffusion,
    "Stable Diffusion XL": stable_diffusion_xl,
    "DDPM": unconditional,
}


def settings_for(way, settings):
    """The settings that a scheduler knows: only DDIM may end before the data, 2M does not clip."""
    unknown = {"ddim": (), "ddpm": ("set_alpha_to_one",)}.get(
        way, ("set_alpha_to_one", "clip_sample")
    )
    return {name: value for name, value in settings.items() if name not in unknown}


def quiet(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    return pipeline


def both_ways(pipeline, steps, prompts=("a fox", "cat"), w=3.0, negative=None, shape=None):
    """Every x on the way and the pictures, (n, B, *) and (B, 3, H, W), by diffusers and by us.

    From the same start, of one x0's `shape`, and with the same noise on the way. Theirs start at variance 1 even where
    their schedule has less, and so does ours here, which a Model does not.
    """
    model, generator = from_diffusers(pipeline), torch.Generator().manual_seed(1)
    reads, theirs, shape = hasattr(pipeline, "vae"), [], shape or model.shape
    prompts, way = list(prompts), dict(num_inference_steps=steps, output_type="pt")
    if reads:
        way |= dict(prompt=prompts, guidance_scale=w, negative_prompt=negative and [negative] * 2)
        way |= dict(latents=torch.randn((len(prompts), *shape), generator=generator))
        way |= dict(zip(("height", "width"), (model.codec.factor * n for n in shape[1:])))
    else:
        way |= dict(batch_size=len(prompts))
    with recorded(pipeline.scheduler, theirs):
        pictures = pipeline(**way, generator=generator).images
    noise = noise_from(generator.manual_seed(1))
    x = noise(torch.empty(len(prompts), *shape))
    denoise = model.prompted(prompts if reads else len(prompts), w if reads else 1, negative)
    sampler = with_noise(model.sampler, noise)
    ours = [x for x, _ in sampler(denoise, model.schedule, x, model.grid(steps))]
    with torch.no_grad():
        return (torch.stack(theirs), pictures), (torch.stack(ours), model.codec.decode(ours[-1]))


@contextmanager
def recorded(scheduler, steps):
    """Append each x that a scheduler steps to."""
    step = scheduler.step

    @wraps(step)  # a pipeline looks whether it takes a generator
    def keep(*given, **named):
        out = step(*given, **named)
        steps.append(out[0])
        return out

    scheduler.step = keep
    yield
    del scheduler.step


def differences(theirs, ours):
    """Largest difference on the way, relative to the largest entry of that step, and of pixels."""
    (a, pictures), (b, made) = theirs, ours
    scale = a.abs().flatten(1).amax(1)
    return ((a - b).abs().flatten(1).amax(1) / scale).max().item(), (
        pictures - made
    ).abs().max().item()
