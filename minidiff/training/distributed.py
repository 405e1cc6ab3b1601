"""Several processes that train as one, under `torchrun`; for a process alone nothing changes here.

Every process draws the randomness of the whole batch and takes its part of it, so that the losses
are those of one process up to rounding.
"""

import os
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


@contextmanager
def process_group(device):
    """Join the processes that `torchrun` started, if it did; yields the device of this one."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def size():
    """How many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank():
    """The number of this process; 0 is the one that writes."""
    return dist.get_rank() if size() > 1 else 0


def shard(batch):
    """This process's part of a batch (B, *) or of a list of B, with B a multiple of `size()`."""
    n = len(batch) // size()
    return batch[rank() * n : (rank() + 1) * n]


class ShardLoss(nn.Module):
    """The loss of this process's part, as the `forward` that DistributedDataParallel wraps."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pictures, prompts, generator):
        drawn = self.model.draw_noise(pictures, generator)
        return self.model.loss_at(*map(shard, (pictures, prompts, *drawn)))


def objective(model):
    """`model.loss`, or the like of it whose gradients are averages over all processes.

    ValueError for a model that has a loss but not the two halves of it, `draw_noise` and `loss_at`.
    """
    if size() == 1:
        return model.loss
    if not hasattr(model, "draw_noise"):
        raise ValueError(
            f"{type(model).__name__} trains in one process only; it has no `draw_noise`"
        )
    return DistributedDataParallel(ShardLoss(model))


def average(number):
    """The mean over all processes of a number that each has."""
    return total(number) / size()


def any_rank(flag):
    """Whether the flag is true in any process: all of them get the same answer."""
    return bool(total(bool(flag)))


def total(number):
    """The sum over all processes of a number that each has."""
    if size() == 1:
        return number
    summed = torch.tensor(number, dtype=torch.float64)
    dist.all_reduce(summed)
    return summed.item()
