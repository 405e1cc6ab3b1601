"""Clips on the command line: files that play, film strips, and a picture as the first frame."""

from pathlib import Path

import torch
from PIL import Image

from .. import editing
from ..errors import UserError, shown
from ..notebook import figures
from .outputs import columns_of, crisp
from .record import CHUNK


def write(path, made, prompts, scale, text):
    """Clips (N, C, F, H, W), N / len(prompts) of each prompt: playing, or as .png a strip each.

    scale: screen pixels for each pixel. text: their record.
    """
    from ..notebook import clips, viz  # brings matplotlib
    from .writers import save

    each = len(made) // len(prompts)
    labels = [prompt for prompt in prompts for _ in range(each)]
    if path.suffix == ".png":
        scale = scale or crisp(made.shape[-1], made.shape[2]) or 2
        save(path, viz.png(clips.strip(made, labels, scale=scale), **{CHUNK: text}))
    else:
        columns = columns_of(each, len(prompts))
        scale = scale or max(2, min(4, 1024 // (columns * made.shape[-1])))
        clips.write(path, clips.shots(made, labels, columns=columns, scale=scale), text=text)


def first_frame(path, model):
    """The picture (C, H, W) in 0..1 in a file, of the size of the model's clips; UserError if not."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"--first must be a picture, and there is no file {shown(path)}")
    height, width = (side * model.factors[0] for side in model.shape[-2:])
    grey = model.factors[0] == 1 and model.shape[0] == 1
    try:
        with Image.open(path) as file:
            size = file.size
            picture = file.convert("L" if grey else "RGB") if size == (width, height) else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"--first {shown(path)} is no picture that can be read") from error
    if picture is None:
        raise UserError(
            f"--first must have the size of the clips, {width}x{height}, got {size[0]}x{size[1]}"
        )
    return (
        torch.from_numpy(figures.array(picture) / 255)
        .float()
        .reshape(height, width, -1)
        .permute(2, 0, 1)
    )


def begun_with(model, first, asked, seeds, batch, way):
    """Chunks of clips, one for each prompt asked, whose first frame is the picture `first`."""
    if way["negative"] is not None:
        raise UserError("--negative does not go with --first")
    for start in range(0, len(asked), batch):
        part = slice(start, start + batch)
        known = first[None, :, None].expand(len(asked[part]), -1, model.shape[1], -1, -1)
        settings = dict(seed=seeds[part], steps=len(way["ts"]) - 1, w=way["w"])
        yield editing.continued(model, known, 1, asked[part], **settings)
