"""Clips by a codec of pictures, frame by frame."""

from torch import nn


class PerFrame(nn.Module):
    """Clips (B, C, F, H, W) and back, each frame by `codec` as a picture of its own."""

    def __init__(self, codec):
        super().__init__()
        self.codec = codec

    @property
    def range(self):
        return self.codec.range

    @property
    def factor(self):
        return self.codec.factor

    def encode(self, clips):
        return each_frame(self.codec.encode, clips)

    def decode(self, x0):
        return each_frame(self.codec.decode, x0)


def each_frame(function, clips):
    """A function of pictures (B, *) as one of clips (B, C, F, *)."""
    frames = clips.shape[2]
    pictures = function(clips.transpose(1, 2).flatten(0, 1))
    return pictures.unflatten(0, (-1, frames)).transpose(1, 2)
