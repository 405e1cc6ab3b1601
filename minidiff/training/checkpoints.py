"""Files that hold weights: training state that resumes, and half-precision weights that ship.

Both are safetensors, a format that can carry neither code nor anything larger than the file.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from ..errors import UserError, shown
from ..files import atomic_write


def save_state(path, state):
    """Write the state of a run: tensors, numbers and texts in dicts and lists; its sha256 first."""
    tensors = {}
    plain = json.dumps(flatten(state, tensors))
    body = save(tensors, {"state": plain})
    with atomic_write(path) as temporary:
        temporary.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def load_state(path):
    """Read what `save_state` wrote. FileNotFoundError or UserError, naming the file."""
    if not Path(path).exists():
        raise FileNotFoundError(f"no training state at {shown(path)}; train without resuming first")
    damaged = UserError(f"{shown(path)} is damaged or is no training state")
    with open(path, "rb") as file:
        digest = file.readline(65)
        if len(digest) != 65 or hashlib.file_digest(file, "sha256").hexdigest() + "\n" != str(
            digest, "latin1"
        ):
            raise damaged
    try:
        with open(path, "rb") as file:
            body = file.read()[65:]
        size = int.from_bytes(body[:8], "little")
        plain = json.loads(json.loads(body[8 : 8 + size])["__metadata__"]["state"])
        return unflatten(plain, load(body))
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise damaged from error


def flatten(value, tensors):
    """The value as JSON can hold it, its tensors moved into `tensors` under numbers as names."""
    if torch.is_tensor(value):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, flatten(entry, tensors)] for key, entry in value.items()]}
    if isinstance(value, (list, tuple)):
        return [flatten(entry, tensors) for entry in value]
    return value


def unflatten(value, tensors):
    """What `flatten` was given; tuples come back as lists."""
    if isinstance(value, list):
        return [unflatten(entry, tensors) for entry in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    return {key: unflatten(entry, tensors) for key, entry in value["dict"]}


def save_weights(path, tensors, **metadata):
    """Write named tensors as safetensors in half precision, with texts; returns the file's sha256.

    UserError for values that are no numbers, or too large for half precision.
    """
    halved = {}
    for name, value in tensors.items():
        value = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        halved[name] = value.half() if value.is_floating_point() else value
        if not halved[name].isfinite().all():
            raise UserError(f"weights of {name} are no numbers, or too large for half precision")
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(halved, metadata))
    return sha256(path)


def load_weights(path, module, expected):
    """Fill a module, in place, from `save_weights`' file; returns the module.

    expected: the file's sha256. FileNotFoundError, or UserError for a damaged or foreign file, which
    leaves the module as it was.
    """
    tensors, _ = read_weights(path, expected)
    fill(module, tensors, shown(path))
    return module


def read_weights(path, expected):
    """The named tensors of `save_weights`' file and the texts beside them; see `load_weights`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {shown(path)}")
    if sha256(path) != expected:
        raise UserError(f"{shown(path)} is damaged: its sha256 is not the one in the manifest")
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except (SafetensorError, ValueError) as error:
        raise UserError(f"{shown(path)} is no safetensors file") from error


def fill(module, tensors, source):
    """Copy named tensors into a module's state; UserError, before anything is copied, if they differ.

    source: where they are from, for the sentence.
    """
    own = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    if own != {name: tuple(value.shape) for name, value in tensors.items()}:
        raise UserError(f"{source} holds the weights of another network")
    if not all(value.isfinite().all() for value in tensors.values()):
        raise UserError(f"{source} holds weights that are no numbers")
    module.load_state_dict(tensors)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
