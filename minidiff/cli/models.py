"""Models by name, the shipped ones and those that `train` wrote, and what is asked of them."""

import sys
from pathlib import Path

import torch

from .. import pretrained
from ..codecs import Vectors
from ..errors import UserError
from ..model import Model
from ..training.devices import get_device

LARGEST = 1024  # pixels on a side


def open_model(name, device):
    """A shipped model, or the one in a folder that `train` wrote, and its facts in the manifest.

    They have one more, "weights": the sha256 of its file and of its parts' files, joined by +.
    """
    device, folder = get_device(device), pretrained.HERE
    if name not in pretrained.manifest() and Path(name).is_dir():
        folder, known = Path(name), list(pretrained.manifest(name))
        if not known:
            raise UserError(f"no model in {name}: a folder written by `minidiff train` has one")
        name = known[0]
    model = pretrained.load(name, folder)
    if not isinstance(model, Model) or isinstance(model.codec, Vectors):
        raise UserError(f"model {name!r} is a part of others and paints nothing by itself")
    known = pretrained.manifest(folder)
    parts = (other.partition(".")[0] for other in known[name].get("parts", {}).values())
    files = dict.fromkeys([name, *parts])
    return model.to(device), known[name] | {"weights": "+".join(known[f]["sha256"] for f in files)}


def look_up(what, name, table):
    """table[name]; UserError, with the names there are, if there is none."""
    if name not in table:
        raise UserError(f"{what} must be one of {', '.join(table)}, got {name!r}")
    return table[name]


def resize(model, width, height):
    """Have the model paint pictures of another size in pixels. UserError for one it cannot take."""
    if len(model.shape) < 3:
        raise UserError("--size is for models of pictures, and this one paints none")
    codec, net = model.factors
    multiple = codec * net
    if any(side % multiple or not 0 < side <= LARGEST for side in (width, height)):
        raise UserError(
            f"--size must be two multiples of {multiple} from {multiple} to {LARGEST}, such as "
            f"{2 * multiple}x{3 * multiple}, got {width}x{height}"
        )
    model.shape = (*model.shape[:-2], height // codec, width // codec)


def set_frames(model, frames):
    """Have the model make clips of so many frames; one sentence on stderr if it never saw so many."""
    trained, multiple = model.shape[1], getattr(model.denoiser.net, "frame_factor", 1)
    if frames % multiple:
        raise UserError(f"--frames must be a multiple of {multiple} for this model, got {frames}")
    if frames > trained:
        print(
            f"minidiff: --frames {frames} is more than the {trained} that this model was trained on; "
            "what moves may drift or break",
            file=sys.stderr,
        )
    model.shape = (model.shape[0], frames, *model.shape[2:])


def within_memory(items, batch):
    """The same items; running out of memory is a UserError that says which --batch to try."""
    try:
        yield from items
    except (MemoryError, RuntimeError) as error:
        # the CPU's allocator raises a RuntimeError that only its text tells from others
        signs = ("can't allocate memory", "not enough memory", "out of memory")
        full = isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError))
        if not full and not any(sign in str(error) for sign in signs):
            raise
        less = f"try --batch {batch // 2}" if batch > 1 else "only something smaller fits"
        raise UserError(f"out of memory with --batch {batch}; {less}") from error
