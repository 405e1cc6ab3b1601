"""The studio's page: every button by mouse and by keyboard, its words, and what it says when it is stuck."""

import base64
import json

import pytest
from axe_playwright_python.sync_playwright import Axe

from minidiff.cli.studio import notebook
from minidiff.studio import page as studio_page

# What anywidget gives a script, as far as ours goes; what it sends is kept until a test hands it on.
MODEL = """
async ([script, css, state]) => {
    const {default: widget} = await import(`data:text/javascript;base64,${script}`);
    const style = document.createElement("style");
    style.textContent = css;
    const el = document.createElement("main");
    document.body.append(style, el);
    window.sent = [];
    const heard = [];
    window.answer = (message) => heard.forEach((f) => f(message));
    widget.render({el, model: {
        get: (key) => state[key],
        on: (event, f) => heard.push(f),
        off: () => {},
        send: (message) => window.sent.push(message),
    }});
}
"""


class Page:
    """A studio on a bare page, its messages carried to the Python side and back by `pump`."""

    def __init__(self, browser, width, monkeypatch):
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.studio, self.answers = studio_page.Studio("a red fox in snow"), []
        monkeypatch.setattr(self.studio, "send", self.answers.append)
        state = {
            name: getattr(self.studio, name) for name in ("words", "models", "prompt", "enlarges")
        }
        script = base64.b64encode(str(self.studio._esm).encode()).decode()
        title = "<!doctype html><html lang=en><title>Studio</title><body></body></html>"
        self.page.set_content(title)
        self.page.evaluate(MODEL, [script, str(self.studio._css), state])
        self.pump()
        self.page.get_by_label("Steps", exact=True).fill("1")

    def pump(self):
        """Have the Python side do what was asked, and its answers shown."""
        for message in self.page.evaluate("window.sent.splice(0)"):
            self.studio._asked(self.studio, message)
        while self.answers:
            self.page.evaluate("(message) => window.answer(message)", self.answers.pop(0))

    def press(self, name, way, number=0):
        """Press a button of the page, under the picture `number` if there are several of that name."""
        button = self.page.get_by_role("button", name=name, exact=True).nth(number)
        if way == "mouse":
            button.click()
        else:
            button.focus()
            button.press("Enter")
        self.pump()

    def shown(self):
        return self.page.locator("figure img").count()

    def says(self):
        return self.page.get_by_role("status").inner_text()


@pytest.fixture
def studio(browser, monkeypatch):
    pages = []

    def open_studio(width=1200):
        pages.append(Page(browser, width, monkeypatch))
        return pages[-1]

    yield open_studio
    for each in pages:
        each.page.close()


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_every_button(studio, way, shots, tmp_path):
    tool = studio()
    tool.press("Paint four", way)
    assert tool.shown() == 4 and "4 made" in tool.says()
    first = [shot for shot, _ in tool.studio.made]
    counts = {
        "again": 4,
        "vary a little": 4,
        "vary a lot": 4,
        "vary by meaning": 4,
        "use as start": 4,
        "slowly": 1,
    }
    for name, count in counts.items():
        tool.press("Undo", way) if name != "again" else None
        tool.press(name, way, 1 if tool.shown() > 1 else 0)
        assert tool.shown() == count, (name, tool.says())
        assert tool.studio.made[-1][0].prompt == "a red fox in snow"
    tool.press("Undo", way)
    assert tool.shown() == 4
    # a hole: two squares ticked, and filled
    tool.press("fill a hole", way)
    for square in ("row 2, column 2", "row 2, column 3"):
        tool.page.get_by_label(square).press(
            "Space"
        ) if way == "keyboard" else tool.page.get_by_label(square).check()
    tool.press("fill the ticked squares", way)
    assert tool.shown() == 2 and tool.studio.made[-1][0].mask == "0000 0110 0000 0000"
    if tool.studio.enlarges:
        tool.press("enlarge", way)
        assert tool.shown() == 1 and tool.studio.made[-1][1].shape == (3, 128, 128)
        tool.press("Undo", way)
    for mark in tool.page.get_by_label("mark").all():
        mark.check() if way == "mouse" else mark.press("Space")
    tool.press("Blend the two marked", way)
    assert tool.shown() == 4 and tool.studio.made[-1][0].way == "blend"
    tool.page.get_by_label("First picture with").select_option("seed")
    tool.press("Try values", way)
    assert [shot.seed for shot, _ in tool.studio.made[-4:]] == [1, 2, 4, 8]
    tool.press("Undo", way)
    tool.page.get_by_label("Values", exact=True).fill("3, 5")
    tool.page.get_by_label("and down").select_option("prompt")
    tool.page.get_by_label("Values of the other").fill("a fox, a blue cat")
    tool.press("Try values", way)
    table = [(shot.prompt, shot.seed) for shot, _ in tool.studio.made[-4:]]
    assert table == [("a fox", 3), ("a fox", 5), ("a blue cat", 3), ("a blue cat", 5)]
    tops = [box.bounding_box()["y"] for box in tool.page.locator("figure").all()]
    assert tops[0] == tops[1] < tops[2] == tops[3]  # two rows of two
    tool.page.screenshot(path=shots / f"studio-table-{way}.png", full_page=True)
    tool.page.get_by_label("Folder").fill(str(tmp_path / "kept"))
    tool.press("Save all", way)
    assert f"{len(tool.studio.made)} pictures in" in tool.says()
    assert len(list((tmp_path / "kept").iterdir())) == len(tool.studio.made)
    # the strip brings each of them back
    back = tool.page.locator(".strip button")
    assert back.count() == len(tool.studio.made)
    back.first.click() if way == "mouse" else back.first.press("Enter")
    assert (
        tool.shown() == 1
        and f"seed {first[0].seed}" in tool.page.locator("figcaption").inner_text()
    )
    tool.page.screenshot(path=shots / f"studio-{way}.png", full_page=True)


