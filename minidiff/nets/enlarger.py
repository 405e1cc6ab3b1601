"""A network that paints what a picture lacks at twice its size."""

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import UserError
from .layers import time_features
from .unet import UNet, fully_convolutional


def enlarged(small):
    """Pictures (B, C, H, W) at twice their size, by a smooth surface through their pixels."""
    return F.interpolate(small, scale_factor=2, mode="bicubic")


class PlaceNorm(nn.LayerNorm):
    """A norm over the channels of each place alone (Liu et al. 2022, ConvNeXt); x (B, C, H, W)."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Enlarger(nn.Module):
    """A U-Net that is shown a small picture, as in a cascade (Ho et al. 2022; Saharia et al. 2022).

    forward: x (B, C, 2 H, 2 W), t (B,), tokens (B, L, token_width), mask (B, L), small (B, C, H, W),
    strength (B,) -> (B, C, 2 H, 2 W). The small picture, enlarged smoothly, stands beside x as more
    channels. strength: the standard deviation of the noise that was laid over it. Words and strength
    join the time in every block; all else are convolutions, so that any size fits.
    """

    def __init__(self, channels=3, width=32, widths=(1, 2, 3), depth=1, patch=2, token_width=128):
        super().__init__()
        self.channels, self.width, self.widths = channels, width, tuple(widths)
        self.depth, self.patch, self.token_width = depth, patch, token_width
        net = UNet(2 * channels, width, widths, depth, patch, token_width)
        self.net = fully_convolutional(net, PlaceNorm)
        self.told = nn.Sequential(
            nn.Linear(token_width, token_width), nn.SiLU(), nn.Linear(token_width, token_width)
        )

    @property
    def factor(self):
        return self.net.factor

    def forward(self, x, t, tokens, mask, small=None, strength=None):
        if small is None:
            raise UserError("small must be the picture to enlarge, got none: see editing.enlarge")
        share = mask.to(tokens) / mask.sum(1, keepdim=True)
        words = share[:, None] @ tokens  # (B, 1, D)
        noise = self.told(time_features(strength, self.token_width).to(tokens))[:, None]
        said = torch.cat([words, noise], 1)
        every = torch.ones(said.shape[:2], dtype=torch.bool, device=said.device)
        return self.net(torch.cat([x, enlarged(small)], 1), t, said, every)[:, : self.channels]
