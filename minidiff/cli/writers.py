"""Where `minidiff generate` writes: a grid, an animation, arrays, or a folder of pictures.

Samples come in chunks (n, *), so that arrays and folders never hold more than one of them. Every
file is written beside its place and then renamed: an interruption leaves no half of one.
"""

import csv
import io
import os
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from ..files import atomic_write, check_writable

GRID, FILM, FRAMES = 400, 16, 60  # most pictures in a grid, in an animation; most frames of it


def check(out, frames=False):
    """Before any work: the path that the text `out` means, and its suffix, "" for a folder.

    ValueError or OSError in one sentence if that cannot be written.
    """
    path, suffixes = Path(out), (".gif", ".png") if frames else (".png", ".npz")
    folder = out.endswith(("/", os.sep)) or (path.is_dir() and not path.suffix)
    if folder and frames:
        raise ValueError(f"-o must end in .gif or .png with --frames, got the folder {out!r}")
    if not folder and path.suffix not in suffixes:
        kinds = "in .gif or .png with --frames" if frames else "in .png or .npz, or in / (a folder)"
        raise ValueError(f"-o must end {kinds}, got {out!r}")
    if folder and path.is_dir() and any(path.iterdir()):
        raise ValueError(f"-o must be a new or an empty folder, got {out!r}, which holds files")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}")
    check_writable(path / "0" if folder and path.is_dir() else path)
    return path, "" if folder else path.suffix


def check_count(count, suffix, pictures, frames):
    """ValueError if what `suffix` stands for cannot hold so many samples, or none of their kind."""
    if not pictures:
        if not suffix:
            raise ValueError("points are written to a .png or an .npz file, not to a folder")
        return
    if frames and count > FILM:
        raise ValueError(f"--frames shows up to {FILM} pictures at once, got {count}")
    if suffix == ".png" and count > GRID:
        raise ValueError(f"a .png holds up to {GRID} pictures, got {count}; use .npz or a folder")


def lines(path):
    """The prompts in a text file, one a line, blank lines left out. ValueError or OSError if none."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"--from found no file {path}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"--from takes a text in UTF-8, and {path} is none") from error
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        raise ValueError(f"--from takes one prompt a line, and {path} holds none")
    return found


def grid(path, made, prompts, scale=None):
    """A labelled PNG of samples (N, *), N / len(prompts) of each: few prompts get a row each.

    Points (N, 2) become a scatter. scale: screen pixels for each pixel of a picture.
    """
    from ..notebook import viz  # brings matplotlib

    each = len(made) // len(prompts)
    columns = each if 1 < each <= 16 else min(len(made), 16 if each > 16 else 10)
    scale = scale or (made.ndim > 2 and crisp(made.shape[-1], columns)) or None
    if made.ndim == 2:
        figure = viz.points(made)
    elif columns == each and None not in prompts:
        figure = viz.images(list(made.split(each)), labels=prompts, scale=scale)
    else:
        labels = None if None in prompts else [p for p in prompts for _ in range(each)]
        figure = viz.images(made, labels=labels, columns=columns, scale=scale)
    save(path, viz.png(figure))


def crisp(width, columns):
    """How far to enlarge pictures for a grid about 1000 wide; None, for small ones, is `viz`'s way."""
    return max(1, min(4, 1024 // (columns * width))) if width >= 64 else None


def film(path, pairs, steps, scale=None):
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
    data = figures.apng(frames, fps=8, hold=2.0)
    if path.suffix == ".gif":
        file = io.BytesIO()
        Image.open(io.BytesIO(data)).save(file, "gif", save_all=True, loop=0)
        data = file.getvalue()
    save(path, data)


def save(path, data):
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def arrays(path, chunks, total, name, **metadata):
    """An .npz of all `total` samples under `name`, and of the arrays `metadata` about them.

    Written as np.savez would, but with one chunk at a time.
    """
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for label, values in metadata.items():
            with archive.open(f"{label}.npy", "w") as entry:
                np.save(entry, values)
        with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
            for number, chunk in enumerate(chunks):
                if not number:
                    head = {
                        "descr": "<f4",
                        "fortran_order": False,
                        "shape": (total, *chunk.shape[1:]),
                    }
                    np.lib.format.write_array_header_1_0(entry, head)
                entry.write(chunk.numpy().astype("<f4").tobytes())


def folder(path, chunks, prompts, scale=1):
    """A PNG file for each of the prompts, numbered from 1, and index.csv, which tells their prompts."""
    from ..notebook import figures

    digits, asked = len(str(len(prompts))), enumerate(prompts, start=1)
    for chunk in chunks:
        path.mkdir(exist_ok=True)
        with open(path / "index.csv", "a", newline="", encoding="utf-8") as file:
            index = csv.writer(file)
            if not file.tell():
                index.writerow(["file", "prompt"])
            for tile, (number, prompt) in zip(figures.tiles(chunk), asked):
                name = f"{number:0{digits}}.png"
                with atomic_write(path / name) as temporary:
                    large = tile.repeat(scale, 0).repeat(scale, 1)
                    figures.picture(large).save(temporary, "png")
                index.writerow([name, prompt])
                file.flush()  # after the picture, so that the index names none that is not there
