"""A hole in a large picture, filled by a network that sees a patch at a time."""

from ..data.photos import FACTOR
from .inpainting import check_mask, fill


def fill_window(model, picture, mask, *, seed=0, margin=32, steps=50, **settings):
    """`fill` for a hole in a large picture (B, C, H, W): works on a window around the hole.

    margin: pixels around the hole that the network is shown. settings: those of `fill`.
    """
    mask = check_mask(mask, picture)
    plane = mask.reshape(-1, *mask.shape[-2:]).any(0)  # of all samples
    rows, columns = (span(plane.any(axis), margin) for axis in (1, 0))
    filled = picture.clone()
    window = picture[..., rows, columns]
    filled[..., rows, columns] = fill(
        model, window, mask[..., rows, columns], seed=seed, steps=steps, **settings
    )
    return filled


def span(marked, margin):
    """The slice from the first to the last marked, and a margin; a multiple of FACTOR long."""
    where = marked.nonzero()
    first, end = max(0, int(where[0]) - margin), min(len(marked), int(where[-1]) + 1 + margin)
    end = min(len(marked), end + -(end - first) % FACTOR)
    return slice(max(0, first - -(end - first) % FACTOR), end)
