"""The average of the weights over the last steps of training, which paints better than the last."""

from copy import deepcopy

import torch


class Average:
    """An exponential moving average (EMA) of a model's weights, itself a model, in `model`.

    decay: what is kept of it per step, less in the first steps, so that their bad weights are soon
    forgotten (as in TensorFlow's EMA). Fixed weights are not averaged but shared; buffers are copied.
    """

    def __init__(self, model, decay):
        fixed = {id(p): p for p in model.parameters() if not p.requires_grad}
        self.model, self.decay = deepcopy(model, fixed), decay
        self.learned = {n: p for n, p in self.model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model, step):
        """Move towards the weights of `model` after step `step`, the first being 0."""
        kept = min(self.decay, (1 + step) / (10 + step)) if step else 0
        now = dict(model.named_parameters())
        torch._foreach_lerp_(
            list(self.learned.values()), [now[name] for name in self.learned], 1 - kept
        )
        for mine, buffer in zip(self.model.buffers(), model.buffers()):
            mine.copy_(buffer)
