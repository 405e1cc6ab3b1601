"""Pictures in one line each: grids of images, points, paths, arrows, curves and animations.

Every helper returns a matplotlib Figure that pyplot does not know of, so that a notebook cell that
ends with the call shows it exactly once. A title states what the figure shows to be so; `alt` says
in a sentence or two what is to be seen, for those who do not see it. Importing this module is what
loads matplotlib and applies the course's style.
"""

import numpy as np
import torch
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from . import figures
from .figures import BACKDROP, DATA, NOISE, NOISE_TO_DATA, array, described, png, use

__all__ = [
    "animate",
    "animate_images",
    "animate_points",
    "curve",
    "described",
    "field",
    "images",
    "png",
    "points",
    "trajectory",
    "use",
]

use()


def images(batch, labels=None, *, columns=8, title=None, scale=None, alt=None):
    """A grid of images, each image pixel a whole number of screen pixels.

    batch (N, 1 or 3, H, W) or (N, H, W) in 0..1, values outside are clipped; or a list of such
    batches, one a row. labels: a text for each image or, with rows, for each row. These and the title
    may be anybody's prompts, so they are never formulas.
    scale: screen pixels for an image pixel; by default the grid gets about 700 wide.
    """
    as_rows = isinstance(batch, (list, tuple)) and array(batch[0]).ndim >= 3
    rows = (
        [figures.tiles(row) for row in batch] if as_rows else _rows(figures.tiles(batch), columns)
    )
    count, per_row = len(rows) if as_rows else sum(map(len, rows)), max(map(len, rows))
    if labels is not None and len(labels) != count:
        raise ValueError(f"labels must hold {count} texts, got {len(labels)}.")
    height, width = rows[0][0].shape[:2]
    scale = scale or max(1, round(min(700 / (per_row * width), 112 / width)))
    height, width, gap = height * scale, width * scale, 6
    room, told = 160 if as_rows else width, title
    title = title and figures.plain(title)
    texts = [figures.wrap(figures.plain(label), room, 9) for label in labels or []]
    above = 4 + 16 * max(text.count("\n") + 1 for text in texts) if texts and not as_rows else 0
    left = 8 + (8 + max(figures.text_width(text, 9) for text in texts) if texts and as_rows else 0)
    top = 40 if title else 8
    fig, ax = figures.blank(
        max(left + per_row * (width + gap) + 2, figures.title_width(title)),
        top + len(rows) * (height + above + gap) + 2,
        title,
    )
    quiet = {"fontsize": 9, "color": figures.QUIET}
    for i, row in enumerate(rows):
        y = top + i * (height + above + gap) + above
        for j, tile in enumerate(row):
            x = left + j * (width + gap)
            # Pixel for pixel: an axis would resample, and blur some pixels or double them.
            big = (255 * tile).astype("uint8").repeat(scale, 0).repeat(scale, 1)
            fig.figimage(big, x, fig.bbox.height - y - height, origin="upper")
            if texts and not as_rows:
                ax.text(x, y - 3, texts[i * per_row + j], va="bottom", **quiet)
        if texts and as_rows:
            ax.text(left - 8, y + height / 2, texts[i], ha="right", va="center", **quiet)
    return described(fig, alt, told)


def points(*clouds, labels=None, title=None, overlay=False, limit=None, size=None, alt=None):
    """Point clouds (N, 2) side by side on equal axes, or with `overlay` in one.

    labels: a name for each cloud. limit: the axes run from -limit to limit.
    """
    clouds = figures.clouds(*clouds)
    limit = limit or figures.limit_of(clouds)
    if not overlay:
        fig, axes = figures.panels(len(clouds), limit, title, labels)
        for ax, cloud in zip(axes, clouds):
            ax.scatter(*cloud.T, s=size or figures.dot(len(cloud)), alpha=0.6, color=DATA, lw=0)
        return described(fig, alt, title)
    fig, (ax,) = figures.panels(1, limit, title)
    for i, cloud in enumerate(clouds):
        name = labels[i] if labels else None
        ax.scatter(*cloud.T, s=size or 6, alpha=0.6, color=f"C{i}", lw=0, label=name)
    if labels:
        fig.set_figheight(fig.get_figheight() + 0.24)
        figures.legend(ax, markerscale=2.5, handletextpad=0.1)
    return described(fig, alt, title)


def trajectory(steps, *, data=None, title=None, limit=None, paths=200, alt=None):
    """The paths of points from noise (grey) to data (blue).

    steps (n + 1, N, 2), noise first, or an iterable of (N, 2); at most `paths` points are drawn.
    data (M, 2): drawn faintly underneath.
    """
    steps = np.stack(figures.clouds(*steps))[:, :paths]
    fig, (ax,) = figures.panels(1, limit or figures.limit_of([steps[0], steps[-1]]), title)
    _backdrop(ax, data)
    pieces = np.stack([steps[:-1], steps[1:]], axis=2)  # (n, N, 2 ends, 2)
    for i, piece in enumerate(pieces):
        shade = NOISE_TO_DATA(i / max(1, len(pieces) - 1))
        ax.add_collection(LineCollection(piece, colors=[shade], linewidths=0.6, alpha=0.55))
    ax.scatter(*steps[0].T, s=6, color=NOISE, lw=0, zorder=3)
    ax.scatter(*steps[-1].T, s=9, color=DATA, lw=0, zorder=4)
    return described(fig, alt, title)


