"""Pictures too large for a network at once, converted tile by tile."""

import torch
from torch import nn


class Tiled(nn.Module):
    """A codec that converts large pictures tile by tile: the same result from less memory.

    codec: an `Autoencoder`. tile, margin: in latents, as in `by_tiles`.
    """

    range = None

    def __init__(self, codec, tile=64, margin=12):
        super().__init__()
        self.codec, self.tile, self.margin = codec, tile, margin

    def encode(self, pictures):
        self.codec.check(pictures)
        sizes = self.codec.factor, 1, self.tile, self.margin
        return by_tiles(self.codec.encode, pictures, *sizes)

    def decode(self, x0):
        return by_tiles(self.codec.decode, x0, 1, self.codec.factor, self.tile, self.margin)


def by_tiles(convert, x, before, after, tile, margin):
    """convert(x), where x (B, *, H, W) has `before` and the result `after` pixels to a place, each way.

    tile, margin: in places; a tile is converted with a margin around it that is thrown away. If it is
    as wide as a place sees, no seam appears.
    """
    height, width = (size // before for size in x.shape[-2:])
    rows = []
    for top in range(0, height, tile):
        row = []
        for left in range(0, width, tile):
            windows = [window(start, tile, margin) for start in (top, left)]
            cut_y, cut_x = (slice(*(n * before for n in cut)) for cut, _ in windows)
            tile_y, tile_x = (slice(*(n * after for n in kept)) for _, kept in windows)
            row.append(convert(x[..., cut_y, cut_x])[..., tile_y, tile_x])
        rows.append(torch.cat(row, -1))
    return torch.cat(rows, -2)


def window(start, tile, margin):
    """For the tile that starts here: from where to where to cut, and where it lies therein."""
    first = max(start - margin, 0)
    return (first, start + tile + margin), (start - first, start - first + tile)
