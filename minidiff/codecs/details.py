"""The codec of a second stage: what a large picture has, and its small one, enlarged, has not."""

from torch import nn

from ..nets.enlarger import enlarged

MISSING = 0.1  # the standard deviation of what interpolation leaves out of a scene, in -1..1


class Details(nn.Module):
    """Pictures (B, C, 2 H, 2 W) in 0..1 as details, x0 of about unit variance, and back.

    Details are the difference to the small picture, enlarged smoothly, as a share of what is to be
    expected (Li et al. 2022, SRDiff, section 3.2). small (B, C, H, W): in -1..1, with noise over it of
    the standard deviation `strength` (B,).
    """

    range = None

    def __init__(self, small, strength):
        super().__init__()
        self.base = enlarged(small)
        self.scale = (MISSING**2 + strength**2).sqrt()[:, None, None, None]

    def encode(self, pictures):
        return (2 * pictures - 1 - self.base) / self.scale

    def decode(self, x0):
        return ((self.base + self.scale * x0 + 1) / 2).clamp(0, 1)
