"""What a model is made of, in plain words that a file can hold, and the way back.

A part is its class and the arguments it was made with, each kept by the part as an attribute of the
same name (scikit-learn's convention); a function is its name. Only what stands in the two tables is
ever built, so that a file cannot bring code.
"""

from functools import partial
from inspect import isroutine, signature

from ..codecs import Autoencoder, PerFrame, Pixels, Scaled, Vectors
from ..conditions import (
    LabelEncoder,
    MotionEncoder,
    SharedSpace,
    TextEncoder,
    Tokenizer,
    Unconditional,
)
from ..conditions.pictured import PictureEncoder
from ..denoiser import Denoiser
from ..errors import UserError
from ..model import Model
from ..nets import ClipUNet, DiT, Enlarger, FullyConvolutionalUNet, LowRank, PointNet, UNet
from ..samplers import consistency, ddim, ddpm, dpmpp_2m, heun
from ..schedules import (
    DDPM,
    LogSnrTimes,
    cosine,
    flow,
    log_snr_grid,
    logit_normal_times,
    root_times,
    stratified_times,
    uniform_grid,
)

PARTS = {
    part.__name__: part
    for part in (
        *(Model, Denoiser, DDPM, LogSnrTimes),
        *(UNet, FullyConvolutionalUNet, LowRank, PointNet, DiT, ClipUNet, Enlarger),
        *(LabelEncoder, TextEncoder, MotionEncoder, PictureEncoder, SharedSpace),
        *(Tokenizer, Unconditional),
        *(Pixels, Scaled, Autoencoder, PerFrame, Vectors),
    )
}
FUNCTIONS = {
    function.__name__: function
    for function in (
        *(cosine, flow, ddim, ddpm, dpmpp_2m, heun, consistency),
        *(uniform_grid, log_snr_grid, stratified_times, logit_normal_times, root_times),
    )
}


def describe(value):
    """A part, a function or a plain value as JSON can hold it; UserError for what is none of them.

    {"class": its name, "arguments": by name}, {"function": its name} or, with its first arguments
    given, {"function": its name, "given": [...]}.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [describe(entry) for entry in value]
    if isinstance(value, partial) and not value.keywords:
        return {**describe(value.func), "given": describe(value.args)}
    if isroutine(value):
        if FUNCTIONS.get(value.__name__) is not value:
            raise UserError(f"{value.__name__} is no function of the library: it cannot be saved")
        return {"function": value.__name__}
    arguments = {}
    for name, parameter in signature(type(value)).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue  # of nn.Module, where a part has no arguments of its own
        if not hasattr(value, name):
            raise UserError(f"a {type(value).__name__} cannot be saved: it keeps no {name!r}")
        arguments[name] = describe(getattr(value, name))
    return {"class": type(value).__name__, "arguments": arguments}


def build(plan, known=()):
    """The part, function or value that `describe` put into words, with weights as they come.

    known: classes beside PARTS that it may be made of. UserError for any other.
    """
    if isinstance(plan, list):
        return [build(entry, known) for entry in plan]
    if not isinstance(plan, dict):
        return plan
    if "function" in plan:
        function = look_up("function", plan["function"], FUNCTIONS)
        return partial(function, *build(plan["given"])) if "given" in plan else function
    part = look_up("part", plan["class"], PARTS | {each.__name__: each for each in known})
    return part(**{name: build(value, known) for name, value in plan["arguments"].items()})


def look_up(what, name, table):
    if name not in table:
        raise UserError(f"{what} of a model must be one that the library knows, got {name!r}")
    return table[name]
