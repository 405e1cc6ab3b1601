"""Codecs with nothing to learn: pixels and points by a fixed scale."""

from torch import nn


class Pixels(nn.Module):
    """Pictures in 0..1 as x0 in -1..1; decode clamps what lies outside."""

    range = (-1.0, 1.0)

    def encode(self, pictures):
        return 2 * pictures - 1

    def decode(self, x0):
        return ((x0 + 1) / 2).clamp(0, 1)


class Scaled(nn.Module):
    """Points divided by their standard deviation, so that x0 has about unit variance."""

    range = None

    def __init__(self, std):
        super().__init__()
        self.std = std

    def encode(self, points):
        return points / self.std

    def decode(self, x0):
        return x0 * self.std