def test_the_fields_are_heard(studio):
    tool = studio()
    fields = {"Prompt": "a blue bus in a city", "Seed": "5", "Guidance": "2", "Avoid": "night"}
    for label, value in fields.items():
        tool.page.get_by_label(label, exact=True).fill(value)
    tool.page.get_by_label("Model").select_option("scenes")
    tool.page.get_by_label("Size").select_option("96x64")
    tool.page.get_by_label("Prompt", exact=True).press("Enter")
    tool.pump()
    shot = tool.studio.made[0][0]
    assert (shot.prompt, shot.seed, shot.guidance, shot.negative) == (
        fields["Prompt"],
        5,
        2.0,
        "night",
    )
    assert (shot.model, shot.steps, shot.width, shot.height) == ("scenes", 1, 96, 64)


def test_words_are_completed_from_the_vocabulary(studio):
    tool = studio()
    tool.page.get_by_label("Prompt", exact=True).fill("a red str")
    offered = tool.page.evaluate(
        "[...document.querySelectorAll('datalist option')].map((option) => option.value)"
    )
    assert "a red strawberry" in offered and all(each.startswith("a red str") for each in offered)


def test_one_wish_at_a_time_and_what_is_wrong_is_said(studio):
    tool = studio()
    button = tool.page.get_by_role("button", name="Paint four")
    button.click()
    button.click()
    assert "one wish at a time" in tool.says()
    tool.pump()
    assert tool.shown() == 4 and len(tool.studio.made) == 4
    tool.page.get_by_label("Prompt", exact=True).fill("a foks")
    tool.press("Paint four", "mouse")
    assert "a word this model never saw" in tool.says() and tool.shown() == 4
    tool.press("Blend the two marked", "mouse")
    assert "two pictures must be marked" in tool.says() or "must be there" in tool.says()


def test_a_kernel_that_does_not_answer(studio):
    tool = studio()
    tool.press("Paint four", "mouse")
    tool.page.clock.install()
    tool.page.get_by_role("button", name="again").first.click()
    tool.page.clock.fast_forward(61_000)
    assert "the kernel may have been restarted" in tool.says() and tool.shown() == 4


@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_the_screen_and_a_reader(studio, width, shots):
    tool = studio(width)
    tool.press("Paint four", "mouse")
    tool.page.screenshot(path=shots / f"studio-{width}.png", full_page=True)
    assert tool.page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(tool.page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


def test_the_studio_within_jupyterlab(lab, shots):
    """The page of `minidiff studio`: pictures come back from a kernel."""
    cell = json.loads(notebook("a red fox in snow"))["cells"][0]
    lab.write("studio_page", cell["source"])
    lab.run("studio_page")
    assert lab.wrong("studio_page") == []
    page = lab.pages["studio_page"]
    page.get_by_text("4 made").wait_for()
    page.get_by_role("button", name="vary a little").first.click()
    page.get_by_text("8 made").wait_for()
    page.screenshot(path=shots / "studio-lab.png")
    assert page.locator(".minidiff-studio figure img").count() == 4
    lab.close("studio_page")
