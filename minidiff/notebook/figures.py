"""What the pictures in `viz` are made of: the style, empty figures, text, bytes."""

import io
from functools import cache
from pathlib import Path

import matplotlib.style
import numpy as np
import torch
from matplotlib import rcParams
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import TextPath
from PIL import Image
from PIL.PngImagePlugin import PngInfo

STYLE = Path(__file__).with_name("minidiff.mplstyle")
# One colour each throughout the course, and what lies underneath.
NOISE, DATA, BACKDROP, QUIET = "#b4bac3", "#0072B2", "#dfe3e8", "#5b616b"
NOISE_TO_DATA = LinearSegmentedColormap.from_list("noise_to_data", [NOISE, DATA])


def use():
    """Applies the course's style, and has notebooks show any Figure as a picture, with its alt text.

    IPython learns to draw Figures only when pyplot starts its inline backend; ours do without
    pyplot, so it is told here.
    """
    matplotlib.style.use(STYLE)
    try:
        from IPython import get_ipython
        from IPython.core.pylabtools import select_figure_formats
    except ImportError:  # a plain script
        return
    if shell := get_ipython():
        select_figure_formats(shell, {"png"}, bbox_inches=None)
        # Not with the picture, which pyplot, once imported, has drawn by a printer of its own.
        shell.display_formatter.mimebundle_formatter.for_type(Figure, _with_alt)


def _with_alt(figure, **_):
    """No data, and the metadata of the picture that IPython makes of the Figure."""
    alt = getattr(figure, "alt", None)
    return ({}, {"image/png": {"alt": alt}}) if alt else {}


def described(figure, alt, title=None):
    """The Figure, which takes along what it shows in words, for readers who do not see it.

    alt: one or two sentences; a notebook stores them, after the title, with the picture.
    """
    figure.alt = alt_text(alt, title)
    return figure


def alt_text(alt, title=None):
    """A title and what is to be seen below it, as one text; None where nothing is said of that."""
    if not alt:
        return None
    title = " ".join(str(title or "").split())
    return f"{title}{'' if title[-1] in '.?!' else '.'} {alt}" if title else alt


def array(values):
    """Tensors, lists and arrays as a float array."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().float().numpy()
    return np.asarray(values, dtype=float)


def tiles(batch):
    """A batch (N, 1 or 3, H, W) or (N, H, W) as arrays (H, W, 3) clipped to 0..1."""
    batch = array(batch)
    if batch.ndim == 3:
        batch = batch[:, None]
    if batch.ndim != 4 or batch.shape[1] not in (1, 3) or not len(batch):
        raise ValueError(f"batch must have shape (N, 1 or 3, H, W), N >= 1, got {batch.shape}.")
    colour = np.broadcast_to(batch.clip(0, 1), (len(batch), 3, *batch.shape[2:]))
    return list(colour.transpose(0, 2, 3, 1))


def clouds(*sets):
    """Point sets as arrays (N, 2), checked."""
    sets = [array(points) for points in sets]
    for points in sets:
        if points.ndim != 2 or points.shape[1] != 2 or not len(points):
            raise ValueError(f"points must have shape (N, 2), N >= 1, got {points.shape}.")
    return sets


def limit_of(sets):
    """Half the side of a square that holds nearly all points: one stray one must not rule."""
    return 1.1 * max(np.quantile(np.abs(points), 0.998) for points in sets)


def dot(count):
    """The area of a dot, in square points, at which `count` of them stay readable."""
    return float(np.clip(6000 / count, 2, 16))


@cache
def text_width(text, size, weight="normal"):
    """Screen pixels that `text` takes; the font comes with matplotlib, so it holds everywhere."""
    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    lines = [TextPath((0, 0), line, prop=font) for line in text.split("\n") if line.strip()]
    width = max((line.get_extents().x1 for line in lines), default=0)
    return int(np.ceil(width * rcParams["figure.dpi"] / 72))


def plain(text):
    """A text that is drawn as it is: no dollar begins a formula, and no letter is unknown.

    What the font lacks becomes an empty box, without matplotlib's warning.
    """
    letters = _font().get_charmap()
    line = " ".join(str(text).split())
    known = (letter if ord(letter) in letters else "\u25a1" for letter in line)
    return "".join(known).replace("$", r"\$")


@cache
def _font():
    return get_font(findfont("DejaVu Sans"))


def wrap(text, pixels, size):
    """Lines no wider than `pixels`, as far as words allow."""
    lines = []
    for word in str(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and 1.05 * text_width(longer, size) <= pixels:  # drawn, it is a little wider
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def title_width(title):
    return 20 + round(1.05 * text_width(title, 12, "bold")) if title else 0


def blank(width, height, title):
    """A Figure and its one bare axis, whose units are screen pixels from the top left."""
    dpi = rcParams["figure.dpi"]
    fig = Figure(figsize=(width / dpi, height / dpi))
    fig.set_layout_engine("none")  # as an argument it would be forgotten when the figure is saved
    ax = fig.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    ax.set_axis_off()
    if title:
        ax.text(8, 18, title, va="center", fontsize=12, fontweight="bold")
    return fig, ax


def head(fig, title):
    """The figure's finding, at the left above everything."""
    if title:
        fig.suptitle(title, x=8 / fig.bbox.width, ha="left")


