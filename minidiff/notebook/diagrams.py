"""Drawings of systems: boxes for their parts, arrows for what flows, and which system has which part.

A part has the same colour wherever it is drawn; what nobody has published is a dashed grey box.
"""

from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from . import figures
from .figures import QUIET, blank, described, title_width

# Kinds of parts: the line's colour, and the filling, which is pale so that it can be written on.
COLOURS = {
    "noise": ("#5b616b", "#eef0f3"),
    "text": ("#0072B2", "#dcecf6"),
    "guidance": ("#B07A00", "#fbeecb"),
    "denoiser": ("#C04A00", "#fbe3d3"),
    "codec": ("#00805C", "#d8f0e7"),
    "time": ("#8A4B9C", "#f0e0f5"),
    "upscaler": ("#B0477F", "#f9e1ee"),
    "prior": ("#1B7FA8", "#d9f0fa"),
    "data": ("#2b2f36", "#e6e9ed"),
    "edit": ("#6B6200", "#f4f1cf"),
    "unknown": ("#8b929c", "#ffffff"),
}
WIDTH, HEIGHT, ACROSS, DOWN = 126, 62, 34, 40  # of a box, and between two of them, in pixels


def parts(rows, also=(), *, title=None, alt=None):
    """A system: a grid of boxes, in each row an arrow from every box to the next one.

    rows: lists of boxes (kind, name, note), of texts for what goes in and comes out, of None for an
    empty place. also: further arrows, pairs of names. An arrow to another row runs level first, then up
    or down. Names are unique; a line break in one is a line break.
    """
    columns = max(map(len, rows))
    wide, high = WIDTH + ACROSS, HEIGHT + DOWN
    top = 44 if title else 10
    size = 16 + columns * wide - ACROSS, top + len(rows) * high - DOWN + 12
    fig, ax = blank(max(size[0], title_width(title)), size[1], title)
    places = {}
    for i, row in enumerate(rows):
        for j, box in enumerate(row):
            if box is not None:
                name = box if isinstance(box, str) else box[1]
                places[name] = 8 + WIDTH / 2 + j * wide, top + HEIGHT / 2 + i * high
                draw(ax, box, *places[name])
    names = [[box if isinstance(box, str) else box[1] for box in row if box] for row in rows]
    for start, end in [pair for row in names for pair in zip(row, row[1:])] + list(also):
        connect(ax, places[start], places[end])
    return described(fig, alt, title)


def draw(ax, box, x, y):
    """One box about (x, y); a text has none."""
    if isinstance(box, str):
        ax.text(x, y, box, ha="center", va="center", fontsize=10, color=QUIET, style="italic")
        return
    kind, name, note = box
    line, fill = COLOURS[kind]
    dashed = (0, (4, 3)) if kind == "unknown" else "-"
    shape = FancyBboxPatch(
        (x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, boxstyle="round,pad=0,rounding_size=7",
        fc=fill, ec=line, lw=1.4, linestyle=dashed, zorder=2,
    )  # fmt: skip
    ax.add_patch(shape)
    ax.text(
        x, y - 9, name, ha="center", va="center", fontsize=10, fontweight="bold", linespacing=1.1
    )
    ax.text(x, y + 20, note, ha="center", va="center", fontsize=8.5, color=QUIET)


def connect(ax, start, end):
    """An arrow from box to box: level within a row, else level and then up or down."""
    (x, y), (to_x, to_y) = start, end
    down = 1 if to_y > y else -1
    if y == to_y:
        points = [(x + WIDTH / 2, y), (to_x - WIDTH / 2, y)]
    elif x == to_x:
        points = [(x, y + down * HEIGHT / 2), (x, to_y - down * HEIGHT / 2)]
    else:
        side = WIDTH / 2 if to_x > x else -WIDTH / 2
        points = [(x + side, y), (to_x, y), (to_x, to_y - down * HEIGHT / 2)]
        ax.plot(*zip(*points[:2]), color=QUIET, lw=1.3, zorder=1, solid_capstyle="butt")
    style = dict(arrowstyle="-|>,head_length=5,head_width=2.6", color=QUIET, lw=1.3, zorder=1)
    ax.add_patch(FancyArrowPatch(*points[-2:], shrinkA=0, shrinkB=1, mutation_scale=1, **style))


def chart(columns, rows, key=None, *, title=None, alt=None):
    """Which system has which part: a disc where it is published, a ring where it is told in part.

    columns: (kind, name, note). rows {"system": "o", ...}: a character for each column, o for a disc,
    / for a ring, ? for unknown, - for none. key: {character: its meaning}, said below.
    """
    wide, high, head = 66, 38, 62
    left = 14 + max(figures.text_width(name, 10) for name in rows)
    top = 44 + head
    bottom = top + high * len(rows)
    size = max(left + wide * len(columns) + 10, title_width(title)), bottom + (36 if key else 8)
    fig, ax = blank(*size, title)
    for j, (kind, name, note) in enumerate(columns):
        x, (line, fill) = left + wide * (j + 0.5), COLOURS[kind]
        lane = FancyBboxPatch(
            (x - wide / 2 + 3, 42), wide - 6, bottom - 42,
            boxstyle="round,pad=0,rounding_size=6", fc=fill, lw=0, alpha=0.55, zorder=0,
        )  # fmt: skip
        ax.add_patch(lane)
        ax.text(x, 66, name, ha="center", va="center", fontsize=8.5, color=line, fontweight="bold")
        ax.text(x, top - 14, note, ha="center", va="center", fontsize=8.5, color=QUIET)
    for i, (name, marks) in enumerate(rows.items()):
        y = top + high * (i + 0.5)
        ax.plot(
            [8, left + wide * len(columns)], [y - high / 2] * 2, color="#d5d9de", lw=0.8, zorder=1
        )
        ax.text(8, y, name, va="center", fontsize=10)
        for j, ((kind, *_), mark) in enumerate(zip(columns, marks, strict=True)):
            draw_mark(ax, mark, COLOURS[kind][0], left + wide * (j + 0.5), y)
    x = left + 12
    for mark, meaning in (key or {}).items():
        draw_mark(ax, mark, QUIET, x, bottom + 20)
        ax.text(x + 16, bottom + 20, meaning, va="center", fontsize=9, color=QUIET)
        x += 52 + figures.text_width(meaning, 9)
    return described(fig, alt, title)


def draw_mark(ax, mark, colour, x, y):
    """What a character of `chart` stands for, about (x, y)."""
    if mark == "?":
        ax.text(x, y, "?", ha="center", va="center", fontsize=12, color=QUIET)
    elif mark != "-":
        ax.add_patch(
            Circle((x, y), 9, fc=colour if mark == "o" else "white", ec=colour, lw=2, zorder=2)
        )
