"""Where computations run, decided in one place."""

import os
from contextlib import nullcontext

import torch


def get_device(name=None):
    """The torch.device called `name`, else the one in MINIDIFF_DEVICE, else the CPU.

    "auto" takes CUDA, then MPS, then the CPU. ValueError for an unknown or absent device.
    """
    name = name or os.environ.get("MINIDIFF_DEVICE") or "cpu"
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    kind = name.partition(":")[0]
    if kind not in there:
        raise ValueError(f"device must be auto, cpu, cuda or mps, got {name!r}")
    if not there[kind]:
        raise ValueError(
            f"device {name!r} was asked for, and this machine has none; use auto or cpu"
        )
    return torch.device(name)


def autocast(device):
    """bfloat16 where it pays (CUDA), float32 elsewhere, as a context manager."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()
