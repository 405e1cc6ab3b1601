"""How many threads compute: as many as there are cores, unless others use them, too.

Threads that share a computation meet after every step of it, and wait for each other spinning. That
is quickest on a free machine; on a busy one the core on which one spins is the one that the other
waits for, and all collapses. (Sleeping threads, OMP_WAIT_POLICY=PASSIVE, do not, but are half as
quick on a free machine.) So threads are given up where this process is made to wait for its cores.
"""

import os
import time

import torch

try:
    import resource
except ImportError:  # Windows, where threads stay as many as they are
    resource = None

# times a second that the system takes a core from this process on a busy machine, and on a free one
OFTEN, SELDOM = 20, 2
SOON, LATER = 0.25, 10.0  # seconds until threads are given up, and of calm until taken again


class Considerate:
    """Called now and then by what computes for long: sets PyTorch's threads to what suits.

    It starts with as many as cores are idle. OMP_NUM_THREADS, and whoever sets the number while it
    runs, are left alone.
    """

    def __init__(self):
        self.most = self.now = torch.get_num_threads()
        self.since = self.calm = time.monotonic()
        self.count = preempted()
        if self.may() and hasattr(os, "getloadavg"):
            self.set(idle(self.most, os.getloadavg()[0]))

    def may(self):
        own = self.now == torch.get_num_threads()
        return own and resource and "OMP_NUM_THREADS" not in os.environ

    def set(self, number):
        self.now = number
        torch.set_num_threads(number)

    def __call__(self):
        now = time.monotonic()
        if now - self.since < SOON or not self.may():
            return
        rate = (preempted() - self.count) / (now - self.since)
        self.since, self.count = now, preempted()
        if rate > SELDOM:
            self.calm = now
        if rate > OFTEN and self.now > 1:
            self.set(self.now // 2)
        elif now - self.calm > LATER and self.now < self.most:
            self.set(min(2 * self.now, self.most))
            self.calm = now


def preempted():
    """How often this process was made to wait while it had something to compute."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw if resource else 0


def idle(threads, load):
    """How many of so many threads find an idle core where `load` processes run already; at least 1."""
    return max(1, threads - round(load))


considerate = Considerate()