def panels(count, limit, title, labels=None):
    """A Figure with `count` square axes from -limit to limit side by side, each with its label."""
    dpi, side = rcParams["figure.dpi"], round(min(400, 960 / count))
    height = side + (34 if title else 0) + (22 if labels else 0)
    fig = Figure(figsize=(max(side * count, title_width(title)) / dpi, height / dpi))
    axes = fig.subplots(1, count, squeeze=False)[0]
    for ax in axes:
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
        ax.set_anchor("W")
        ax.spines[:].set_visible(True)
    for ax, label in zip(axes, labels or [], strict=bool(labels)):
        ax.set_title(label, fontweight="normal", fontsize=10, color=QUIET, pad=5)
    head(fig, title)
    return fig, axes


def legend(ax, **style):
    """Names in one row between the title and the axes."""
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=9, borderaxespad=0.2, borderpad=0, **style
    )


def png(figure, **texts):
    """The PNG bytes of a Figure, as a notebook shows it; `texts` become text chunks of it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata=texts)
    return file.getvalue()


def picture(frame):
    """A Figure, or an array (H, W) or (H, W, 3) in 0..1, as a Pillow image."""
    if isinstance(frame, Figure):
        return Image.open(io.BytesIO(png(frame))).convert("RGB")
    return Image.fromarray((array(frame).clip(0, 1) * 255).round().astype(np.uint8)).convert("RGB")


def apng(pictures, fps, hold, **texts):
    """The bytes of an animated PNG of Pillow images of one size; the last stays `hold` seconds.

    texts: text chunks of it.
    """
    if len({image.size for image in pictures}) != 1:
        raise ValueError("animate: frames must be one or more pictures, all of one size.")
    # One palette for all frames keeps a stored animation small, and free of flicker.
    samples = [pictures[i] for i in np.linspace(0, len(pictures) - 1, 8).round().astype(int)]
    sheet = Image.fromarray(np.concatenate([np.asarray(image) for image in samples]))
    palette = sheet.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    snapped = [255 if level > 244 else 0 if level < 8 else level for level in palette.getpalette()]
    palette.putpalette(snapped)  # white is to stay white
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in pictures]
    times, file, info = [1000 / fps] * (len(frames) - 1) + [1000 * hold], io.BytesIO(), PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    style = dict(save_all=True, append_images=frames[1:], duration=times, loop=0, pnginfo=info)
    frames[0].save(file, "png", **style)
    return file.getvalue()
