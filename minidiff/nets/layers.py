"""What networks are built of: time features, residual blocks, attention."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def time_features(t, width):
    """Sines and cosines of t at `width / 2` frequencies, 1 to 1000, (B,) -> (B, width).

    The transformer's position code (Vaswani et al. 2017, section 3.5) for times in [0, 1]. The
    fastest tell 0.500 from 0.501; they need the digits of float32, at least.
    """
    t = t.to(torch.promote_types(t.dtype, torch.float32))
    frequencies = torch.logspace(0, 3, width // 2, device=t.device, dtype=t.dtype)
    angles = t[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


def zero_init(module):
    """The same module, starting at 0: a block that ends in it begins as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class ResBlock(nn.Module):
    """Two convolutions around a shortcut, scaled and shifted by emb; (B, C, H, W) -> (B, O, H, W)."""

    def __init__(self, channels, out, emb_width):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, channels), nn.Conv2d(channels, out, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, out), zero_init(nn.Conv2d(out, out, 3, padding=1))
        self.film = nn.Linear(emb_width, 2 * out)
        self.shortcut = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x, emb):
        scale, shift = self.film(emb)[:, :, None, None].chunk(2, 1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        return self.shortcut(x) + h


class Attention(nn.Module):
    """Every pixel asks, every token answers (Vaswani et al. 2017, eq. 1); x (B, C, H, W).

    Self-attention among the pixels, or, with `token_width`, cross-attention from the pixels to
    tokens (B, L, token_width) under a mask (B, L).
    """

    def __init__(self, channels, token_width=None, heads=4):
        super().__init__()
        self.norm, self.heads = nn.GroupNorm(8, channels), heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(token_width or channels, 2 * channels)
        self.out = zero_init(nn.Linear(channels, channels))

    def split(self, h):
        """(B, L, C) -> (B, heads, L, C / heads)."""
        return h.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def query_key_value(self, x, tokens=None):
        """Query, key and value, each (B, heads, L, C / heads)."""
        pixels = self.norm(x).flatten(2).transpose(1, 2)  # (B, H W, C)
        key, value = self.key_value(pixels if tokens is None else tokens).chunk(2, 2)
        return self.split(self.query(pixels)), self.split(key), self.split(value)

    def forward(self, x, tokens=None, mask=None):
        query, key, value = self.query_key_value(x, tokens)
        mask = None if mask is None else mask[:, None, None, :]
        h = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        h = self.out(h.transpose(1, 2).flatten(2))
        return x + h.transpose(1, 2).unflatten(2, x.shape[2:])


def attention_map(attention, x, tokens, mask):
    """What `forward` keeps to itself: how much each pixel listens to each token, (B, H W, L)."""
    query, key, _ = attention.query_key_value(x, tokens)
    scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
    hidden = ~mask[:, None, None, :]
    shares = scores.masked_fill(hidden, -math.inf).softmax(-1)
    return shares.masked_fill(hidden, 0).mean(1)  # an empty mask has 0 / 0 there


class NoAttention(nn.Module):
    """Stands where a network has nobody to listen to: returns x as it is."""

    def forward(self, x, tokens=None, mask=None):
        return x
