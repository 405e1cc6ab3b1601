"""The tools to paint with: their script alone, then within JupyterLab, by mouse and by keyboard."""

import base64

import pytest
import torch
from test_jupyterlab import picture

from minidiff.notebook import painting, widgets

# What anywidget gives a script, as far as ours goes: state, its changes, and saving them.
MODEL = """
async ([script, css, state]) => {
    const {default: widget} = await import(`data:text/javascript;base64,${script}`);
    const style = document.createElement("style");
    style.textContent = css;
    const el = document.createElement("div");
    document.body.append(style, el);
    for (const key of ["picture", "paper", "drawing"])
        state[key] = new DataView(new Uint8Array(state[key]).buffer);
    const heard = {};
    window.saves = 0;
    window.model = {
        get: (key) => state[key],
        set: (key, value) => { state[key] = value; for (const f of heard[`change:${key}`] ?? []) f(); },
        on: (event, f) => (heard[event] ??= []).push(f),
        off: () => {},
        save_changes: () => { window.saves += 1; },
    };
    widget.render({model: window.model, el});
}
"""
TRAITS = "shape picture paper drawing inks brush scale description button asked".split()


class Page:
    """A painter on a bare page; what is painted there goes to the Python side as in a kernel."""

    def __init__(self, page, painter):
        self.page, self.painter, self.canvas = page, painter, page.locator("canvas")
        state = {
            key: list(value) if isinstance(value, bytes) else value
            for key, value in painter.get_state(TRAITS).items()
        }
        script = base64.b64encode(str(painter._esm).encode()).decode()
        page.set_content("<!doctype html><html lang=en><title>Painter</title><body></body></html>")
        page.evaluate(MODEL, [script, str(painter._css), state])

    def painted(self):
        levels = self.page.evaluate("Array.from(new Uint8Array(model.get('drawing').buffer))")
        self.painter.set_state({"drawing": memoryview(bytes(levels))})
        return self.painter.painted()

    def at(self, column, row):
        """The middle of a pixel of the drawing, on the screen."""
        box, scale = self.canvas.bounding_box(), self.painter.scale
        return box["x"] + (column + 0.5) * scale, box["y"] + (row + 0.5) * scale

    def drag(self, *pixels):
        self.page.mouse.move(*self.at(*pixels[0]))
        self.page.mouse.down()
        for pixel in pixels[1:]:
            self.page.mouse.move(*self.at(*pixel))
        self.page.mouse.up()

    def keys(self, *keys):
        for key in keys:
            self.canvas.press(key)


@pytest.fixture
def tool(browser, monkeypatch):
    """Opens the tool that a call of `paint_mask` or `sketch` shows."""
    pages, outputs = [], []
    monkeypatch.setattr(widgets, "display", outputs.append)
    painting.drawings.clear()

    def open_tool(show, *arguments, **settings):
        show(*arguments, **settings)
        pages.append(browser.new_page(viewport={"width": 800, "height": 700}))
        pages[-1].set_default_timeout(120_000)  # a busy machine is slow, but not wrong
        return Page(pages[-1], outputs[-1].children[-3])

    yield open_tool
    painting.drawings.clear()
    for page in pages:
        page.close()


def pixels(mask):
    return {tuple(pixel) for pixel in mask.nonzero().tolist()}


def mask_tool(tool):
    return tool(painting.paint_mask, torch.full((3, 12, 16), 0.5), lambda mask: mask)


def test_a_mask_by_mouse(tool, shots):
    tool = mask_tool(tool)
    assert tool.painter.brush == 1
    tool.drag((2, 3), (9, 3))
    assert pixels(tool.painted()) == {(3, column) for column in range(2, 10)}
    assert tool.page.evaluate("saves") == 1  # one message a stroke, not one a move
    tool.page.get_by_role("button", name="Eraser").click()
    tool.drag((4, 1), (4, 8))
    assert (3, 4) not in pixels(tool.painted())
    tool.page.screenshot(path=shots / "mask-by-mouse.png")
    tool.page.get_by_role("button", name="Clear").click()
    assert not tool.painted().any()


def test_a_mask_by_keyboard(tool, shots):
    tool = mask_tool(tool)
    tool.page.keyboard.press("Tab")
    assert tool.canvas.evaluate("canvas => document.activeElement === canvas")
    tool.keys("Space", "ArrowRight", "ArrowRight", "Enter", "Shift+ArrowDown", "Shift+ArrowDown")
    row, column = 6, 8  # the brush begins in the middle
    line = {(row + i, column + 2) for i in range(3)}
    assert pixels(tool.painted()) == {(row, column)} | line
    tool.keys("e", "Space")
    assert pixels(tool.painted()) == {(row, column)} | line - {(row + 2, column + 2)}
    tool.keys("e", "+", "+", "Space")
    wide = tool.painted().sum()
    tool.page.screenshot(path=shots / "mask-by-keyboard.png")
    assert "painting, 3 wide" in tool.page.get_by_role("status").inner_text()
    assert wide > len(line) + 3
    tool.keys("-", "c")
    assert "painting, 2 wide" in tool.page.get_by_role("status").inner_text()
    assert not tool.painted().any()


