"""Pictures too large for a codec at once, converted tile by tile."""

import torch
from torch import nn


class Tiled(nn.Module):
    """A codec that converts large pictures tile by tile: the same result from less memory.

    codec: an `Autoencoder`. tile, margin: in latents; a tile is converted with a margin around it
    that is thrown away, as wide as a place sees, so that no seam appears.
    """

    range = None

    def __init__(self, codec, tile=64, margin=12):
        super().__init__()
        self.codec, self.tile, self.margin = codec, tile, margin

    def encode(self, pictures):
        self.codec.check(pictures)
        return self.by_tiles(self.codec.encode, pictures, self.codec.factor, 1)

    def decode(self, x0):
        return self.by_tiles(self.codec.decode, x0, 1, self.codec.factor)

    def by_tiles(self, convert, x, before, after):
        """convert(x), x with `before` and the result with `after` pixels to a latent, each way."""
        height, width = (size // before for size in x.shape[2:])
        rows = []
        for top in range(0, height, self.tile):
            row = []
            for left in range(0, width, self.tile):
                (cut_y, tile_y), (cut_x, tile_x) = self.window(top), self.window(left)
                cut_y, cut_x = (slice(*(n * before for n in cut)) for cut in (cut_y, cut_x))
                tile_y, tile_x = (slice(*(n * after for n in tile)) for tile in (tile_y, tile_x))
                row.append(convert(x[..., cut_y, cut_x])[..., tile_y, tile_x])
            rows.append(torch.cat(row, 3))
        return torch.cat(rows, 2)

    def window(self, start):
        """For the tile that starts here: from where to where to cut, and where it lies therein."""
        first = max(start - self.margin, 0)
        return (first, start + self.tile + self.margin), (start - first, start - first + self.tile)
