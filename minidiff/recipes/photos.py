"""A small network that learns the patches of one photograph, so that holes in it can be filled.

After SinDiffusion (Wang et al. 2022) and SinDDM (Kulikov et al. 2023): a denoiser that sees only a
patch at a time learns from one picture what its patches look like, and not the picture by heart.
"""

from functools import partial

from ..codecs import Pixels
from ..conditions import Unconditional
from ..data.photos import CROP, HOLES, crops, hole, load
from ..denoiser import Denoiser
from ..model import Model
from ..nets import FullyConvolutionalUNet
from ..samplers import ddpm
from ..schedules import cosine, log_snr_grid
from ..training import channels_last
from .recipe import Recipe


def model():
    """The untrained network of a photograph's patches: 0.4 M numbers, colour, any size it folds."""
    net = FullyConvolutionalUNet(3, width=32, widths=(1, 2), patch=2)
    shape = (3, CROP, CROP)
    # Even steps in log-SNR: fur and blades come out of the last little noise, which needs its share.
    settings = dict(steps=50, sampler=ddpm, grid=partial(log_snr_grid, cosine))
    return Model(Denoiser(net, cosine), Unconditional(), Pixels(), shape, **settings)


def shipped_crops(name="chelsea"):
    """The training stream of a shipped photograph, beside the hole that is filled in it later."""
    picture = load(name)
    return crops(picture, hole(name, picture))


SETTINGS = dict(batch=4, lr=2e-3, warmup=400, decay=0.998, prepare=channels_last)
RECIPES = {"photo": Recipe(model, shipped_crops, 24_000, SETTINGS)} | {
    f"photo-{name}": Recipe(model, partial(shipped_crops, name), 24_000, SETTINGS | {"bf16": True})
    for name in HOLES
}
