"""What a recipe is."""

from collections.abc import Callable
from dataclasses import dataclass, field


def as_it_is(module):
    """The module itself."""
    return module


@dataclass(frozen=True)
class Recipe:
    """How a model of the course is made; `minidiff train` follows it.

    model(*needed) -> the module that training starts from. data() -> `data(n, generator)`. images:
    how many to train on. settings: keyword arguments of `train`. needs: names of the models that
    `model` is given, shipped or trained first. loss(module) -> the `loss` of `train`; default: the
    module's own. keep(module) -> what of the trained module is written.

    latents: for how many pictures the codec works ahead, once, 0 for none; encoded(codec, count,
    path, workers) -> a stream of such latents in place of `data()`, kept in a file.
    """

    model: Callable
    data: Callable
    images: int
    settings: dict = field(default_factory=dict)
    needs: tuple = ()
    loss: Callable | None = None
    keep: Callable = as_it_is
    latents: int = 0
    encoded: Callable | None = None


def plain(settings):
    """The settings that a manifest can hold: numbers, texts and the like, not functions."""
    return {name: value for name, value in settings.items() if not callable(value)}
