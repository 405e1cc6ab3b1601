"""The parts of a pipeline behind our seams: schedule, net, encoder, codec."""

import torch
from torch import nn

from ..denoiser import append_dims
from ..errors import UserError
from ..schedules import DDPM, check_times


class Table(DDPM):
    """The schedule of a table alpha_bar (T,) of whatever betas; entry i stands at t = (i + 1) / T.

    Between two entries alpha_bar runs on a line, so that a last entry of 0 fits in (zero terminal
    SNR, Lin et al. 2024, section 3.1), where log-SNR is infinite.
    """

    def __init__(self, alpha_bar):
        self.alpha_bar = torch.cat([torch.ones(1).double(), alpha_bar.cpu().double()])
        self.T = len(alpha_bar)

    def __call__(self, t):
        """t: any shape; returns alpha and sigma of that shape. UserError outside [0, 1]."""
        t = check_times(t)
        place = self.T * t.cpu().double()
        entry = place.long().clamp(max=self.T - 1)
        alpha_bar = torch.lerp(self.alpha_bar[entry], self.alpha_bar[entry + 1], place - entry)
        return alpha_bar.sqrt().to(t), (1 - alpha_bar).sqrt().to(t)


class Network(nn.Module):
    """A UNet as a net: x (B, C, H, W), t (B,), tokens (B, L, D) and, of XL, a vector (B, P) of the text.

    XL hears of sizes, too: of x's own, in pixels, and of no crop (Podell et al. 2023, section 2.2).
    """

    def __init__(self, unet, T, pixels):
        super().__init__()
        self.unet, self.T, self.pixels = unet, T, pixels  # pixels to a place of x, each way
        self.factor = 2 ** (len(unet.config.block_out_channels) - 1)

    def forward(self, x, t, tokens=None, vector=None):
        # Rounded: float32 knows t = (i + 1) / T but for its last digit, and the net knows whole i.
        index = ((self.T * t).round(decimals=2) - 1).clamp(min=0)
        if tokens is None:
            return self.unet(x, index).sample
        more = None
        if vector is not None:
            size = [self.pixels * n for n in x.shape[2:]]
            sizes = torch.tensor([*size, 0, 0, *size]).expand(len(x), -1).to(vector)
            more = {"text_embeds": vector, "time_ids": sizes}
        return self.unet(x, index, encoder_hidden_states=tokens, added_cond_kwargs=more).sample


class Prompts(nn.Module):
    """A pipeline's own reading of prompts: B texts -> tokens (B, L, D) and, of XL, a vector (B, P).

    `null` is "", or None where the pipeline has zeros for no prompt. UserError for what is no text,
    and for a prompt longer than a tokenizer takes, which diffusers would cut off.
    """

    def __init__(self, pipeline):
        super().__init__()
        self.pipeline = pipeline  # with its tokenizers; the weights are registered here
        self.tokenizers = parts_named(pipeline, "tokenizer", "tokenizer_2")
        self.encoders = nn.ModuleList(parts_named(pipeline, "text_encoder", "text_encoder_2"))
        self.null = None if pipeline.config.get("force_zeros_for_empty_prompt") else ""

    def forward(self, prompts):
        said = torch.tensor([prompt is not None for prompt in prompts])
        cond = self.pipeline.encode_prompt(
            [self.checked(prompt) for prompt in prompts],
            device=next(self.encoders.parameters()).device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        return tuple(append_dims(said, value) * value for value in cond if value is not None)

    def checked(self, prompt):
        """The prompt as a text; UserError unless it is one, or `null`, and fits."""
        if prompt is None and self.null is None:
            return ""
        if not isinstance(prompt, str):
            raise UserError(f"prompt must be a text, got {prompt!r}")
        for tokenizer in self.tokenizers:
            n, most = len(tokenizer(prompt, verbose=False).input_ids), tokenizer.model_max_length
            if n > most:
                start = prompt if len(prompt) <= 60 else prompt[:57] + "..."
                raise UserError(
                    f"prompt {start!r} has {n} tokens, start and end too; the limit is {most}"
                )
        return prompt


def parts_named(pipeline, *names):
    """The parts of these names that a pipeline has."""
    return [part for name in names if (part := getattr(pipeline, name, None)) is not None]


class Latents(nn.Module):
    """An AutoencoderKL as a codec: pictures (B, 3, H, W) in 0..1 to latents (B, C, H / f, W / f) and back.

    `encode` gives the mean, scaled to the spread that the pipeline's network knows; UserError for what
    is no batch of colour pictures.
    """

    range = None

    def __init__(self, vae, factor):
        super().__init__()
        self.vae, self.factor = vae, factor  # pixels to a latent, each way
        mean, std = (getattr(vae.config, name, None) for name in ("latents_mean", "latents_std"))
        mean, std = (mean, std) if mean and std else ([0.0], [1.0])
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None] / vae.config.scaling_factor)

    @torch.no_grad()
    def encode(self, pictures):
        shape = tuple(pictures.shape) if torch.is_tensor(pictures) else type(pictures).__name__
        if not torch.is_tensor(pictures) or len(shape) != 4 or shape[1] != 3:
            raise UserError(f"pictures must have shape (B, 3, H, W), got {shape}")
        return (self.vae.encode(2 * pictures - 1).latent_dist.mode() - self.mean) / self.std

    def decode(self, x0):
        return ((self.vae.decode(self.mean + self.std * x0).sample + 1) / 2).clamp(0, 1)
