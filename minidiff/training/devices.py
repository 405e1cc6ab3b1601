"""Where computations run, and in which precision, decided in one place."""

import os
from contextlib import contextmanager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import UserError


def get_device(name=None):
    """The torch.device called `name`, else the one in MINIDIFF_DEVICE, else the CPU.

    "auto" takes CUDA, then MPS, then the CPU. UserError for an unknown or absent device.
    """
    name = name or os.environ.get("MINIDIFF_DEVICE") or "cpu"
    there = {
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    if name == "auto":
        return torch.device(next(kind for kind, count in there.items() if count))
    kind, _, number = name.partition(":")
    if kind not in there or not (number or "0").isdecimal():
        raise UserError(f"device must be auto, cpu, cuda or mps, got {name!r}")
    if int(number or 0) >= there[kind]:
        raise UserError(
            f"device {name!r} was asked for, and this machine has none; use auto or cpu"
        )
    return torch.device(name)


@contextmanager
def autocast(device, bf16):
    """bfloat16 where asked, float32 elsewhere, as a context manager for one forward pass.

    A CPU that has no instructions for bfloat16 takes twice as long in it, and stays in float32.

    The halved copies of the weights live as long as the context: one around many steps would go on
    computing with the first step's weights, so none are kept here. Attention among as few places as
    here is computed as its formula says: on a CPU PyTorch's fused one takes two to four times as long
    in bfloat16, and more of the whole step than all the rest.
    """
    bf16 = bf16 and (device.type != "cpu" or computes_bf16())
    plain = sdpa_kernel(SDPBackend.MATH) if bf16 and device.type == "cpu" else nullcontext()
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16, cache_enabled=False), plain:
        yield


def computes_bf16():
    """Whether this CPU has instructions for bfloat16; taken to be so where PyTorch cannot tell."""
    told = getattr(torch.cpu, "get_capabilities", dict)()  # PyTorch 2.10 and later
    return told.get("avx512_bf16", True)


def channels_last(model):
    """Lay out a picture network's weights so that training is a quarter faster on a CPU."""
    return model.to(memory_format=torch.channels_last)
