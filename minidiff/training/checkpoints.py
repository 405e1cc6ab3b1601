"""Files that hold weights: training state that resumes, and half-precision weights that ship.

Nothing is lost when a write fails: every file is written beside its place and then renamed.
"""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..files import atomic_write


def save_state(path, state):
    """Write the state of a training run, tensors and plain values only."""
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


def load_state(path):
    """Read what `save_state` wrote. FileNotFoundError or ValueError, naming the file."""
    if not Path(path).exists():
        raise FileNotFoundError(f"no training state at {path}; train without resuming first")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise ValueError(f"{path} is damaged or is no training state: {error}") from error


def save_weights(path, module):
    """Write a module's weights as safetensors in half precision; returns the file's sha256."""
    tensors = {name: value.detach().cpu() for name, value in module.state_dict().items()}
    halved = {n: v.half() if v.is_floating_point() else v for n, v in tensors.items()}
    with atomic_write(path) as temporary:
        save_file({name: value.contiguous() for name, value in halved.items()}, temporary)
    return sha256(path)


def load_weights(path, module, expected=None):
    """Fill a module, in place, from `save_weights`' file; returns the module.

    expected: the file's sha256. FileNotFoundError, or ValueError for a damaged or foreign file.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"no weights at {path}")
    if expected and sha256(path) != expected:
        raise ValueError(f"{path} is damaged: its sha256 is not the one in the manifest")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or is no safetensors file: {error}") from error
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path} holds the weights of another network: {error}") from error
    return module


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
