"""Clips (C, F, H, W) in 0..1: as a film strip, playing, and in files: GIF, WebP, animated PNG, MP4."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageSequence

from ..errors import UserError, shown
from ..files import atomic_write
from . import figures, viz

MOST = 1000  # frames that are read of a file
FPS = 6  # at which clips of 8 frames can be followed by eye


def strip(clips, labels=None, *, title=None, scale=None, alt=None):
    """Clips (N, 1 or 3, F, H, W) as film strips, one a row, time to the right: a Figure."""
    rows = [clip.transpose(0, 1) for clip in torch.as_tensor(clips)]
    return viz.images(rows, labels=labels, title=title, scale=scale, alt=alt)


def shots(clips, labels=None, *, columns=8, title=None, scale=None):
    """The frames of clips (N, 1 or 3, F, H, W) that play side by side, as Pillow images.

    labels: a text for each clip.
    """
    for frame in torch.as_tensor(clips).unbind(2):
        grid = viz.images(frame, labels, columns=columns, title=title, scale=scale)
        yield figures.picture(grid)


def play(clips, labels=None, *, columns=8, title=None, scale=None, fps=FPS, alt=None):
    """Clips (N, 1 or 3, F, H, W) playing side by side, with no kernel: see `viz.animate`."""
    drawn = shots(clips, labels, columns=columns, title=title, scale=scale)
    return viz.moving(list(drawn), fps=fps, hold=2 / fps, alt=figures.alt_text(alt, title))


def write(path, pictures, fps=FPS, text=""):
    """Write Pillow images of one size as .gif, .webp, .png (animated) or .mp4; `text` goes with them.

    UserError for another ending, or for an MP4 without imageio-ffmpeg, the extra "video".
    """
    path, pictures = Path(path), list(pictures)
    writers = {".gif": _gif, ".webp": _webp, ".png": _png, ".mp4": _mp4}
    if path.suffix not in writers:
        raise UserError(f"a clip's file must end in {', '.join(writers)}, got {path.name!r}")
    with atomic_write(path) as temporary:
        writers[path.suffix](temporary, pictures, fps, text)


def _gif(path, pictures, fps, text):
    style = dict(save_all=True, append_images=pictures[1:], duration=1000 / fps, loop=0)
    pictures[0].save(path, "gif", comment=text, **style)


def _webp(path, pictures, fps, text):
    exif = Image.Exif()
    exif[0x010E] = text  # the tag of a description
    style = dict(save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0)
    pictures[0].save(path, "webp", lossless=True, exif=exif, **style)


def _png(path, pictures, fps, text):
    path.write_bytes(figures.apng(pictures, fps, 1 / fps, minidiff=text))


def _mp4(path, pictures, fps, text):
    try:
        import imageio_ffmpeg
    except ImportError as error:
        message = "an .mp4 needs imageio-ffmpeg: python -m pip install imageio-ffmpeg"
        raise UserError(message) from error
    # beside its place a file has another ending, and the codec wants even sides
    width, height = (side + side % 2 for side in pictures[0].size)
    extra = ["-metadata", f"comment={text}", "-f", "mp4"]
    writer = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=fps, macro_block_size=2, output_params=extra
    )
    writer.send(None)
    for picture in pictures:
        canvas = Image.new("RGB", (width, height), "white")
        canvas.paste(picture)
        writer.send(np.asarray(canvas).tobytes())
    writer.close()


def read(path):
    """The clip (3, F, H, W) in 0..1 that a file holds: GIF, WebP, animated PNG, or MP4 as `write` needs.

    Frames that the file has as one, being equal, are one. UserError for a file that is none, or one
    of more than MOST frames.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no clip at {shown(path)}")
    frames = _frames_of_mp4(path) if path.suffix == ".mp4" else _frames_of_picture(path)
    if not frames:
        raise UserError(f"{shown(path)} is no clip that can be read")
    if len({frame.shape for frame in frames}) != 1:
        raise UserError(f"{shown(path)} has frames of several sizes")
    return torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2).float() / 255


def _frames_of_picture(path):
    try:
        with Image.open(path) as file:
            if getattr(file, "n_frames", 1) > MOST:
                raise UserError(f"{shown(path)} has more than {MOST} frames")
            return [np.array(frame.convert("RGB")) for frame in ImageSequence.Iterator(file)]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return []


def _frames_of_mp4(path):
    try:
        import imageio_ffmpeg
    except ImportError as error:
        message = "an .mp4 needs imageio-ffmpeg: python -m pip install imageio-ffmpeg"
        raise UserError(message) from error
    reader, frames = imageio_ffmpeg.read_frames(str(path)), []
    try:
        width, height = next(reader)["size"]
        for frame in reader:
            frames.append(np.frombuffer(frame, np.uint8).reshape(height, width, 3))
            if len(frames) > MOST:
                raise UserError(f"{shown(path)} has more than {MOST} frames")
    except (OSError, RuntimeError, StopIteration, KeyError):
        return []
    finally:
        reader.close()
    return frames
