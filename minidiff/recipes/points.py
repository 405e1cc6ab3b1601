"""The Swiss roll, from noise in the plane."""

from ..codecs import Scaled
from ..conditions import Unconditional
from ..data import points
from ..denoiser import Denoiser
from ..model import Model
from ..nets import PointNet
from ..schedules import LogSnrTimes, cosine
from .recipe import Recipe


def point_model():
    net = PointNet()
    denoiser = Denoiser(net, cosine, target="v", times=LogSnrTimes(cosine, start=0.95))
    return Model(denoiser, Unconditional(), Scaled(2.0), (2,), steps=100)


def point_data(cloud=points.swiss_roll):
    return lambda n, generator: (cloud(n, generator), [None] * n)


RECIPES = {"points": Recipe(point_model, point_data, 2_560_000, dict(batch=256, lr=5e-3))}
