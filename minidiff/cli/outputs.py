"""Where `minidiff generate` may write, and how much: all that is refused before any work is done."""

import os
from pathlib import Path

from ..errors import UserError, shown
from ..files import check_writable
from .arguments import MOST

GRID, FILM = 400, 16  # most pictures in a grid, in an animation
PIXELS, FRAME = 2**25, 2**22  # most pixels of a picture that other programs open, of one frame


def check(out, frames=False):
    """The path that the text `out` means, and its suffix, "" for a folder.

    UserError or OSError in one sentence if that cannot be written.
    """
    path, suffixes = Path(out), (".gif", ".png") if frames else (".png", ".npz")
    folder = out.endswith(("/", os.sep)) or (out and os.path.isdir(path) and not path.suffix)
    if folder and frames:
        raise UserError(f"-o must end in .gif or .png with --frames, got the folder {out!r}")
    if not folder and path.suffix not in suffixes:
        kinds = "in .gif or .png with --frames" if frames else "in .png or .npz, or in / (a folder)"
        raise UserError(f"-o must end {kinds}, got {out!r}")
    if folder and os.path.lexists(path) and not os.path.isdir(path):
        raise UserError(f"-o {out!r} asks for a folder, and {shown(path)} is none")
    check_writable(path / "index.csv" if folder and os.path.isdir(path) else path)
    return path, "" if folder else path.suffix


def check_count(count, suffix, pictures, frames):
    """UserError if what `suffix` stands for cannot hold so many samples, or none of their kind."""
    if count > MOST:
        raise UserError(f"one command makes up to {MOST} samples, got {count}")
    if not pictures:
        if not suffix:
            raise UserError("points are written to a .png or an .npz file, not to a folder")
        return
    if frames and count > FILM:
        raise UserError(f"--frames shows up to {FILM} pictures at once, got {count}")
    if suffix == ".png" and count > GRID:
        raise UserError(f"a .png holds up to {GRID} pictures, got {count}; use .npz or a folder")


def check_pixels(tiles, width, height, enlarge, frames):
    """UserError if `tiles` pictures of so many pixels, enlarged, make one too large to be opened."""
    most = FRAME if frames else PIXELS
    if tiles * width * height * enlarge**2 > most:
        raise UserError(
            f"the picture would have {tiles} times {width * enlarge}x{height * enlarge} pixels, more "
            f"than {most} in all; use a smaller --enlarge or --size, or a smaller -n"
        )


def columns_of(each, prompts):
    """How many pictures stand side by side in a grid: few of each prompt make a row of their own."""
    return each if 1 < each <= 16 else min(each * prompts, 16 if each > 16 else 10)


def crisp(width, columns):
    """How far to enlarge pictures for a grid about 1000 wide; None, for small ones, is `viz`'s way."""
    return max(1, min(4, 1024 // (columns * width))) if width >= 64 else None
