"""Pictures, clouds of points and curves as the panels of one figure."""

import numpy as np
from matplotlib import rcParams
from matplotlib.figure import Figure

from . import figures

WIDTH, HEIGHT = 220, 250  # screen pixels of a panel with what stands above and below it


def gallery(panels, above, below, *, columns=4, title=None, alt=None):
    """A figure of panels, a text above each and one below it.

    A panel is a batch of pictures (N, 1 or 3, H, W) in 0..1, drawn two in a row; points (N, 2), or
    two clouds of them, the first one faint; or curves {"name": (x, y)}, the last one the strongest.
    ValueError unless there are as many texts as panels.
    """
    if not len(panels) == len(above) == len(below):
        raise ValueError(
            f"above and below must hold {len(panels)} texts, got {len(above)} and {len(below)}."
        )
    dpi, rows = rcParams["figure.dpi"], -(-len(panels) // columns)
    size = WIDTH * columns / dpi, (HEIGHT * rows + (34 if title else 0)) / dpi
    fig = Figure(figsize=size)
    axes = fig.subplots(rows, columns, squeeze=False).flatten()
    for ax, panel in zip(axes, panels):
        draw(ax, panel)
    for ax, over, under in zip(axes, above, below):
        look = dict(fontsize=9, color=figures.QUIET)
        ax.set_title(figures.wrap(over, WIDTH - 30, 10), fontsize=10, pad=4)
        ax.set_xlabel(figures.wrap(under, WIDTH - 24, 9), loc="left", **look)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    figures.head(fig, title)
    return figures.described(fig, alt, title)


def draw(ax, panel):
    ax.set(xticks=[], yticks=[])
    if isinstance(panel, dict):
        looks = [dict(color=figures.NOISE)] * (len(panel) - 1) + [dict(color=figures.DATA)]
        for (name, (x, y)), look in zip(panel.items(), looks):
            ax.plot(figures.array(x), figures.array(y), label=name, **look)
        ax.set_box_aspect(1)
        ax.margins(y=0.5)  # room for the names
        ax.legend(loc="upper right", fontsize=8)
    elif isinstance(panel, tuple) or panel.ndim == 2:
        clouds = figures.clouds(*panel) if isinstance(panel, tuple) else figures.clouds(panel)
        looks = [figures.BACKDROP] * (len(clouds) - 1) + [figures.DATA]
        for cloud, colour in zip(clouds, looks):
            ax.scatter(*cloud.T, s=4, color=colour, lw=0)
        limit = 1.1 * np.quantile(np.abs(clouds[-1]), 0.95)  # some strays may lie outside
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    else:
        gap = max(1, panel.shape[-1] // 28)
        tiles = [
            np.pad(tile, ((gap,), (gap,), (0,)), constant_values=1) for tile in figures.tiles(panel)
        ]
        pairs = [np.concatenate(tiles[i : i + 2], 1) for i in range(0, len(tiles), 2)]
        ax.imshow(np.concatenate(pairs))
        ax.spines[:].set_visible(False)
