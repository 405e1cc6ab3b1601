"""Scores of a model of moving scenes: what its frames show, and how the thing in them moves.

No mask of the thing is needed: its motion is read from how brightness changes where it changes.
"""

import torch
import torch.nn.functional as F

from ..data import moving_scenes as ms
from ..sampling import generator_at, samples
from .judges import scenes as scene_judge
from .report import rows_of

STILL = 0.01  # of brightness from frame to frame: real clips through the codec have 0.0015
CHANGED = 0.04  # from one frame to the next, in 0..1, after blurring


def blurred(clips, reach=4, sigma=1.5):
    """Every frame (N, 3, F, H, W) after a Gaussian blur."""
    at = torch.arange(-reach, reach + 1)
    row = torch.exp(-(at**2) / (2 * sigma**2))
    row = (row / row.sum()).view(1, 1, -1)
    flat = clips.flatten(0, 2)[:, None]
    for kernel, pad in (
        (row[:, :, None], (reach, reach, 0, 0)),
        (row[..., None], (0, 0, reach, reach)),
    ):
        flat = F.conv2d(F.pad(flat, pad, mode="replicate"), kernel)
    return flat.view_as(clips)


def motion(clips):
    """How the thing moves from frame to frame: right (N,), down (N,), outwards (N,), in pixels.

    clips: (N, 3, F, H, W) in 0..1. Least squares over all places that change (Lucas & Kanade 1981):
    the change in time is to be undone by one shift and one zoom about the middle of the change.
    "Outwards" is what the zoom does at the typical distance from there. Also the share (N,) of the whole change
    that falls between two frames, 1 / (F - 1) for a thing that moves evenly.
    """
    soft = blurred(clips)
    before, after = soft[:, :, :-1], soft[:, :, 1:]
    change, mean = after - before, (after + before) / 2
    across = (mean.roll(-1, 4) - mean.roll(1, 4)) / 2
    down = (mean.roll(-1, 3) - mean.roll(1, 3)) / 2
    weight = (change.abs().amax(1, keepdim=True) > CHANGED).float()
    weight[..., [0, -1]] = weight[..., [0, -1], :] = 0
    y, x = (torch.arange(n).float() for n in clips.shape[3:])
    y, x = y[:, None], x[None]
    total = weight.sum((1, 2, 3, 4), keepdim=True).clamp(min=1)
    far_x = x - (weight * x).sum((1, 2, 3, 4), keepdim=True) / total
    far_y = y - (weight * y).sum((1, 2, 3, 4), keepdim=True) / total
    typical = ((weight * (far_x**2 + far_y**2)).sum((1, 2, 3, 4)) / total.flatten()).sqrt()
    columns = torch.stack([across, down, across * far_x + down * far_y], -1)  # (N, 3, F-1, H, W, 3)
    rows = (weight[..., None] * columns).flatten(1, 4)
    columns = columns.flatten(1, 4)
    matrix = rows.transpose(1, 2) @ columns + 1e-4 * torch.eye(3)
    found = -torch.linalg.solve(matrix, rows.transpose(1, 2) @ change.flatten(1)[..., None])[..., 0]
    each = change.abs().amax(1).gt(CHANGED).float().sum((2, 3))
    share = each.amax(1) / each.sum(1).clamp(min=1)
    return found[:, 0], found[:, 1], found[:, 2] * typical, share


def ways(clips):
    """The way of moving_scenes.WAYS that each of the clips (N, 3, F, H, W) shows."""
    right, down, outwards, share = motion(clips)
    words = []
    for x, y, out, most in zip(*(v.tolist() for v in (right, down, outwards, share))):
        if most > 0.5:
            words.append("turning")
        elif abs(out) > 0.4 * max(abs(x), abs(y)):
            words.append("growing" if out > 0 else "shrinking")
        elif abs(x) > abs(y):
            words.append("right" if x > 0 else "left")
        else:
            words.append("down" if y > 0 else "up")
    return words


def flicker(clips):
    """The change from frame to frame where nothing moves, (N,): the median over pixels, in 0..1."""
    return clips.diff(dim=2).abs().mean((1, 2)).flatten(1).median(1).values


def adherence(clips, asked):
    """Whether each of the n clips shows what its MovingScene says: a dict of booleans (n,).

    Each fact of the picture is to be right in all frames.
    """
    frames = clips.shape[2]
    pictures = clips.transpose(1, 2).flatten(0, 1)
    scenes = [moving.scene for moving in asked for _ in range(frames)]
    facts = scene_judge.adherence(scene_judge.judged(pictures), scenes)
    facts.pop("count")
    right = {name: value.view(-1, frames).all(1) for name, value in facts.items()}
    right["motion"] = torch.tensor([way == m.way for way, m in zip(ways(clips), asked)])
    return right


def shares(clips, asked):
    """The shares of `adherence`, and of clips whose background keeps still as through the codec."""
    found = {name: right.float().mean().item() for name, right in adherence(clips, asked).items()}
    return found | {"still background": (flicker(clips) < STILL).float().mean().item()}


def evaluate_moving_scenes(model, n=256, seeds=3, steps=None):
    """Rows for a model of moving scenes, on n prompts with every detail: seen pairs, held-out ones."""
    rows = []
    for unseen, name in [(False, "seen, "), (True, "held out, ")]:
        scores = []
        for seed in range(seeds):
            prompts, asked = ms.prompts_for(n, generator_at(seed, 1), unseen)
            ts = model.grid(steps or model.steps)
            scores.append(shares(samples(model, prompts, seed * n, ts=ts, chunk=8), asked))
        rows += rows_of(scores, shares(*real(n, unseen)), name)
    return rows


def real(n, unseen):
    """n real clips and what is true of them."""
    told = [ms.example(number, unseen) for number in range(n)]
    return ms.stacked([clip for _, clip, _ in told]), [moving for moving, *_ in told]
