"""The lessons in JupyterLab itself: each opens; some run, and their live controls answer.

A lesson is taken in as soon as its file lies in notebooks/. What is used of the controls:

- sliders, choices, tick boxes, texts and play buttons, by keyboard; the picture must change;
- the tools to paint masks and sketches, by mouse, then their button by keyboard.
"""

import os
import time

import nbformat
import pytest
from conftest import LATENCIES

from minidiff.course import lessons
from minidiff.course.lint import _PROGRESS

PATHS = {path.stem: path for path in sorted(lessons.NOTEBOOKS.glob("*.ipynb"))}
OUTPUT = ".jp-OutputArea-output"
# The lessons' own controls are of a few kinds; this has one of each that `explore` knows.
EVERY_KIND = """
from minidiff.notebook import viz
from minidiff.notebook.widgets import explore

def draw(step, turns, name, text, tick):
    return viz.curve(range(5), {name: [turns + step * i for i in range(5)]}, title=f"{name} {text} {tick}")

explore(draw, step=range(9), turns=(0.0, 1.0, 0.25, 0.5), name=["sun", "moon"], text="hello", tick=False)
"""
PAINTED = """
import torch
from minidiff.notebook.painting import paint_mask, sketch

paint_mask(torch.zeros(1, 16, 16), lambda mask: mask.float()[None], kept_as="a")
sketch(torch.zeros(3, 16, 16), lambda drawing: 1 - drawing, kept_as="b")
"""


def live_outputs(path):
    """How many outputs of a stored lesson hold live controls or tools."""
    outputs = [o for c in nbformat.read(path, as_version=4).cells for o in c.get("outputs", [])]
    views = [o.data["text/plain"] for o in outputs if lessons.WIDGET in o.get("data", {})]
    return sum(not _PROGRESS.search(view) for view in views)


LIVE = {stem: count for stem, path in PATHS.items() if (count := live_outputs(path))}
# Every lesson runs under nbval. Here two with all kinds of controls do, and with the environment
# variable the others as well (minutes), as once a week in .github/workflows/newest.yml.
EVERY = os.environ.get("MINIDIFF_EVERY_LESSON")
RUN = [stem for stem in LIVE if EVERY or stem[:2] in ("00", "10")]


def picture(live):
    """What the live picture shows, as a number that tells two pictures apart."""
    return live.locator("img.widget-image").first.evaluate(
        """async image => {
            const bytes = await (await fetch(image.src)).arrayBuffer();
            const digest = await crypto.subtle.digest("SHA-256", bytes);
            return Array.from(new Uint8Array(digest)).join();
        }"""
    )


def move(page, live, name, press):
    """Seconds from the move `press` to the new picture, which must be another one."""
    before, image = picture(live), live.locator("img.widget-image").first
    source = image.get_attribute("src")
    start = time.perf_counter()
    press()
    page.wait_for_function(
        "([image, source]) => image.src !== source && image.complete",
        arg=[image.element_handle(), source],
    )
    seconds = time.perf_counter() - start
    assert picture(live) != before, f"{name}: the picture is the same"
    return name, seconds


def press(control, *keys):
    for key in keys:
        control.press(key)


def moves(page, live):
    """Moves every control of one output once, by keyboard; and paints; yields names and seconds."""
    # Until something is painted, the rest waits.
    for painter in live.locator(".minidiff-painter").all():
        stroke(page, painter.locator("canvas"))
        ask = painter.locator("button.ask")
        yield move(page, live, ask.inner_text(), lambda: ask.press("Enter"))
    for box in live.locator(".widget-inline-hbox:not(.widget-play)").all():
        name = box.inner_text().partition("\n")[0]
        slider, choice = box.locator(".noUi-handle"), box.locator("select")
        text, tick = box.locator("input[type=text]"), box.locator("input[type=checkbox]")
        if slider.count():
            at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
            key = "ArrowLeft" if at_end else "ArrowRight"
            yield move(page, live, name, lambda: slider.press(key))
        elif choice.count():
            last = choice.evaluate("choice => choice.selectedIndex === choice.options.length - 1")
            key = "ArrowUp" if last else "ArrowDown"
            # On a closed choice, JupyterLab keeps the arrow keys to itself.
            yield move(page, live, name, lambda: press(choice, "Space", key, "Enter"))
        elif tick.count():
            yield move(page, live, name, lambda: tick.press("Space"))
        elif text.count():  # the last word is taken away, or there is a first one
            text.press("End")
            text.press("Control+Backspace") if text.input_value() else text.press("a")
            yield move(page, live, name, lambda: text.press("Enter"))
    for play in live.locator(".jupyter-widgets.widget-play").all():
        button = play.locator("button").first
        yield move(page, live, "play", lambda: button.press("Enter"))
        button.press("Enter")


