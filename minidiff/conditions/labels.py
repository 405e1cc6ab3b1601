"""No condition, and class labels."""

import torch
from torch import nn

from ..errors import UserError


class Unconditional(nn.Module):
    """The encoder of a model that takes no prompt: an empty condition."""

    null = None

    def forward(self, prompts):
        return ()


class LabelEncoder(nn.Module):
    """A class label as a text of one token; None stands for "no label".

    forward: B labels from 0 to classes - 1 or None -> tokens (B, 1, width), mask (B, 1). UserError
    for another label.
    """

    null = None

    def __init__(self, classes, width):
        super().__init__()
        self.classes, self.width = classes, width
        self.embedding = nn.Embedding(classes + 1, width)

    def forward(self, labels):
        index = torch.tensor([self.number(label) for label in labels])
        tokens = self.embedding(index.to(self.embedding.weight.device))[:, None]
        return tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)

    def number(self, label):
        """The row of the embedding for a label; the last one for None."""
        if label is None:
            return self.classes
        label = label.item() if hasattr(label, "item") else label  # NumPy's and PyTorch's numbers
        if str(label) not in map(str, range(self.classes)):
            raise UserError(f"label must be a number from 0 to {self.classes - 1}, got {label!r}")
        return int(label)
