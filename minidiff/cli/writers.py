"""How `minidiff generate` writes files: a grid, an animation, arrays.

Every file is written beside its place and then renamed: an interruption leaves no half of one.
"""

import io
import zipfile

import numpy as np
from PIL import Image

from ..files import atomic_write
from .outputs import columns_of, crisp
from .record import CHUNK

FRAMES = 60  # most frames of an animation


def grid(path, made, prompts, scale, text):
    """A labelled PNG of samples (N, *), N / len(prompts) of each: few prompts get a row each.

    Points (N, 2) become a scatter. scale: screen pixels for each pixel of a picture. text: its record.
    """
    from ..notebook import viz  # brings matplotlib

    each = len(made) // len(prompts)
    columns = columns_of(each, len(prompts))
    scale = scale or (made.ndim > 2 and crisp(made.shape[-1], columns)) or None
    if made.ndim == 2:
        figure = viz.points(made)
    elif columns == each and None not in prompts:
        figure = viz.images(list(made.split(each)), labels=prompts, scale=scale)
    else:
        labels = None if None in prompts else [p for p in prompts for _ in range(each)]
        figure = viz.images(made, labels=labels, columns=columns, scale=scale)
    save(path, viz.png(figure, **{CHUNK: text}))


def film(path, pairs, steps, scale, text):
    """An animation, .gif or .png, of the pairs x_t and x0_hat, each (N, *), steps + 1 of them."""
    from ..notebook import figures, viz

    names = ["what it sees", "what it guesses"]
    shown = set(np.linspace(0, steps, min(steps + 1, FRAMES)).round().astype(int).tolist())
    frames = []
    for step, (x, guess) in enumerate(pairs):
        if step not in shown:
            continue
        title = f"step {step} of {steps}"
        if x.ndim == 2:
            figure = viz.points(x, guess, labels=names, limit=4.0, title=title)
        else:
            larger = scale or crisp(x.shape[-1], len(x))
            figure = viz.images([x, guess], labels=names, scale=larger, title=title)
        frames.append(figures.picture(figure))
    data = figures.apng(frames, fps=8, hold=2.0, **{CHUNK: text})
    if path.suffix == ".gif":
        file = io.BytesIO()
        Image.open(io.BytesIO(data)).save(file, "gif", save_all=True, loop=0, comment=text)
        data = file.getvalue()
    save(path, data)


def save(path, data):
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def arrays(path, chunks, total, name, **about):
    """An .npz of all `total` samples under `name`, and of the arrays `about` them.

    Written as np.savez would, but with one chunk (n, *) of samples in memory at a time. What goes
    wrong while a chunk is computed passes as it is.
    """
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for label, values in about.items():
            with archive.open(f"{label}.npy", "w") as entry:
                np.save(entry, values)
        with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
            for number, chunk in enumerate(chunks):
                if not number:
                    shape = (total, *chunk.shape[1:])
                    head = {"descr": "<f4", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(entry, head)
                entry.write(chunk.numpy().astype("<f4").tobytes())
