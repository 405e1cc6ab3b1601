"""Live controls: move a slider and see the picture change, with a still for readers without one."""

import html
import io
import time
from collections.abc import Callable

import ipywidgets as W
from IPython.display import Image, display
from matplotlib.figure import Figure
from PIL import Image as Pillow

from . import figures

__all__ = ["explore"]

PAUSE = 250  # milliseconds, at least, between the steps of what plays
_STRIP_WIDTH = 1400  # pixels: a strip of stills is shrunk to this, to keep the stored lesson small


def explore(draw: Callable[..., Figure], stills=None, *, alt=None, **controls):
    """Shows a still picture, then controls that redraw a live one.

    draw(**values) returns a Figure; what it raises later is shown as a sentence below the picture,
    which stays as it was. stills: a Figure, or a list of dicts of values, drawn side by side; by
    default what the controls' first values give. alt: what the still shows, in a sentence or two; by
    default the Figure's own. Each control is a widget or a shorthand:

        t=(0, 1, 0.05, 0.5)   a slider: lowest, highest, step, first value (whole numbers if all are)
        name=["ddim", "heun"] a choice (or pairs of a label and a value)
        step=range(50)        a slider with a button that plays it
        prompt="a red fox"    a text, drawn when Enter is pressed
        loop=True             a tick box
    """
    plays = {name for name, control in controls.items() if isinstance(control, range)}
    controls = {name: _control(name, control) for name, control in controls.items()}
    first = draw(**_values(controls))
    picture = W.Image(value=figures.png(first), format="png")
    picture.layout.width = "max-content"  # without it the picture is stretched over the page
    message = W.HTML()

    players = {name: _player(controls[name]) for name in plays}

    def redraw(_):
        started = time.monotonic()
        try:
            picture.value = figures.png(draw(**_values(controls)))
            message.value = ""
        except Exception as error:  # noqa: BLE001 (a reader's input must never end in a traceback)
            lines = str(error).strip().splitlines() or [type(error).__name__]
            message.value = f'<p role="alert">{html.escape(lines[0])}</p>'
        pause = max(PAUSE, round(1000 * (time.monotonic() - started)))
        for player in players.values():  # or steps that come faster than pictures would queue up
            player.children[0].interval = pause

    for control in controls.values():
        control.observe(redraw, "value")
    display(_still(draw, first if stills is None else stills, alt))
    shown = (controls | players).values()
    display(W.VBox([*shown, picture, message]))


def _values(controls):
    return {name: control.value for name, control in controls.items()}


def _control(name, control):
    """A widget for a shorthand, described by its name, that reports when a move is finished."""
    if isinstance(control, W.Widget):
        control.description = control.description or name
        if hasattr(control, "continuous_update"):
            control.continuous_update = False
        return control
    style = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if isinstance(control, bool):
        return W.Checkbox(value=control, indent=False, **style)
    if isinstance(control, str):
        return W.Text(value=control, continuous_update=False, **style)
    if isinstance(control, range) and len(control):
        low, high, step = control[0], control[-1], control.step
        return W.IntSlider(min=low, max=high, step=step, continuous_update=False, **style)
    if isinstance(control, list) and control:
        return W.Dropdown(options=control, **style)
    if isinstance(control, tuple) and len(control) == 4:
        low, high, step, value = control
        kind = W.IntSlider if all(isinstance(v, int) for v in control) else W.FloatSlider
        slider = kind(min=low, max=high, step=step, value=value, continuous_update=False, **style)
        if kind is W.FloatSlider:
            slider.readout_format = ".3g"
        return slider
    raise ValueError(
        f"{name} must be a widget, (low, high, step, value), a list of choices, a range, a text "
        f"or True/False, got {control!r}."
    )


def _player(slider):
    """A play button beside the slider that it moves."""
    play = W.Play(min=slider.min, max=slider.max, step=slider.step, interval=PAUSE)
    W.jslink((play, "value"), (slider, "value"))
    return W.HBox([play, slider])


def _still(draw, stills, alt):
    """A Figure as it is, or a list of dicts of values as one strip of pictures."""
    if isinstance(stills, Figure):
        return figures.described(stills, alt) if alt else stills
    pictures = [figures.picture(draw(**values)) for values in stills]
    strip = Pillow.new(
        "RGB", (sum(p.width for p in pictures), max(p.height for p in pictures)), "white"
    )
    x = 0
    for p in pictures:
        strip.paste(p, (x, 0))
        x += p.width
    if strip.width > _STRIP_WIDTH:
        size = _STRIP_WIDTH, round(strip.height * _STRIP_WIDTH / strip.width)
        strip = strip.resize(size, Pillow.Resampling.LANCZOS)
    file = io.BytesIO()
    strip.save(file, "png", optimize=True)
    return Image(data=file.getvalue(), alt=alt)
