"""Networks: `net(x, t, *cond) -> out`, x and out (B, *), t (B,) in [0, 1].

cond, where there is one, is `tokens (B, L, D), mask (B, L)` with mask True on the tokens that count.
"""

from .dit import DiT
from .enlarger import Enlarger
from .low_rank import LowRank
from .mlp import PointNet
from .temporal import ClipUNet
from .unet import FullyConvolutionalUNet, UNet

__all__ = ["ClipUNet", "DiT", "Enlarger", "FullyConvolutionalUNet", "LowRank", "PointNet", "UNet"]
