"""Several processes that train as one, under `torchrun`; for a process alone nothing changes here.

Every process draws the whole batch, computes its part of it, and adds up gradients with the others,
so that the losses are those of one process up to rounding.
"""

import os
from contextlib import contextmanager

import torch
import torch.distributed as dist


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


def shard(batch, part, parts):
    """Part number `part` of so many equal ones of tensors (B, *) and lists of B entries."""
    return tuple(entry[part * len(entry) // parts :][: len(entry) // parts] for entry in batch)


def copy_first(model):
    """Give every process the weights of the first."""
    if size() > 1:
        for value in model.state_dict().values():
            dist.broadcast(value, 0)


@contextmanager
def first_alone():
    """The first process runs the block, then all others do: for files that the first one makes."""
    if rank():
        dist.barrier()
    yield
    if size() > 1 and not rank():
        dist.barrier()


@torch.no_grad()
def add_up(parameters, loss):
    """Replace the gradients by their sums over all processes; returns the sum of their losses.

    One message for all: for networks as small as these, sending it while `backward` still computes
    would save nothing.
    """
    if size() == 1:
        return loss
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    message = torch.cat([each.flatten() for each in [*gradients, loss]])
    dist.all_reduce(message)
    *sums, loss = message.split([each.numel() for each in [*gradients, loss]])
    for gradient, total in zip(gradients, sums):
        gradient.copy_(total.view_as(gradient))
    return loss.squeeze(0)


def any_rank(flag):
    """Whether the flag is true in any process: all of them get the same answer."""
    if size() == 1:
        return bool(flag)
    told = torch.tensor(int(bool(flag)))
    dist.all_reduce(told)
    return bool(told)
