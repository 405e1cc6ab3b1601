"""A network for points and other vectors."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .layers import time_features


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
        self.dim, self.width, self.depth = dim, width, depth
        self.features, self.scale, self.seed = features, scale, seed

    def forward(self, x, t):
        angles = 2 * math.pi * x @ self.directions
        h = torch.cat([x, angles.sin(), angles.cos()], 1)
        emb = time_features(t, self.width).to(self.out.weight)
        for layer, film in zip(self.layers, self.films):
            scale, shift = film(emb).chunk(2, 1)
            h = F.silu(layer(h) * (1 + scale) + shift)
        return self.out(h)
