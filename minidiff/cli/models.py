"""Models by name, the shipped ones and those that `train` wrote, and what is asked of them."""

from pathlib import Path

import torch

from .. import pretrained
from ..model import Model
from ..training.devices import get_device

LARGEST = 1024  # pixels on a side


def open_model(name, device):
    """A shipped model, or the one in a folder that `train` wrote, and the name of its recipe."""
    device, folder = get_device(device), pretrained.HERE
    if name not in pretrained.manifest() and Path(name).is_dir():
        folder, known = Path(name), list(pretrained.manifest(name))
        if not known:
            raise ValueError(f"no model in {name}: a folder written by `minidiff train` has one")
        name = known[0]
    model = pretrained.load(name, folder)
    if not isinstance(model, Model):
        raise ValueError(f"model {name!r} is a part of others and paints nothing by itself")
    return model.to(device), pretrained.manifest(folder)[name]["recipe"]


def look_up(what, name, table):
    """table[name]; ValueError, with the names there are, if there is none."""
    if name not in table:
        raise ValueError(f"{what} must be one of {', '.join(table)}, got {name!r}")
    return table[name]


@torch.no_grad()
def check_prompts(model, prompts, batch=64):
    """ValueError for the first prompt that the model cannot read, before any work is done."""
    known = list(dict.fromkeys(prompts))
    for first in range(0, len(known), batch):
        model.encoder(known[first : first + batch])


def resize(model, width, height):
    """Have the model paint pictures of another size in pixels. ValueError for one it cannot take."""
    if len(model.shape) != 3:
        raise ValueError("--size is for models of pictures, and this one paints none")
    codec, net = model.factors
    multiple = codec * net
    if any(side % multiple or not 0 < side <= LARGEST for side in (width, height)):
        raise ValueError(
            f"--size must be two multiples of {multiple} from {multiple} to {LARGEST}, such as "
            f"{2 * multiple}x{3 * multiple}, got {width}x{height}"
        )
    model.shape = (model.shape[0], height // codec, width // codec)


def within_memory(items, batch):
    """The same items; running out of memory is a ValueError that says which --batch to try."""
    try:
        yield from items
    except (MemoryError, RuntimeError) as error:
        # the CPU's allocator raises a RuntimeError that only its text tells from others
        signs = ("can't allocate memory", "not enough memory", "out of memory")
        full = isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError))
        if not full and not any(sign in str(error) for sign in signs):
            raise
        less = f"try --batch {batch // 2}" if batch > 1 else "only something smaller fits"
        raise ValueError(f"out of memory with --batch {batch}; {less}") from error
