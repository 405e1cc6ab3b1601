"""Training: a loop that resumes bit for bit, data drawn ahead, several processes, states in files."""

from .devices import channels_last
from .loop import Progress, adamw, train, trained

__all__ = ["Progress", "adamw", "channels_last", "train", "trained"]