def field(*fns, labels=None, data=None, title=None, limit=4.0, n=17, equal=False, alt=None):
    """The arrows of vector fields side by side; each fn maps points (N, 2) to arrows (N, 2).

    data (M, 2) is drawn underneath. All panels share one scale; with `equal` every arrow has the
    same length and only its shade tells its size.
    """
    side = torch.linspace(-0.94 * limit, 0.94 * limit, n)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        arrows = figures.clouds(*(fn(grid) for fn in fns))
    fig, axes = figures.panels(len(fns), limit, title, labels)
    sizes = [np.linalg.norm(arrow, axis=1, keepdims=True) for arrow in arrows]
    longest = max(size.max() for size in sizes)
    spacing = 2 * 0.94 * limit / (n - 1)
    look = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.006, "cmap": NOISE_TO_DATA}
    for ax, arrow, size in zip(axes, arrows, sizes):
        _backdrop(ax, data, "#f2c9a9")
        unit = 0.8 * arrow / np.maximum(size, 1e-12) if equal else 1.6 * arrow / longest
        ax.quiver(*grid.T, *spacing * unit.T, size, clim=(-0.2 * longest, longest), **look)
    return described(fig, alt, title)


def curve(
    x, lines, *, floor=None, xlabel="", ylabel="", logx=False, logy=False, title=None, alt=None
):
    """Named lines over x, with a dot at each measurement where these are few.

    lines {"name": y (n,)}. floor: the best value to be expected, drawn as a dashed line.
    """
    fig, x = Figure(), array(x)
    ax = fig.subplots()
    for name, y in lines.items():
        ax.plot(x, array(y), marker="o" if len(x) <= 30 else None, label=name)
    if floor is not None:
        ax.axhline(floor, color="#2b2f36", linestyle=(0, (4, 3)), linewidth=1.2, label="floor")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set(xscale="log" if logx else "linear", yscale="log" if logy else "linear")
    if logx and len(x) <= 12:
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.set_xticks([], minor=True)  # their labels would run into the ones just set
    ax.grid(axis="y")
    if len(lines) > 1 or floor is not None:
        figures.legend(ax)
    fig.set_figwidth(max(fig.get_figwidth(), figures.title_width(title) / fig.dpi))
    figures.head(fig, title)
    return described(fig, alt, title)


def animate(frames, *, fps=12, hold=1.0, alt=None):
    """An animation that plays wherever the stored notebook is read, with no kernel, no network.

    frames: an iterable of Figures or of arrays (H, W) or (H, W, 3) in 0..1, all of one size.
    hold: seconds that the last frame stays. Returns an IPython Image of an animated PNG, which,
    unlike a GIF, notebook tests take for the picture that it is, and which keeps its colours.
    """
    return moving([figures.picture(frame) for frame in frames], fps=fps, hold=hold, alt=alt)


def moving(pictures, *, fps, hold, alt=None):
    """`animate` of Pillow images."""
    from IPython.display import Image

    return Image(data=figures.apng(pictures, fps, hold), alt=alt)


def animate_points(steps, *, title=None, data=None, limit=None, fps=12, alt=None):
    """Points (n + 1, N, 2), or an iterable of (N, 2), moving from noise to data."""
    steps = figures.clouds(*steps)
    fig, (ax,) = figures.panels(1, limit or figures.limit_of([steps[0], steps[-1]]), title)
    _backdrop(ax, data)
    dots = ax.scatter(*steps[0].T, s=figures.dot(len(steps[0])), color=DATA, alpha=0.7, lw=0)

    def frames():
        for step in steps:
            dots.set_offsets(step)
            yield fig

    return animate(frames(), fps=fps, alt=figures.alt_text(alt, title))


def animate_images(steps, *, labels=None, columns=8, title=None, fps=12, alt=None):
    """Batches (n + 1, N, 1 or 3, H, W) in 0..1, such as a sampler's estimates, as an animation."""
    frames = (images(step, labels, columns=columns, title=title) for step in steps)
    return animate(frames, fps=fps, alt=figures.alt_text(alt, title))


def _rows(tiles, columns):
    return [tiles[i : i + columns] for i in range(0, len(tiles), columns)]


def _backdrop(ax, data, color=BACKDROP):
    if data is not None:
        ax.scatter(*figures.clouds(data)[0].T, s=4, color=color, lw=0)
