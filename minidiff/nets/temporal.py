"""A network of pictures becomes one of clips: its frames listen to each other."""

import torch
import torch.nn.functional as F
from torch import nn

from .layers import time_features, zero_init


class AcrossFrames(nn.Module):
    """Attention among the frames of a clip; begins as the identity. (B F, C, H, W) -> the same.

    everywhere: among all places of all frames; else each place hears only itself in the other
    frames, which costs far less where there are many. words: tokens (B, L, D) that tell of the
    motion, under a mask (B, L); they are heard too.
    """

    def __init__(self, channels, width, token_width, everywhere, heads=4):
        super().__init__()
        self.everywhere, self.heads = everywhere, heads
        self.norm = nn.GroupNorm(8, channels)
        self.position = nn.Linear(3 * 32, channels)
        self.query_key_value = nn.Linear(channels, 3 * width)
        self.words = nn.Linear(token_width, 2 * width)
        self.out = zero_init(nn.Linear(width, channels))

    def forward(self, h, words, mask):
        clips = len(words)
        x = self.norm(h).unflatten(0, (clips, -1)).permute(0, 1, 3, 4, 2)  # (B, F, H, W, C)
        x = x + self.position(places(*x.shape[1:4]).to(x))
        key_value = self.words(words)
        if self.everywhere:
            x = x.flatten(1, 3)
        else:
            x = x.permute(0, 2, 3, 1, 4).flatten(0, 2)  # (B H W, F, C)
            key_value, mask = (
                each.repeat_interleave(len(x) // clips, 0) for each in (key_value, mask)
            )
        query, key, value = map(self.split, self.query_key_value(x).chunk(3, 2))
        more_keys, more_values = map(self.split, key_value.chunk(2, 2))
        key, value = torch.cat([key, more_keys], 2), torch.cat([value, more_values], 2)
        heard = torch.cat([mask.new_ones(len(x), x.shape[1]), mask], 1)[:, None, None]
        x = F.scaled_dot_product_attention(query, key, value, attn_mask=heard)
        x = self.out(x.transpose(1, 2).flatten(2))
        frames, (height, width) = len(h) // clips, h.shape[2:]
        if self.everywhere:
            x = x.unflatten(1, (frames, height, width)).permute(0, 1, 4, 2, 3).flatten(0, 1)
        else:
            x = x.unflatten(0, (clips, height, width)).permute(0, 3, 4, 1, 2).flatten(0, 1)
        return h + x

    def split(self, h):
        """(B, L, C) -> (B, heads, L, C / heads)."""
        return h.unflatten(2, (self.heads, -1)).transpose(1, 2)


def places(frames, height, width):
    """What tells one place of a clip from another: (F, H, W, 96), each axis in 32 numbers."""
    frame = time_features(torch.arange(frames) / 16, 32)[:, None, None]
    y, x = (time_features((torch.arange(n) + 0.5) / n, 32) for n in (height, width))
    parts = (frame, y[None, :, None], x[None, None])
    return torch.cat([part.expand(frames, height, width, 32) for part in parts], 3)


class ClipUNet(nn.Module):
    """A U-Net of pictures made one of clips (B, channels, F, H, W) (Blattmann et al. 2023, section 3.1).

    base: a `UNet`, or one with a small change; it paints every frame as it paints a picture, with the
    tokens of what is to be seen. After each of its stages the frames listen to each other and to the
    tokens of how it moves. motion_width: D of these. width: of the attention.
    """

    def __init__(self, base, motion_width=64, width=128):
        super().__init__()
        self.base, self.motion_width, self.width = base, motion_width, width
        net = getattr(base, "base", base)
        sizes = [net.width * multiple for multiple in net.widths]
        levels = [level for level in range(len(sizes)) for _ in range(net.depth)]
        levels = [*levels, len(sizes) - 1, *reversed(levels)]
        self.across = nn.ModuleList(
            AcrossFrames(
                sizes[level],
                min(width, sizes[level]),
                motion_width,
                everywhere=level >= len(sizes) - net.attention_levels,
            )
            for level in levels
        )

    @property
    def factor(self):
        return self.base.factor

    def forward(self, x, t, tokens, mask, words, words_mask):
        frames = x.shape[2]
        t, tokens, mask = (each.repeat_interleave(frames, 0) for each in (t, tokens, mask))
        x = x.transpose(1, 2).flatten(0, 1)

        def after(h, stage):
            return self.across[stage](h, words, words_mask)

        return self.base(x, t, tokens, mask, after).unflatten(0, (-1, frames)).transpose(1, 2)
