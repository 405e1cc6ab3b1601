"""Live controls, driven as a front end drives them: by setting values."""

import io
import time

import ipywidgets as W
import pytest
from IPython.display import Image
from matplotlib.figure import Figure
from PIL import Image as Pillow

from minidiff.notebook import viz, widgets
from minidiff.notebook.widgets import explore


@pytest.fixture
def shown(monkeypatch):
    """What a cell would display, in order."""
    outputs = []
    monkeypatch.setattr(widgets, "display", outputs.append)
    return outputs


def draw(t=0.5, name="a", step=0, prompt="fox", loop=True):
    if prompt == "<fax>":
        raise ValueError("Unknown word '<fax>'.\nmore")
    return viz.curve([0, 1], {name: [t, step]}, title=f"{prompt} {loop}")


def parts(outputs):
    """The still, the control boxes, the live picture and the message."""
    still, box = outputs
    *controls, picture, message = box.children
    return still, controls, picture, message


def test_a_still_comes_first_then_the_controls(shown):
    assert explore(draw, t=(0.0, 1.0, 0.1, 0.5)) is None
    still, _, picture, message = parts(shown)
    assert isinstance(still, Figure)
    assert viz.png(still) == picture.value == viz.png(draw(t=0.5))
    assert message.value == ""
    assert picture.layout.width == "max-content"


def test_a_move_redraws_with_the_values_of_all_controls(shown):
    explore(draw, t=(0.0, 1.0, 0.1, 0.5), name=["a", "b"])
    _, [slider, choice], picture, _ = parts(shown)
    slider.value = 0.9
    assert picture.value == viz.png(draw(t=0.9))
    choice.value = "b"
    assert picture.value == viz.png(draw(t=0.9, name="b"))


def test_shorthands(shown):
    explore(draw, t=(0, 3, 1, 2), name=["a"], step=range(5), prompt="fox", loop=True)
    _, [whole, choice, playing, text, tick], _, _ = parts(shown)
    kinds = [W.IntSlider, W.Dropdown, W.HBox, W.Text, W.Checkbox]
    assert [type(c) for c in (whole, choice, playing, text, tick)] == kinds
    play, slider = playing.children
    assert isinstance(play, W.Play) and (slider.min, slider.max, slider.value) == (0, 4, 0)
    assert [c.description for c in (whole, choice, slider, text, tick)] == [
        "t",
        "name",
        "step",
        "prompt",
        "loop",
    ]
    # A picture for every pixel of a drag would queue up behind the hand.
    assert not any(c.continuous_update for c in (whole, slider, text))


def test_what_plays_waits_for_a_picture_that_takes_long(shown):
    def slow(step):
        time.sleep(0.3 if step else 0)
        return draw()

    explore(slow, step=range(3))
    _, [playing], _, _ = parts(shown)
    play, slider = playing.children
    assert play.interval == 250
    slider.value = 1
    assert 300 <= play.interval < 5000
    slider.value = 0
    assert 250 <= play.interval < 5000


def test_an_own_widget_is_described_and_waits_for_the_end_of_a_move(shown):
    slider = W.FloatLogSlider(value=1)
    explore(draw, t=slider)
    assert slider.description == "t" and not slider.continuous_update


def test_an_error_is_one_sentence_and_the_old_picture_stays(shown):
    explore(draw, prompt="fox")
    _, [text], picture, message = parts(shown)
    before = picture.value
    text.value = "<fax>"
    assert picture.value == before
    assert message.value == '<p role="alert">Unknown word &#x27;&lt;fax&gt;&#x27;.</p>'
    text.value = "cat"
    assert picture.value == viz.png(draw(prompt="cat")) and message.value == ""


def test_a_draw_that_cannot_draw_at_all_fails_loudly(shown):
    with pytest.raises(ValueError, match="Unknown word"):
        explore(draw, prompt="<fax>")


def test_stills_side_by_side(shown):
    explore(draw, stills=[{"t": 0.1}, {"t": 0.9}], t=(0.0, 1.0, 0.1, 0.5))
    still = shown[0]
    assert isinstance(still, Image) and "at 0x" not in repr(still)
    strip, one = (Pillow.open(io.BytesIO(b)) for b in (still.data, viz.png(draw())))
    assert strip.width == min(2 * one.width, 1400)
    assert strip.height == round(one.height * strip.width / (2 * one.width))


def test_a_ready_figure_as_still(shown):
    figure = viz.curve([0, 1], {"a": [0, 1]})
    explore(draw, stills=figure, t=(0.0, 1.0, 0.1, 0.5))
    assert shown[0] is figure


def test_a_still_says_what_it_shows(shown):
    def described(t):
        return viz.curve([0, 1], {"a": [0, t]}, alt="A line that rises.")

    ready = viz.curve([0, 1], {"a": [0, 1]})
    explore(described, t=(0.0, 1.0, 0.1, 0.5))
    explore(described, alt="The line half-way.", t=(0.0, 1.0, 0.1, 0.5))
    explore(described, [{"t": 0.1}, {"t": 0.9}], alt="Two lines.", t=(0.0, 1.0, 0.1, 0.5))
    explore(draw, ready, alt="One line.", t=(0.0, 1.0, 0.1, 0.5))
    alts = ["A line that rises.", "The line half-way.", "Two lines.", "One line."]
    assert [still.alt for still in shown[::2]] == alts


@pytest.mark.parametrize("control", [(0, 1), [], 3.5, range(0)])
def test_a_strange_control_is_named(control):
    with pytest.raises(ValueError, match="^t must be a widget, .* got "):
        explore(draw, t=control)
