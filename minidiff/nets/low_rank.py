"""A small change of a network that stays as it is otherwise."""

import torch
from torch import nn
from torch.func import functional_call

from ..checks import check_count


class LowRank(nn.Module):
    """A fixed network with a small learned change of its weights (LoRA; Hu et al. 2022, eq. 3).

    base: a network; its weights are fixed from here on, and may be shared. rank: of the change `up @
    down` of each weight with two or more axes; norms and biases change in every number. It begins
    as `base`, since `up` is 0.
    """

    def __init__(self, base, rank=8):
        super().__init__()
        self.base, self.rank = base.requires_grad_(False), check_count("rank", rank, 1)
        self.down, self.up, self.shift = (nn.ParameterDict() for _ in range(3))
        for name, weight in base.named_parameters():
            if weight.ndim == 1:
                self.shift[key(name)] = torch.zeros_like(weight)
            else:
                rows, columns = weight.flatten(1).shape
                self.down[key(name)] = torch.randn(rank, columns) / columns**0.5
                self.up[key(name)] = torch.zeros(rows, rank)
        self.made_of, self.made = None, {}

    @property
    def factor(self):
        return self.base.factor

    def weights(self):
        """The changed weights, by the names that they have in `base`."""
        shift = dict(self.shift.items())
        changes = shift | {name: self.up[name] @ self.down[name] for name in self.up}
        return {
            name: weight + changes[key(name)].view_as(weight)
            for name, weight in self.base.named_parameters()
        }

    def forward(self, x, t, *cond):
        weights = self.weights() if torch.is_grad_enabled() else self.kept_weights()
        return functional_call(self.base, weights, (x, t, *cond))

    def kept_weights(self):
        """`weights`, worked out anew only after one of them has changed: a third of a small call."""
        now = [(each.data_ptr(), each._version) for each in self.parameters()]
        if now != self.made_of:
            self.made_of, self.made = now, self.weights()
        return self.made


def key(name):
    """A parameter's name as a ParameterDict takes it, without dots."""
    return name.replace(".", "/")
