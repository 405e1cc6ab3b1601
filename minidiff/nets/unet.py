"""A network for pictures and latents."""

from itertools import count

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import UserError
from .layers import Attention, NoAttention, ResBlock, time_features, zero_init


class Stage(nn.Module):
    """A ResBlock; where asked, then attention among the pixels and from the pixels to the tokens."""

    def __init__(self, channels, out, emb_width, attends=False, token_width=None):
        super().__init__()
        self.block = ResBlock(channels, out, emb_width)
        self.self_attention = Attention(out) if attends else NoAttention()
        self.cross_attention = (
            Attention(out, token_width) if attends and token_width else NoAttention()
        )

    def forward(self, x, emb, tokens, mask):
        return self.cross_attention(self.self_attention(self.block(x, emb)), tokens, mask)


class UNet(nn.Module):
    """A tiny U-Net for pictures or latents: x (B, channels, H, W), t (B,) -> (B, channels, H, W).

    channels: of x. width: at the highest resolution; widths: its multiples, one per resolution.
    depth: stages per resolution. patch: pixels folded into channels at the door (space to depth),
    which makes a step 4 times cheaper at patch 2. token_width: D of the tokens, None for a network
    without condition. attention_levels: how many of the lowest resolutions have attention (Ho et al.
    2020, appendix B; Rombach et al. 2022, section 3.3). positions: (H, W) of the lowest resolution
    in training, for a learned vector at each place, interpolated for other sizes (Dosovitskiy et al.
    2021, section 3.2); None for none. The average of the tokens joins the time in every block's FiLM.
    """

    def __init__(
        self,
        channels,
        width=32,
        widths=(1, 2),
        depth=1,
        patch=2,
        token_width=None,
        attention_levels=1,
        positions=None,
    ):
        super().__init__()
        self.channels, self.width, self.widths = channels, width, tuple(widths)
        self.depth, self.patch, self.token_width = depth, patch, token_width
        self.attention_levels = attention_levels
        self.positions = tuple(positions) if positions else None
        self.factor = patch * 2 ** (len(widths) - 1)
        emb = 4 * width
        self.time = nn.Sequential(nn.Linear(emb, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.pool = nn.Linear(token_width, emb) if token_width else None
        self.conv_in = nn.Conv2d(channels * patch**2, width, 3, padding=1)
        sizes = [width * multiple for multiple in widths]
        low, attends = len(sizes) - 1, range(len(sizes) - attention_levels, len(sizes))
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        now = width
        for level, size in enumerate(sizes):
            for _ in range(depth):
                self.down.append(Stage(now, size, emb, level in attends, token_width))
                now = size
            if level < low:
                self.down.append(nn.Conv2d(now, now, 3, stride=2, padding=1))
        self.position = nn.Parameter(torch.zeros(now, *positions)) if positions else None
        self.middle = Stage(now, now, emb, True, token_width)
        for level, size in reversed(list(enumerate(sizes))):
            for _ in range(depth):
                self.up.append(Stage(now + size, size, emb, level in attends, token_width))
                now = size
            if level:
                now_up = nn.Conv2d(now, now, 3, padding=1)
                self.up.append(nn.Sequential(nn.Upsample(scale_factor=2), now_up))
        conv = zero_init(nn.Conv2d(width, channels * patch**2, 3, padding=1))
        self.conv_out = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), conv)

    def forward(self, x, t, tokens=None, mask=None, after=lambda h, stage: h):
        """after: what becomes of each stage's output h (B, C, H, W), given its number."""
        self.check(x, tokens)
        emb = self.time(time_features(t, 4 * self.width).to(self.time[0].weight))
        if self.pool:
            share = mask.to(tokens) / mask.sum(1, keepdim=True).clamp(min=1)  # an empty mask is 0
            emb = emb + self.pool((share[:, None] @ tokens)[:, 0])
        h, skips, stage = self.conv_in(F.pixel_unshuffle(x, self.patch)), [], count()
        for layer in self.down:
            if isinstance(layer, Stage):
                h = after(layer(h, emb, tokens, mask), next(stage))
                skips.append(h)
            else:
                h = layer(h)
        if self.positions:
            h = h + F.interpolate(self.position[None], h.shape[2:], mode="bilinear")
        h = after(self.middle(h, emb, tokens, mask), next(stage))
        for layer in self.up:
            if isinstance(layer, Stage):
                h = layer(torch.cat([h, skips.pop()], 1), emb, tokens, mask)
                h = after(h, next(stage))
            else:
                h = layer(h)
        return F.pixel_shuffle(self.conv_out(h), self.patch)

    def check(self, x, tokens):
        """UserError for a picture or a condition that this network does not take."""
        if x.ndim != 4 or x.shape[1] != self.channels or any(n % self.factor for n in x.shape[2:]):
            raise UserError(
                f"x must have shape (B, {self.channels}, H, W) with H and W multiples of "
                f"{self.factor}, got {tuple(x.shape)}"
            )
        if (tokens is None) != (self.pool is None):
            raise UserError(
                "cond must be "
                + ("tokens and mask, got none" if self.pool else "empty, got tokens")
            )
        if tokens is not None and len(tokens) != len(x):
            raise UserError(f"cond must have one entry per picture, got {len(tokens)} for {len(x)}")


class FullyConvolutionalUNet(UNet):
    """A U-Net without what looks at a whole picture at once: see `fully_convolutional`."""

    def __init__(self, channels, width=32, widths=(1, 2), depth=1, patch=2):
        super().__init__(channels, width, widths, depth, patch)
        fully_convolutional(self)


def fully_convolutional(net, norm=lambda channels: nn.Identity()):
    """The same network, without attention and group norms from here on.

    What is left are convolutions, so each place hears its surroundings alone, a picture may have
    any size, and a part of it is denoised as it would be within the whole. Tokens, if it takes any,
    are heard by their average alone. norm(channels): what stands in place of a group norm.
    """
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.GroupNorm):
                setattr(module, name, norm(child.num_channels))
            elif isinstance(child, Attention):
                setattr(module, name, NoAttention())
    return net
