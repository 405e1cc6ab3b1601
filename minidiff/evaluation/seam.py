"""How visible the edge of a filled hole is."""

import torch


def seam(picture, mask):
    """How visible the edge of a hole is: mean gradient across its border over that inside it.

    picture (B, C, H, W), mask (H, W). 1 for a picture without a seam, more where the filling does
    not meet its surroundings; textures differ, so compare with the untouched photograph's.
    """
    across, inside = [], []
    for axis in (2, 3):
        steps = picture.diff(dim=axis).abs().mean((0, 1))
        n = mask.shape[axis - 2] - 1
        one, other = mask.narrow(axis - 2, 0, n), mask.narrow(axis - 2, 1, n)
        across.append(steps[one != other])
        inside.append(steps[one & other])
    return (torch.cat(across).mean() / torch.cat(inside).mean()).item()