def test_the_brush_stays_on_the_picture(tool):
    tool = mask_tool(tool)
    tool.keys(*["ArrowUp"] * 20, *["ArrowLeft"] * 20, "Space")
    assert pixels(tool.painted()) == {(0, 0)}


def test_the_button_asks_once_and_says_so(tool):
    tool = mask_tool(tool)
    fill = tool.page.get_by_role("button", name="Fill")
    fill.press("Enter")
    fill.press("Enter")
    assert tool.page.evaluate("[model.get('asked'), saves]") == [True, 1]
    assert tool.page.get_by_role("status").inner_text() == "working …"
    tool.page.evaluate("model.set('asked', false)")
    assert "painting" in tool.page.get_by_role("status").inner_text()


def test_a_sketch_in_two_colours(tool, shots):
    tool = tool(painting.sketch, torch.ones(3, 24, 24), lambda drawing: drawing)
    red, blue = (torch.tensor(tool.painter.inks[i][1]) / 255 for i in (2, 6))
    tool.page.get_by_role("button", name="red").click()
    tool.drag((4, 6), (20, 6))
    tool.keys("7")
    tool.drag((4, 18), (20, 18))
    drawing = tool.painted()
    assert drawing[:, 6, 10].equal(red) and drawing[:, 18, 10].equal(blue)
    assert drawing[:, 12].eq(1).all()
    pressed = tool.page.locator("[aria-pressed=true]")
    assert pressed.get_attribute("aria-label") == "blue" == tool.painter.inks[6][0]
    tool.page.screenshot(path=shots / "sketch.png")


def test_a_grey_sketch_by_finger(tool):
    tool = tool(painting.sketch, torch.zeros(1, 28, 28), lambda drawing: drawing)
    x, y = tool.at(14, 14)
    finger = {"pointerId": 1, "pointerType": "touch", "button": 0, "clientX": x, "clientY": y}
    tool.canvas.evaluate("canvas => { canvas.setPointerCapture = () => {}; }")  # no such finger
    tool.canvas.dispatch_event("pointerdown", finger)
    tool.canvas.dispatch_event("pointermove", finger | {"clientX": x + 8 * tool.painter.scale})
    tool.canvas.dispatch_event("pointerup", finger)
    drawing = tool.painted()
    assert drawing.unique().tolist() == [0, 1] and drawing[0, 14, 14:23].eq(1).all()


@pytest.mark.parametrize("show", [painting.paint_mask, painting.sketch])
def test_it_is_accessible(tool, show):
    from test_pages import serious

    tool = tool(show, torch.full((3, 24, 24), 0.5), lambda drawing: drawing)
    assert serious(tool.page) == []
    described = tool.canvas.get_attribute("aria-describedby")
    assert "arrow keys move the brush" in tool.page.locator(f"#{described}").inner_text()


CELL = """
import torch
from minidiff.notebook.painting import drawings, paint_mask

cat = torch.linspace(0, 1, 3 * 32 * 48).reshape(3, 32, 48)
paint_mask(cat, lambda mask, level: torch.where(mask, torch.tensor(level), cat), level=(0.0, 1.0, 0.5, 1.0))
"""


def test_a_mask_in_jupyterlab(lab, shots):
    lab.write("painting", CELL, "print('left', drawings['mask'].sum() > 0)")
    page = lab.open("painting")
    cell, canvas = page.locator(".jp-CodeCell").first, page.locator(".minidiff-painter canvas")
    live, ask = page.locator("img.widget-image"), page.get_by_role("button", name="Fill")

    def run_first():
        cell.locator(".jp-InputArea-editor").click()
        page.keyboard.press("Control+Enter")

    def fill(press):
        before, source = picture(page), live.get_attribute("src")
        press()
        page.wait_for_function(
            "([image, source]) => image.src !== source && image.complete",
            arg=[live.element_handle(), source],
        )
        assert picture(page) != before

    run_first()
    canvas.wait_for()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 120, steps=8)
    page.mouse.up()
    fill(ask.click)
    page.screenshot(path=shots / "jupyterlab-mask-by-mouse.png")
    canvas.press("c")  # which, outside, copies a cell
    for key in ["ArrowUp", "Space", "Shift+ArrowRight", "+", "Enter"]:
        canvas.press(key)
    page.keyboard.press("Tab")
    assert ask.evaluate("button => document.activeElement === button")
    fill(lambda: page.keyboard.press("Enter"))
    page.screenshot(path=shots / "jupyterlab-mask-by-keyboard.png")
    assert page.locator(".jp-CodeCell").count() == 2
    shown = "canvas => { canvas.blur(); return canvas.toDataURL(); }"
    page.mouse.move(5, 5)
    before = canvas.evaluate(shown)
    canvas.evaluate("canvas => { canvas.dataset.old = 1; }")
    run_first()
    page.locator(".minidiff-painter canvas:not([data-old])").wait_for()
    assert canvas.evaluate(shown) == before
    page.screenshot(path=shots / "jupyterlab-mask-after-a-re-run.png")
    lab.close("painting")
