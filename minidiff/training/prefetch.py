"""Items computed ahead of their use, by other processes where asked."""

import multiprocessing
import signal

import torch
from torch.utils.data import DataLoader, Dataset


class Items(Dataset):
    """A function of a number as the data set that a DataLoader reads."""

    def __init__(self, item):
        self.item = item

    def __getitem__(self, number):
        return self.item(number)


def prefetch(item, numbers, workers=0):
    """Yield item(k) for every k of `numbers`, in order; `workers` processes compute them ahead.

    With 0 workers each is computed when it is asked for. The items, tuples, are the same either way
    if `item` depends on k alone. ValueError where the system cannot fork, as workers need.
    """
    if workers and "fork" not in multiprocessing.get_all_start_methods():
        raise ValueError(f"workers must be 0 on this system, which cannot fork, got {workers}")
    yield from DataLoader(
        Items(item),
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        collate_fn=tuple,
        # functions made by other functions, such as a recipe's data, reach a child only by a fork
        multiprocessing_context="fork" if workers else None,
        worker_init_fn=outlive_interrupts,
        generator=torch.Generator(),  # so that the global one is left alone
    )


def outlive_interrupts(worker):
    """Ctrl-C goes to every process of a terminal; when to stop is for the first one to say."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
