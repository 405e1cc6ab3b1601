"""Pictures as vectors: what a prior works on."""

import torch.nn.functional as F
from torch import nn


class Vectors(nn.Module):
    """The vector of a picture in a shared space as x0; there is no way back to the picture.

    space: a `SharedSpace`. encode: pictures -> x0 (B, space.width, 1, 1) of unit variance, one place of
    many channels. decode: x0 -> unit vectors (B, space.width).
    """

    range = None

    def __init__(self, space):
        super().__init__()
        self.space = space

    def encode(self, pictures):
        return self.space.width**0.5 * self.space.of_pictures(pictures)[..., None, None]

    def decode(self, x0):
        return F.normalize(x0.flatten(1), dim=1)