def stroke(page, canvas):
    """A stroke from corner to corner, with the mouse: what lies in the middle may be painted."""
    canvas.scroll_into_view_if_needed()
    # Away from the canvas and out of focus, it shows no brush, only what is painted.
    shown = "canvas => { canvas.blur(); return canvas.toDataURL(); }"
    page.mouse.move(5, 5)
    box, before = canvas.bounding_box(), canvas.evaluate(shown)
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.9 * box["height"], steps=8)
    page.mouse.up()
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    assert canvas.evaluate(shown) != before


def check_controls(lab, shots, stem, count):
    """Uses every control of the `count` outputs of a lesson that has run; returns their names."""
    assert lab.wrong(stem) == []
    page = lab.pages[stem]
    page.bring_to_front()  # a choice opens in the tab in front alone
    lives = page.locator(OUTPUT).filter(has=page.locator("img.widget-image"))
    lives.nth(count - 1).wait_for()
    assert lives.count() == count
    moved = []
    for number, live in enumerate(lives.all()):
        live.scroll_into_view_if_needed()
        moved.append(list(moves(page, live)))
        LATENCIES.extend((stem, *one) for one in moved[-1])
        assert live.locator("[role=alert]").count() == 0
        live.screenshot(path=shots / f"{stem}-live-{number}.png")
    assert all(moved), "a live picture without a control"
    return [name for names in moved for name, seconds in names]


def squeezed(text):
    return "".join(text.split())


def stored_texts(cells):
    """All texts of stored outputs, without white space."""
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    texts = [text for out in outputs for text in [out.get("text"), *out.get("traceback", [])]]
    texts += [text for out in outputs for text in out.get("data", {}).values()]
    return squeezed("".join(text for text in texts if isinstance(text, str)))


@pytest.mark.parametrize("stem", PATHS)
def test_a_lesson_opens_and_shows_what_is_stored(lab, stem):
    """Not yet run, controls have no model: no line may say so under the picture that stands for them."""
    page = lab.open(stem)
    cells = nbformat.read(PATHS[stem], as_version=4).cells
    expected = f"document.querySelectorAll('.jp-Notebook .jp-Cell').length === {len(cells)}"
    page.wait_for_function(expected)
    assert page.locator(".jp-Dialog").count() == 0
    page.wait_for_timeout(500)  # the kernel has answered, now the widgets' manager has, too
    stored, shown = stored_texts(cells), page.locator(OUTPUT).all_text_contents()
    assert [text for text in shown if squeezed(text) not in stored] == []
    assert len(shown) >= sum(len(cell.get("outputs", [])) > 0 for cell in cells)
    if stem not in RUN:
        lab.close(stem)


def test_every_kind_of_control_answers(lab, shots):
    lab.write("every_kind", EVERY_KIND, PAINTED)
    lab.run("every_kind")
    names = check_controls(lab, shots, "every_kind", 3)
    assert names == ["step", "turns", "name", "text", "tick", "play", "Fill", "Finish"]
    lab.close("every_kind")


@pytest.mark.parametrize("stem", RUN)
def test_a_lesson_runs_and_its_controls_answer(lab, shots, request, stem):
    if stem not in lab.ran:  # two at a time, one a core
        same = request.node.originalname
        tests = [
            test for test in request.session.items if getattr(test, "originalname", None) == same
        ]
        wanted = [test.callspec.params["stem"] for test in tests]
        lab.run(*wanted[wanted.index(stem) :][:2])
    check_controls(lab, shots, stem, LIVE[stem])
    lab.close(stem)
