"""Training: a loop that resumes bit for bit, data drawn ahead, several processes, states in files."""

from .devices import channels_last
from .loop import Progress, train, trained
from .optimizers import adamw, muon

__all__ = ["Progress", "adamw", "channels_last", "muon", "train", "trained"]
