"""From us to diffusers: a Model of pixels under its pipelines."""

from types import SimpleNamespace

import torch
from torch import nn

from ..codecs import Pixels
from ..errors import UserError
from .pipelines import needed

T = 1000  # indices of the table that a schedule is read at


def to_diffusers(model, prompts, w=None):
    """A `Model` of pixels and these prompts as a DDIMPipeline; call it with `batch_size=len(prompts)`.

    prompts, w: as the model takes them. Guidance and clipping are inside its `unet`, which answers
    with x0_hat. Steps that divide 1000 fall on our uniform grid. For DDPMPipeline exchange the
    scheduler: `DDPMPipeline(made.unet, DDPMScheduler.from_config(made.scheduler.config))`. UserError
    for latents, which these pipelines cannot decode, and for a schedule that no table of betas gives.
    """
    diffusers = needed()
    if not isinstance(model.codec, Pixels) or len(model.shape) != 3:
        raise UserError(
            "model must paint in pixels (C, H, W), since DDIMPipeline has no codec, "
            f"got x0 of shape {model.shape}, codec {type(model.codec).__name__}"
        )
    alpha, sigma = model.schedule(torch.arange(T + 1, dtype=torch.float64) / T)
    if (alpha.square() + sigma.square() - 1).abs().max() > 1e-6:
        raise UserError("schedule must keep alpha^2 + sigma^2 = 1, as a table of betas does")
    beta = 1 - (alpha[1:] / alpha[:-1]).square()
    scheduler = diffusers.DDIMScheduler(
        T,
        trained_betas=beta.tolist(),
        prediction_type="sample",
        timestep_spacing="trailing",
        clip_sample=False,
    )
    return diffusers.DDIMPipeline(Painter(model, model.listed(prompts), w), scheduler)


class Painter(nn.Module):
    """What an unconditional pipeline asks of its `unet`: unet(x, index).sample, here x0_hat."""

    def __init__(self, model, prompts, w):
        super().__init__()
        self.model, self.prompts, self.w = model, prompts, w
        channels, *size = model.shape
        self.config = SimpleNamespace(in_channels=channels, sample_size=tuple(size))

    @property
    def device(self):
        return self.model.device

    @property
    def dtype(self):
        return self.model.dtype

    def forward(self, x, index):
        if len(x) != len(self.prompts):
            raise UserError(
                f"batch_size must be that of the prompts, {len(self.prompts)}, got {len(x)}"
            )
        t = (torch.as_tensor(index).float() + 1) / T
        return SimpleNamespace(sample=self.model.prompted(self.prompts, self.w)(x, t))
