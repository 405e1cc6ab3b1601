"""Items computed ahead of their use, by other processes where asked."""

import signal
import sys

import torch
from torch.utils.data import DataLoader, Dataset

from ..errors import UserError


class Items(Dataset):
    """A function of a number as the data set that a DataLoader reads."""

    def __init__(self, item):
        self.item = item

    def __getitem__(self, number):
        return self.item(number)


def prefetch(item, numbers, workers=0, pin=False):
    """Yield item(k) for every k of `numbers`, in order; `workers` processes compute them ahead.

    With 0 workers each is computed when it is asked for. The items, tuples, are the same either way
    if `item` depends on k alone. pin: in memory from where a GPU copies while it computes. UserError
    where the system cannot fork safely, as workers need.
    """
    if workers and sys.platform in ("darwin", "win32"):
        raise UserError(f"workers must be 0 on this system, which cannot fork, got {workers}")
    yield from DataLoader(
        Items(item),
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        collate_fn=tuple,
        pin_memory=pin,
        # functions made by other functions, such as a recipe's data, reach a child only by a fork
        multiprocessing_context="fork" if workers else None,
        worker_init_fn=outlive_interrupts,
        generator=torch.Generator(),  # so that the global one is left alone
    )


def outlive_interrupts(worker):
    """Signals go to every process of a terminal or a job; when to stop is for the first one to say."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
