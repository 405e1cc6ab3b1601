"""Where `minidiff generate` may write, and how much: all that is refused before any work is done."""

import os
from pathlib import Path

from ..errors import UserError, shown
from ..files import check_writable
from .arguments.common import MOST

GRID, FILM = 400, 16  # most pictures in a grid, in an animation
PIXELS, FRAME = 2**25, 2**22  # most pixels of a picture that other programs open, of one frame


# the endings that each kind of output has, and how they are told
ENDINGS = {
    "pictures": (("", ".png", ".npz"), "in .png or .npz, or in / (a folder)"),
    "steps": ((".gif", ".png"), "in .gif or .png with --frames"),
    "clips": (
        (".gif", ".webp", ".mp4", ".png", ".npz"),
        "in .gif, .webp, .mp4, .png or .npz for clips",
    ),
}


def check(out, kind="pictures"):
    """The path that the text `out` means, and its suffix, "" for a folder.

    kind: one of ENDINGS. UserError or OSError in one sentence if that cannot be written.
    """
    path, (suffixes, told) = Path(out), ENDINGS[kind]
    folder = out.endswith(("/", os.sep)) or (out and os.path.isdir(path) and not path.suffix)
    if folder and "" not in suffixes:
        raise UserError(f"-o must end {told}, got the folder {out!r}")
    if not folder and path.suffix not in set(suffixes) - {""}:
        raise UserError(f"-o must end {told}, got {out!r}")
    if folder and os.path.lexists(path) and not os.path.isdir(path):
        raise UserError(f"-o {out!r} asks for a folder, and {shown(path)} is none")
    check_writable(path / "index.csv" if folder and os.path.isdir(path) else path)
    return path, "" if folder else path.suffix


def check_count(count, suffix, axes, frames):
    """UserError if what `suffix` stands for cannot hold so many samples, or none of their kind.

    axes: of a sample, 1 for points, 3 for pictures, 4 for clips.
    """
    if count > MOST:
        raise UserError(f"one command makes up to {MOST} samples, got {count}")
    if axes == 1:
        if not suffix:
            raise UserError("points are written to a .png or an .npz file, not to a folder")
        return
    if axes == 4 and suffix != ".npz" and count > FILM:
        raise UserError(f"{suffix} shows up to {FILM} clips at once, got {count}; use .npz")
    if frames is True and count > FILM:
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
