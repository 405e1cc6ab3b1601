"""Pictures and captions as vectors of one space (CLIP; Radford et al. 2021)."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import UserError


def info_nce(pictures, texts, scale):
    """The contrastive loss (B,) of B pairs of unit vectors, each (B, D) (Radford et al. 2021, figure 3).

    Row k of one belongs to row k of the other: of B texts each picture is to find its own, and of B
    pictures each text. scale: what their cosines are multiplied by, one over the temperature.
    """
    scores, own = scale * pictures @ texts.T, torch.arange(len(pictures), device=pictures.device)
    ways = (F.cross_entropy(each, own, reduction="none") for each in (scores, scores.T))
    return sum(ways) / 2


def convolution(ins, outs):
    """A convolution with its norm and its bend."""
    return nn.Conv2d(ins, outs, 3, padding=1), nn.GroupNorm(8, outs), nn.SiLU()


class SharedSpace(nn.Module):
    """Two encoders, of pictures (B, 3, 64, 64) in 0..1 and of prompts, to unit vectors (B, width).

    text: a `TextEncoder`; the mean of its tokens is projected. channels: of the pictures' convolutions
    at 16, 8 and 4 places each way.
    """

    def __init__(self, text, width=64, channels=(48, 96, 128)):
        super().__init__()
        self.text, self.width, self.channels = text, width, tuple(channels)
        first, second, third = channels
        self.look = nn.Sequential(
            nn.PixelUnshuffle(4),  # (B, 48, 16, 16)
            *convolution(48, first),
            *convolution(first, first),
            nn.MaxPool2d(2),
            *convolution(first, second),
            *convolution(second, second),
            nn.MaxPool2d(2),
            *convolution(second, third),
            *convolution(third, third),
        )
        self.project_picture = nn.Linear(third, width)
        self.project_text = nn.Linear(text.width, width)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def of_pictures(self, pictures):
        """Unit vectors (B, width). UserError for what are no pictures of scenes."""
        if pictures.ndim != 4 or pictures.shape[1:] != (3, 64, 64):
            got = tuple(pictures.shape)
            raise UserError(f"pictures must have shape (B, 3, 64, 64), got {got}")
        seen = self.look(2 * pictures.to(self.log_scale.dtype) - 1).mean((2, 3))
        return F.normalize(self.project_picture(seen).float(), dim=1)

    def of_prompts(self, prompts):
        """Unit vectors (B, width)."""
        tokens, mask = self.text(prompts)
        mean = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return F.normalize(self.project_text(mean).float(), dim=1)

    @property
    def scale(self):
        """One over the temperature, learned, at most 100."""
        return self.log_scale.exp().clamp(max=100)

    def loss(self, pictures, prompts, generator=None):
        """`info_nce` (B,) of pictures and their prompts; it draws nothing."""
        return info_nce(self.of_pictures(pictures), self.of_prompts(prompts), self.scale)
