"""Networks: `net(x, t, *cond) -> out`, x and out (B, *), t (B,) in [0, 1].

cond, where there is one, is `tokens (B, L, D), mask (B, L)` with mask True on the tokens that count.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def time_features(t, width):
    """Sines and cosines of t at `width / 2` frequencies, 1 to 1000, (B,) -> (B, width).

    The transformer's position code (Vaswani et al. 2017, section 3.5) for times in [0, 1].
    """
    frequencies = torch.logspace(0, 3, width // 2, device=t.device)
    angles = t[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class PointNet(nn.Module):
    """A multi-layer perceptron for points: x (B, dim), t (B,) -> (B, dim).

    x enters as random Fourier features (Tancik et al. 2020, eq. 5) beside its plain coordinates:
    without them a small network cannot draw an arm as thin as the Swiss roll's. Each layer is
    scaled and shifted by the time (FiLM, Perez et al. 2018).
    """

    def __init__(self, dim=2, width=128, depth=3, features=32, scale=0.3, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("directions", scale * torch.randn(dim, features, generator=generator))
        sizes = [dim + 2 * features] + [width] * depth
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in zip(sizes, sizes[1:]))
        self.films = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(depth))
        self.out = nn.Linear(width, dim)
        self.width = width

    def forward(self, x, t):
        angles = 2 * math.pi * x @ self.directions
        h, emb = torch.cat([x, angles.sin(), angles.cos()], 1), time_features(t, self.width)
        for layer, film in zip(self.layers, self.films):
            scale, shift = film(emb).chunk(2, 1)
            h = F.silu(layer(h) * (1 + scale) + shift)
        return self.out(h)


def zero(module):
    """The same module, starting at 0: a block that ends in it begins as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class ResBlock(nn.Module):
    """Two convolutions around a shortcut, scaled and shifted by emb; (B, C, H, W) -> (B, O, H, W)."""

    def __init__(self, channels, out, emb_width):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, channels), nn.Conv2d(channels, out, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, out), zero(nn.Conv2d(out, out, 3, padding=1))
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
        self.out = zero(nn.Linear(channels, channels))

    def split(self, h):
        """(B, L, C) -> (B, heads, L, C / heads)."""
        return h.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def asked(self, x, tokens=None):
        """Query, key and value, each (B, heads, L, C / heads)."""
        pixels = self.norm(x).flatten(2).transpose(1, 2)  # (B, H W, C)
        key, value = self.key_value(pixels if tokens is None else tokens).chunk(2, 2)
        return self.split(self.query(pixels)), self.split(key), self.split(value)

    def forward(self, x, tokens=None, mask=None):
        query, key, value = self.asked(x, tokens)
        mask = None if mask is None else mask[:, None, None, :]
        h = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        h = self.out(h.transpose(1, 2).flatten(2))
        return x + h.transpose(1, 2).unflatten(2, x.shape[2:])


def weights(attention, x, tokens, mask):
    """What `forward` keeps to itself: how much each pixel listens to each token, (B, H W, L)."""
    query, key, _ = attention.asked(x, tokens)
    scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
    return scores.masked_fill(~mask[:, None, None, :], -math.inf).softmax(-1).mean(1)


class Deaf(nn.Module):
    """Stands where a network has nobody to listen to: returns x as it is."""

    def forward(self, x, tokens=None, mask=None):
        return x


class Stage(nn.Module):
    """A ResBlock; where asked, then attention among the pixels and from the pixels to the tokens."""

    def __init__(self, channels, out, emb_width, attends=False, token_width=None):
        super().__init__()
        self.block = ResBlock(channels, out, emb_width)
        self.look = Attention(out) if attends else Deaf()
        self.listen = Attention(out, token_width) if attends and token_width else Deaf()

    def forward(self, x, emb, tokens, mask):
        return self.listen(self.look(self.block(x, emb)), tokens, mask)


class UNet(nn.Module):
    """A tiny U-Net for pictures or latents: x (B, channels, H, W), t (B,) -> (B, channels, H, W).

    channels: of x. width: at the highest resolution; widths: its multiples, one per resolution.
    depth: stages per resolution. patch: pixels folded into channels at the door (space to depth),
    which makes a step 4 times cheaper at patch 2. token_width: D of the tokens, None for a network
    without condition. Attention works at the lowest resolution (Ho et al. 2020, appendix B; Rombach
    et al. 2022, section 3.3). The average of the tokens joins the time in every block's FiLM.
    """

    def __init__(self, channels, width=32, widths=(1, 2), depth=1, patch=2, token_width=None):
        super().__init__()
        self.channels, self.width, self.patch = channels, width, patch
        self.fold = patch * 2 ** (len(widths) - 1)
        emb = 4 * width
        self.time = nn.Sequential(nn.Linear(emb, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.pool = nn.Linear(token_width, emb) if token_width else None
        self.enter = nn.Conv2d(channels * patch**2, width, 3, padding=1)
        sizes = [width * multiple for multiple in widths]
        low = len(sizes) - 1
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        now = width
        for level, size in enumerate(sizes):
            for _ in range(depth):
                self.down.append(Stage(now, size, emb, level == low, token_width))
                now = size
            if level < low:
                self.down.append(nn.Conv2d(now, now, 3, stride=2, padding=1))
        self.middle = Stage(now, now, emb, True, token_width)
        for level, size in reversed(list(enumerate(sizes))):
            for _ in range(depth):
                self.up.append(Stage(now + size, size, emb, level == low, token_width))
                now = size
            if level:
                now_up = nn.Conv2d(now, now, 3, padding=1)
                self.up.append(nn.Sequential(nn.Upsample(scale_factor=2), now_up))
        exit = zero(nn.Conv2d(width, channels * patch**2, 3, padding=1))
        self.exit = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), exit)

    def forward(self, x, t, tokens=None, mask=None):
        self.check(x, tokens)
        emb = self.time(time_features(t, 4 * self.width))
        if self.pool:
            share = mask.to(x) / mask.sum(1, keepdim=True)
            emb = emb + self.pool((share[:, None] @ tokens)[:, 0])
        h, skips = self.enter(F.pixel_unshuffle(x, self.patch)), []
        for layer in self.down:
            if isinstance(layer, Stage):
                h = layer(h, emb, tokens, mask)
                skips.append(h)
            else:
                h = layer(h)
        h = self.middle(h, emb, tokens, mask)
        for layer in self.up:
            if isinstance(layer, Stage):
                h = layer(torch.cat([h, skips.pop()], 1), emb, tokens, mask)
            else:
                h = layer(h)
        return F.pixel_shuffle(self.exit(h), self.patch)

    def check(self, x, tokens):
        """ValueError for a picture or a condition that this network does not take."""
        if x.ndim != 4 or x.shape[1] != self.channels or any(n % self.fold for n in x.shape[2:]):
            raise ValueError(
                f"x must have shape (B, {self.channels}, H, W) with H and W multiples of "
                f"{self.fold}, got {tuple(x.shape)}"
            )
        if (tokens is None) != (self.pool is None):
            raise ValueError(
                "cond must be "
                + ("tokens and mask, got none" if self.pool else "empty, got tokens")
            )
        if tokens is not None and len(tokens) != len(x):
            raise ValueError(
                f"cond must have one entry per picture, got {len(tokens)} for {len(x)}"
            )
