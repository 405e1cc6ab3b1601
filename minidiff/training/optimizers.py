"""Optimizers of what a model may learn: `optimizer(model, lr)`, one or a tuple of them."""

import torch


def adamw(model, lr, weight_decay=1e-2, betas=(0.9, 0.999)):
    """The usual optimizer of all weights that are not fixed."""
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(learned, lr, betas, weight_decay=weight_decay)


def muon(model, lr, within="blocks", weight_decay=1e-2):
    """Muon for the matrices of the parts called `within`, AdamW for all else: two optimizers.

    Muon makes each step of a matrix equally long in all its directions (Jordan et al. 2024); scaled
    to the length of AdamW's steps (Liu et al. 2025, section 2.2) it takes the same lr.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = {name for name, p in named if p.ndim == 2 and within in name.split(".")}
    settings = dict(lr=lr, weight_decay=weight_decay)
    return (
        torch.optim.Muon(
            [p for name, p in named if name in matrices],
            adjust_lr_fn="match_rms_adamw",
            **settings,
        ),
        torch.optim.AdamW([p for name, p in named if name not in matrices], **settings),
    )
