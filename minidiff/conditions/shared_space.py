"""Pictures and captions as vectors of one space (CLIP; Radford et al. 2021)."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import UserError
from ..nets.eye import scene_eye


def info_nce(pictures, texts, scale):
    """The contrastive loss (B,) of B pairs of unit vectors, each (B, D) (Radford et al. 2021, figure 3).

    Row k of one belongs to row k of the other: of B texts each picture is to find its own, and of B
    pictures each text. scale: what their cosines are multiplied by, one over the temperature.
    """
    scores, own = scale * pictures @ texts.T, torch.arange(len(pictures), device=pictures.device)
    ways = (F.cross_entropy(each, own, reduction="none") for each in (scores, scores.T))
    return sum(ways) / 2


class SharedSpace(nn.Module):
    """Two encoders, of pictures (B, 3, 64, 64) in 0..1 and of prompts, to unit vectors (B, width).

    The eye was trained before and stays as it is; words learn to meet what it sees ("locked-image
    tuning"; Zhai et al. 2022). text: a `TextEncoder`; the mean of its tokens is projected.
    """

    seen = 128  # features of the eye

    def __init__(self, text, width=64):
        super().__init__()
        self.text, self.width = text, width
        self.eye = scene_eye(self.seen).requires_grad_(False)
        self.project_picture = nn.Linear(self.seen, width)
        self.project_text = nn.Linear(text.width, width)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def train(self, mode=True):
        """As of any module, but for the eye's running means, which stay as they are."""
        super().train(mode)
        self.eye.eval()
        return self

    def of_pictures(self, pictures):
        """Unit vectors (B, width). UserError for what are no pictures of scenes."""
        if pictures.ndim != 4 or pictures.shape[1:] != (3, 64, 64):
            got = tuple(pictures.shape)
            raise UserError(f"pictures must have shape (B, 3, 64, 64), got {got}")
        with torch.no_grad():
            seen = self.eye(2 * pictures.to(self.log_scale.dtype) - 1).mean((2, 3))
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
