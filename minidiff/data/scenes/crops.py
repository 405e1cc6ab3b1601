"""Pieces of scenes at 128 pixels, each with its small picture: what an enlarger learns from."""

import numpy as np
import torch
import torch.nn.functional as F

from . import THINGS, caption_of, invent, paint, stacked

LARGE, CROP, EACH = 128, 64, 4  # pixels of a scene and of a piece; pieces of a scene


def large_example(seed, things=tuple(THINGS)):
    """The picture (128, 128, 3) uint8 and the caption that a number stands for, as `example`'s."""
    rng = np.random.default_rng(int(seed))
    scene = invent(rng, False, things)
    return paint(scene, rng, scale=2), caption_of(scene, rng, mention=1)


def shrunk(pictures):
    """Pictures (B, C, 2 H, 2 W) at half their size, each pixel the mean of four: (B, C, H, W)."""
    return F.avg_pool2d(pictures, 2)


def crop_data(dropped=0.1, things=tuple(THINGS)):
    """The training stream: `data(n, generator)` -> pieces (n, 3, 64, 64), small (n, 3, 32, 32), captions.

    EACH pieces of every scene, in 0..1; pairs held out never occur; a share `dropped` of the captions
    is replaced by "".
    """

    def data(n, generator):
        seeds = torch.randint(2**62, (-(-n // EACH),), generator=generator).tolist()
        pictures, captions = zip(*(large_example(seed, things) for seed in seeds))
        whole = stacked(pictures).repeat_interleave(EACH, 0)[:n]
        told = [caption for caption in captions for _ in range(EACH)][:n]
        corners = 2 * torch.randint((LARGE - CROP) // 2 + 1, (n, 2), generator=generator)
        pieces = torch.stack(
            [each[:, y : y + CROP, x : x + CROP] for each, (y, x) in zip(whole, corners.tolist())]
        )
        kept = (torch.rand(n, generator=generator) >= dropped).tolist()
        return pieces, shrunk(pieces), [caption * keep for caption, keep in zip(told, kept)]

    return data
