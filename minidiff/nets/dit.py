"""A transformer for clips and pictures: patches of space and time as tokens."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import UserError
from .layers import time_features, zero_init


def patches(x, size):
    """Clips (B, C, F, H, W) cut into tokens (B, L, C f h w), row by row, for `size` (f, h, w)."""
    f, h, w = size
    x = x.unflatten(4, (-1, w)).unflatten(3, (-1, h)).unflatten(2, (-1, f))
    return x.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4).flatten(1, 3)


def unpatches(tokens, size, grid):
    """Tokens put back: the inverse of `patches`; grid: how many patches along (F, H, W)."""
    x = tokens.unflatten(1, grid).unflatten(4, (-1, *size)).permute(0, 4, 1, 5, 2, 6, 3, 7)
    return x.flatten(6).flatten(4, 5).flatten(2, 3)


def places(grid):
    """The place (L, 3) of every token of a grid of patches: its number along (F, H, W)."""
    return torch.cartesian_prod(*(torch.arange(n) for n in grid)).float()


def rotation(place, width):
    """Cosines and sines (L, width / 2) that turn pairs of channels by a token's place (L, 3).

    Rotary positions (Su et al. 2021, section 3.2), a third of the pairs for each axis: the product of
    a query and a key then depends on how far apart they are, whatever the size of the whole.
    """
    pairs = [width // 2 - 2 * (width // 6), width // 6, width // 6]
    angles = [
        place[:, axis, None] * torch.logspace(0, -1.5, n) * math.pi / 2
        for axis, n in enumerate(pairs)
    ]
    angles = torch.cat(angles, 1)
    return angles.cos(), angles.sin()


def turned(x, cos, sin):
    """x (B, heads, L, width) with its first len(cos) tokens turned, the others as they are."""
    here, rest = x.split([len(cos), x.shape[2] - len(cos)], 2)
    a, b = here.chunk(2, 3)
    cos, sin = cos.to(x), sin.to(x)
    return torch.cat([torch.cat([a * cos - b * sin, b * cos + a * sin], 3), rest], 2)


class Block(nn.Module):
    """Attention among all tokens, then a perceptron, each scaled and shifted by emb and gated.

    The gates start at 0, so that a block begins as the identity (Peebles & Xie 2023, section 3.2). All
    blocks share one layer from time to `emb`, each adds its own table (Chen et al. 2024, PixArt, 2.3).
    """

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.film = nn.Parameter(torch.zeros(6 * width))

    def forward(self, h, emb, turn, mask):
        scale1, shift1, gate1, scale2, shift2, gate2 = (emb + self.film)[:, None].chunk(6, 2)
        asked = self.query_key_value(self.norm1(h) * (1 + scale1) + shift1)
        query, key, value = asked.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        heard = F.scaled_dot_product_attention(
            turned(query, *turn), turned(key, *turn), value, attn_mask=mask
        )
        h = h + gate1 * self.out(heard.transpose(1, 2).flatten(2))
        return h + gate2 * self.mlp(self.norm2(h) * (1 + scale2) + shift2)


class DiT(nn.Module):
    """A diffusion transformer (Peebles & Xie 2023) for clips (B, channels, F, H, W), or pictures.

    patch: (f, h, w), frames and pixels that one token holds. token_width: D of a text's tokens, None
    for a network without condition. A text's tokens stand in one row with those of the clip, so that
    attention goes between all of them; their average joins the time in every block's FiLM. A picture
    (B, channels, H, W) is a clip of one frame.
    """

    def __init__(self, channels, width=256, depth=6, heads=4, patch=(2, 4, 4), token_width=None):
        super().__init__()
        self.channels, self.width, self.depth, self.heads = channels, width, depth, heads
        self.patch, self.token_width = tuple(patch), token_width
        size = channels * math.prod(patch)
        self.door = nn.Linear(size, width)
        self.position = nn.Linear(3 * 32, width)
        self.time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.pool = nn.Linear(token_width, width) if token_width else None
        self.words = nn.Linear(token_width, width) if token_width else None
        self.film = zero_init(nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.last = zero_init(nn.Linear(width, size))

    @property
    def factor(self):
        return self.patch[-1]

    @property
    def frame_factor(self):
        return self.patch[0]

    def forward(self, x, t, tokens=None, mask=None):
        if x.ndim == 4:  # a picture is a clip of one frame
            return self(x[:, :, None], t, tokens, mask)[:, :, 0]
        self.check(x, tokens)
        emb = self.time(time_features(t, 256).to(self.door.weight))
        grid = tuple(n // p for n, p in zip(x.shape[2:], self.patch))
        place = places(grid).to(x.device)
        turn = rotation(place, self.width // self.heads)
        at = torch.cat([time_features(place[:, axis] / 16, 32) for axis in range(3)], 1)
        h = self.door(patches(x, self.patch)) + self.position(at.to(x))
        heard = None
        if self.pool:
            share = mask.to(tokens) / mask.sum(1, keepdim=True).clamp(min=1)  # an empty mask is 0
            emb = emb + self.pool((share[:, None] @ tokens)[:, 0])
            h = torch.cat([h, self.words(tokens)], 1)
            heard = torch.cat([mask.new_ones(len(x), len(place)), mask], 1)[:, None, None]
        emb = self.film(F.silu(emb))
        for block in self.blocks:
            h = block(h, emb, turn, heard)
        return unpatches(self.last(self.norm(h[:, : len(place)])), self.patch, grid)

    def check(self, x, tokens):
        """UserError for a clip or a condition that this network does not take."""
        fits = x.ndim == 5 and x.shape[1] == self.channels
        if not fits or any(n % p or not n for n, p in zip(x.shape[2:], self.patch)):
            sizes = " x ".join(map(str, self.patch))
            raise UserError(
                f"x must have shape (B, {self.channels}, F, H, W), a multiple of {sizes} in the last "
                f"three, got {tuple(x.shape)}"
            )
        if (tokens is None) != (self.pool is None):
            raise UserError(
                "cond must be "
                + ("tokens and mask, got none" if self.pool else "empty, got tokens")
            )
