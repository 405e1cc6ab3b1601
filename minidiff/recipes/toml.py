"""Recipe files: a recipe of the course and what is to be different about it, in TOML.

recipe = "digits"
images = 100_000
lr = 1e-3
"""

import tomllib
from difflib import get_close_matches
from pathlib import Path

from ..errors import UserError


def whole(least, most=2**40):
    words = f"a whole number, at least {least} and at most {most}"
    return (int,), words, lambda value: least <= value <= most


def real(words, fits):
    return (int, float), f"a number {words}", fits


TEXT = (str,), "a text", bool
# type, what it takes in words, and a test; `train` tells what each of them means, Recipe the latents
FIELDS = {
    "recipe": TEXT,
    "images": whole(1),
    "batch": whole(1, 2**24),
    "lr": real("above 0", lambda value: 0 < value < 1e3),
    "warmup": whole(1),
    "decay": real("from 0 to below 1", lambda value: 0 <= value < 1),
    "clip": real("above 0", lambda value: value > 0),
    "bf16": ((bool,), "true or false", lambda value: True),
    "accumulate": whole(1, 2**24),
    "latents": whole(0, 2**24),
    "start": TEXT,  # a shipped model whose weights training starts from
    "seed": whole(0, 2**63 - 1),
    "workers": whole(0, 256),
    "minutes": real("not below 0", lambda value: value >= 0),
    "save_every": whole(1),
    "device": TEXT,
    "out": TEXT,
}


def read(path):
    """The fields of a recipe file by name, `recipe` among them.

    FileNotFoundError, or UserError that names the file, the field, what it got and what it takes.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no recipe file {path}")
    try:
        fields = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:  # of TOML or of UTF-8
        raise UserError(f"{path} is no TOML file: {error}") from error
    for name, value in fields.items():
        check(path, name, value)
    if "recipe" not in fields:
        raise UserError(f'{path} must name its recipe, as in recipe = "digits"')
    return fields


def check(path, name, value):
    """UserError if there is no such field, or if it does not take this value."""
    if name not in FIELDS:
        near = get_close_matches(name, FIELDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it can have {', '.join(FIELDS)}"
        raise UserError(f"{path} has an unknown field, {name} = {value!r}; {hint}")
    kinds, words, fits = FIELDS[name]
    if type(value) not in kinds or not fits(value):  # a bool is an int to isinstance
        raise UserError(f"{name} in {path} must be {words}, got {value!r}")
