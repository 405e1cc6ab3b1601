"""Live tools to paint with: a mask over a picture to refill, a sketch for a model to finish.

    paint_mask(cat, lambda mask, seed: photos.fill(model, cat, mask, seed=seed), seed=(0, 9, 1, 0))
    sketch(torch.zeros(1, 28, 28), finish, strength=(0.1, 1.0, 0.05, 0.6))

Both are painted on by mouse, pen, finger or keyboard; the page's part lies in painting.js.
"""

from pathlib import Path

import anywidget
import torch
import traitlets as T
from matplotlib.figure import Figure
from PIL import ImageColor

from .. import editing
from . import viz
from .widgets import explore

__all__ = ["drawings", "paint_mask", "sketch"]

# What was painted last, by name: a re-run of the cell goes on with it, other cells can use it.
drawings = {}

_SIDE = 320  # screen pixels: small pictures are enlarged to about this, to be painted on
_COLOURS = {
    "black": "#1b1b1b",
    "white": "#ffffff",
    "red": "#d93a3a",
    "orange": "#ef8a34",
    "yellow": "#f5d13d",
    "green": "#43a047",
    "blue": "#3f7fe0",
    "purple": "#8a56c2",
    "brown": "#8a5a34",
}


def paint_mask(picture, fill, stills=None, *, mask=None, kept_as="mask", alt=None, **controls):
    """A picture to paint a mask on; a button, and the controls, then show what `fill` makes of it.

    picture (1 or 3, H, W), or (1, ...), in 0..1. fill(mask, **values): mask is boolean (H, W), True
    where painted; it returns a Figure, a picture or a batch of them, and what it raises is shown as
    a sentence. mask: what is painted and filled at first, by default nothing. stills, alt and
    controls: as for `explore`. What was painted is `drawings[kept_as]`, a name for each tool of a lesson.
    """
    picture = _picture("picture", picture)
    if mask is not None:
        mask = editing.check_mask(mask, picture[None]).reshape(picture.shape[-2:]).cpu()
    blank = torch.zeros(picture.shape[-2:], dtype=torch.bool)
    over = _bytes(picture.expand(3, -1, -1))
    words = {"description": "Paint over what is to be filled", "button": "Fill"}
    painter = _Painter(blank, mask, kept_as, picture=over, **words)
    _show(painter, picture, fill, stills, alt, controls)


def sketch(paper, finish, stills=None, *, start=None, kept_as="sketch", alt=None, **controls):
    """A paper to draw on; a button, and the controls, then show what `finish` makes of the drawing.

    paper: what is drawn on, (1 or 3, H, W), or (1, ...), in 0..1, blank or a picture; grey is drawn
    on in white or black, colour in nine colours. finish(drawing, **values): drawing is a float
    tensor like the paper, without a batch axis. start: the drawing at first. The rest is as for
    `paint_mask`.
    """
    paper = _picture("paper", paper)
    if start is not None:
        start = _picture("start", start)
        if start.shape != paper.shape:
            raise ValueError(
                f"start must be as large as the paper, {tuple(paper.shape)}, "
                f"got {tuple(start.shape)}"
            )
    names = list(_COLOURS) if len(paper) == 3 else ["white" if paper.mean() < 0.5 else "black"]
    inks = [[name, list(ImageColor.getrgb(_COLOURS[name]))] for name in names]
    words = {"description": "Draw a rough sketch", "button": "Finish"}
    painter = _Painter(paper, start, kept_as, inks=inks, **words)
    _show(painter, paper, finish, stills, alt, controls)


class _Painter(anywidget.AnyWidget):
    """What is painted on; `value`, a tensor, is what was painted when its button was pressed.

    A drawing travels as bytes (H, W, C), 255 where a mask is True.
    """

    _esm = Path(__file__).with_name("painting.js")
    _css = Path(__file__).with_name("painting.css")
    shape = T.List().tag(sync=True)  # H, W, C
    picture = T.CBytes().tag(sync=True)  # what a mask lies over (H, W, 3), for a sketch nothing
    paper = T.CBytes().tag(sync=True)  # what is left where all is erased
    drawing = T.CBytes().tag(sync=True, echo_update=False)
    inks = T.List([["mask", [255]]]).tag(sync=True)  # names and levels
    brush = T.Int().tag(sync=True)  # its width at first, in the picture's pixels
    scale = T.Int().tag(sync=True)  # screen pixels for each of them
    description = T.Unicode().tag(sync=True)
    button = T.Unicode().tag(sync=True)
    asked = T.Bool(False).tag(sync=True)  # from the button's press until the answer is there
    value = T.Any()

    def __init__(self, paper, start, kept_as, **traits):
        kept, height, width = drawings.get(kept_as), *paper.shape[-2:]
        if kept is None or kept.shape != paper.shape:
            kept = paper if start is None else start
        super().__init__(
            shape=[height, width, paper.numel() // (height * width)],
            paper=_bytes(paper),
            drawing=_bytes(kept),
            brush=max(1, round(min(height, width) / 10)),
            scale=max(1, _SIDE // max(height, width)),
            value=start,
            **traits,
        )
        self.kept_as = kept_as
        self.observe(self._keep, "drawing")
        self.observe(self._answer, "asked")

    def __repr__(self):  # anywidget's own holds an address, which differs from run to run
        return f"Painter({'x'.join(map(str, self.shape))})"

    def painted(self):
        levels = torch.frombuffer(bytearray(self.drawing), dtype=torch.uint8)
        levels = levels.view(*self.shape).permute(2, 0, 1)
        return levels[0] > 127 if self.picture else levels / 255

    def _keep(self, _):
        drawings[self.kept_as] = self.painted()

    def _answer(self, _):
        if self.asked:
            try:
                self.value = self.painted()  # returns when `explore` has redrawn
            finally:
                self.asked = False


def _show(painter, blank, make, stills, alt, controls):
    def draw(drawing=painter.value, **values):
        # Before anything is painted there is nothing to ask `make` for.
        made = blank if drawing is None else make(drawing, **values)
        if isinstance(made, Figure):
            return made
        if not isinstance(made, torch.Tensor):
            raise ValueError(f"what was painted must become a Figure or a picture, got {made!r}")
        return viz.images(made if made.ndim == 4 else made[None], scale=painter.scale)

    explore(draw, stills, alt=alt, **controls, drawing=painter)


def _picture(name, picture):
    """One picture (C, H, W) on the CPU; ValueError unless it is one."""
    picture = torch.as_tensor(picture).detach().cpu()
    one = picture[0] if picture.ndim == 4 and len(picture) == 1 else picture
    if one.ndim != 3 or len(one) not in (1, 3) or not one.numel() or not one.is_floating_point():
        raise ValueError(
            f"{name} must be one picture (1 or 3, H, W) of numbers in 0..1, "
            f"got {tuple(picture.shape)} of {picture.dtype}"
        )
    return one.clamp(0, 1)


def _bytes(drawing):
    """A mask (H, W), or a picture (C, H, W) in 0..1, as bytes (H, W, C)."""
    levels = (drawing.reshape(-1, *drawing.shape[-2:]) * 255.0).round().to(torch.uint8)
    return levels.permute(1, 2, 0).numpy().tobytes()
