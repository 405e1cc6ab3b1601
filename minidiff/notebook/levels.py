"""A drawing of a U-Net as it runs: its layers from left to right, the deeper the coarser."""

import torch
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from .diagrams import COLOURS
from .figures import QUIET, blank, described, title_width

KINDS = {"ResBlock": "denoiser", "Attention": "text", "Conv2d": "codec"}
WIDTH, HEIGHT, ACROSS, DOWN = 88, 54, 24, 66  # of a box, and between two of them, in pixels


def levels(net, *inputs, skips=(), title=None, alt=None):
    """Runs the network once and draws each of its layers that gives pictures (B, C, H, W), with C x H x W.

    A layer stands one row lower for each halving of H. skips: pairs of layers' names, drawn as dashed
    arrows. A normalisation, which changes no size, is left out.
    """
    seen = called(net, *inputs)
    rows = sorted({size[1] for size in seen.values()}, reverse=True)
    top = 70 if title else 36
    step, high = WIDTH + ACROSS, HEIGHT + DOWN
    width = 16 + step * len(seen) - ACROSS
    fig, ax = blank(max(width, title_width(title)), top + high * len(rows) - DOWN + 12, title)
    at = {
        name: (8 + WIDTH / 2 + j * step, top + HEIGHT / 2 + rows.index(size[1]) * high)
        for j, (name, size) in enumerate(seen.items())
    }
    for name, size in seen.items():
        box(ax, *at[name], name, size, KINDS.get(type(getattr(net, name)).__name__, "time"))
    for start, end in zip(seen, list(seen)[1:]):
        (x, y), (to_x, to_y) = at[start], at[end]
        arrow(ax, (x + WIDTH / 2, y), (to_x - WIDTH / 2, to_y))
    for start, end in skips:
        (x, y), (to_x, to_y) = at[start], at[end]
        ax.plot([x, x, to_x], [y - HEIGHT / 2, y - HEIGHT / 2 - 16, to_y - HEIGHT / 2 - 16],
                color=QUIET, lw=1.5, ls=(0, (4, 3)))  # fmt: skip
        arrow(ax, (to_x, to_y - HEIGHT / 2 - 16), (to_x, to_y - HEIGHT / 2))
        ax.text((x + to_x) / 2, y - HEIGHT / 2 - 22, "skip", ha="center", color=QUIET, fontsize=9)
    return described(fig, alt, title)


def called(net, *inputs):
    """{name: (C, H, W)} of the network's own layers, in the order in which they run."""
    seen = {}

    def watch(name):
        def hook(layer, arguments, out):
            if torch.is_tensor(out) and out.ndim == 4 and type(layer).__name__ != "GroupNorm":
                seen[name] = tuple(out.shape[1:])

        return hook

    hooks = [layer.register_forward_hook(watch(name)) for name, layer in net.named_children()]
    try:
        with torch.no_grad():
            net(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def box(ax, x, y, name, size, kind):
    """One layer about (x, y): its name and what it gives."""
    line, fill = COLOURS[kind]
    corner = x - WIDTH / 2, y - HEIGHT / 2
    style = dict(boxstyle="round,pad=0,rounding_size=7", fc=fill, ec=line, lw=1.4)
    ax.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, **style))
    ax.text(x, y - 9, name, ha="center", va="center", fontsize=10, fontweight="bold")
    text = " x ".join(map(str, size))
    ax.text(x, y + 12, text, ha="center", va="center", fontsize=9, color=QUIET)


def arrow(ax, start, end):
    style = dict(arrowstyle="-|>,head_length=5,head_width=2.6", color=QUIET, lw=1.3)
    ax.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=1, mutation_scale=1, **style))
