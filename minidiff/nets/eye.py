"""Convolutions that look at a picture, as the judges do."""

from torch import nn


def block(ins, outs):
    """A convolution with its norm and its bend."""
    return nn.Sequential(
        nn.Conv2d(ins, outs, 3, padding=1, bias=False), nn.BatchNorm2d(outs), nn.ReLU()
    )


def scene_eye(width):
    """Eight convolutions: pictures (B, 3, 64, 64) in -1..1 -> (B, width, 8, 8)."""
    return nn.Sequential(
        nn.PixelUnshuffle(2),  # (B, 12, 32, 32)
        block(12, 48),
        block(48, 48),
        nn.MaxPool2d(2),
        block(48, 96),  # (B, 96, 16, 16)
        block(96, 96),
        nn.MaxPool2d(2),
        block(96, 192),  # (B, 192, 8, 8)
        block(192, 192),
        block(192, 192),
        block(192, width),
    )
