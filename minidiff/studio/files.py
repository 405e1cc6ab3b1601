"""Shots as PNG files that say how they were made."""

import io
import json
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .. import pretrained
from ..errors import UserError, shown
from ..files import atomic_write
from ..notebook import figures
from . import shots

CHUNK = "minidiff"  # the name of the PNG's text chunk, as of what `generate` writes


def record(shot):
    """What a file says of itself, in JSON: the shot, and the weights that painted it."""
    weights = {name: pretrained.manifest()[name]["sha256"] for name in models_of(shot)}
    told = {
        "studio": shot.plain(),
        "weights": weights,
        "made": "by minidiff, a generator of pictures",
    }
    return json.dumps(told)


def models_of(shot):
    """The names of the models that a shot, and those it is made of, are painted by."""
    other = {"enlarge": shots.ENLARGER, "resemble": shots.PAINTS_ALIKE}.get(shot.way, shot.model)
    return sorted({shot.model, other, *(name for each in shot.of for name in models_of(each))})


def save(shot, path, picture=None):
    """Write a shot as a PNG; picture: what `paint` gave, if it has been painted already."""
    path = Path(path)
    if path.suffix != ".png":
        raise UserError(f"path must end in .png, got {str(path)!r}")
    data = png(shot, shots.paint(shot) if picture is None else picture)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def png(shot, picture):
    """The bytes of a PNG of a picture (3, H, W) in 0..1 that says how it was made."""
    file, info = io.BytesIO(), PngInfo()
    info.add_text(CHUNK, record(shot))
    figures.picture(picture.permute(1, 2, 0)).save(file, "png", pnginfo=info)
    return file.getvalue()


def save_all(made, folder):
    """Write (shot, picture) pairs into a folder as 001.png, 002.png, ...; returns the paths.

    UserError for a folder that holds anything already.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"folder must be new or empty, got {shown(folder)}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03}.png" for number in range(1, len(made) + 1)]
    for path, (shot, picture) in zip(paths, made):
        save(shot, path, picture)
    return paths


def read(path):
    """The Shot that a file was made of; UserError for one that a studio did not write."""
    try:
        with Image.open(path) as file:
            told = json.loads(file.info.get(CHUNK) or "")
        shot, weights = shots.from_plain(told["studio"]), dict(told["weights"])
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"{shown(path)} was not written by the studio") from error
    known = pretrained.manifest()
    if any(known.get(name, {}).get("sha256") != is_ for name, is_ in weights.items()):
        raise UserError(f"{shown(path)} was painted by other weights")
    return shot
