"""Training: a loop that resumes bit for bit, data drawn ahead, several processes, states in files."""

from .loop import Progress, train, trained

__all__ = ["Progress", "train", "trained"]
