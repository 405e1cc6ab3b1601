"""The site, opened from its folder with the network off: both themes, and a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from minidiff.course import lessons

STEMS = ["index", *(path.stem for path in sorted(lessons.NOTEBOOKS.glob("*.ipynb")))]


@pytest.fixture
def visit(browser, built_site):
    """Opens a page of the site in a window of its own; nothing may fail on the way."""
    contexts, failures = [], []

    def failed(request):
        if "ABORTED" not in request.failure:  # an animation may move on before a frame has come
            failures.append(f"{request.url}: {request.failure}")

    def open_page(stem, width=1280, **looks):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **looks))
        contexts[-1].set_default_timeout(120_000)  # a busy machine is slow, but not wrong
        page = contexts[-1].new_page()
        contexts[-1].set_offline(True)
        page.on("requestfailed", failed)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda said: said.type == "error" and failures.append(said.text))
        page.goto((built_site / f"{stem}.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert failures == []


def serious(page, **options):
    """What axe-core finds against readers with a screen reader, a keyboard or weak eyes."""
    options["preload"] = False  # it would ask for the style sheets over HTTP
    found = Axe().run(page, options=options).response["violations"]
    grave = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], node["html"][:200]) for rule in grave for node in rule["nodes"]]


@pytest.mark.parametrize("stem", STEMS)
def test_a_page_is_whole_and_accessible(visit, shots, stem):
    page = visit(stem, color_scheme="light")
    for image in page.locator("img").all():  # those below the fold load as they come near
        image.scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].every(image => image.complete)")
    assert page.evaluate("[...document.images].filter(image => !image.naturalWidth).length") == 0
    assert page.locator(".katex-error").count() == 0
    left = page.evaluate(
        "[...document.querySelectorAll('main p, main li, main td')]"
        ".filter(e => !e.closest('pre') && /\\$[^$]+\\$/.test(e.innerText)).map(e => e.innerText)"
    )
    assert left == []  # equations that were not set
    assert serious(page) == []
    page.screenshot(path=shots / f"{stem}-light.png")


@pytest.mark.parametrize("stem", STEMS)
def test_a_page_is_readable_in_the_dark_and_on_a_phone(visit, shots, stem):
    page = visit(stem, width=390, color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    contrast = {"type": "rule", "values": ["color-contrast", "scrollable-region-focusable"]}
    assert serious(page, runOnly=contrast) == []
    page.screenshot(path=shots / f"{stem}-dark-phone.png")


def test_the_theme_is_kept_from_page_to_page(visit):
    page = visit(STEMS[1], color_scheme="light")
    page.get_by_role("button", name="Light or dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_tour_begins_with_its_code_folded(visit):
    page = visit("00_tour")
    code = page.locator("details.code .highlight")
    assert not code.first.is_visible()
    page.get_by_role("button", name="Show code").click()
    assert code.first.is_visible()


def test_code_folds_and_unfolds(visit):
    page = visit("02_denoising")
    code = page.locator("details.code .highlight")
    page.get_by_role("button", name="Hide code").click()
    assert not any(box.is_visible() for box in code.all())
    page.locator("details.code summary").first.click()
    assert code.first.is_visible() and not code.last.is_visible()
    page.get_by_role("button", name="Show code").click()
    assert code.last.is_visible()


def test_an_animation_plays_stops_and_can_be_stepped_through(visit):
    page = visit("01_noising")
    figure = page.locator("figure[data-frames]").first
    figure.scroll_into_view_if_needed()
    shown = "document.querySelector('figure[data-frames] img').getAttribute('src')"
    first = page.evaluate(shown)
    page.wait_for_function(f"{shown} !== {first!r}")  # it has started by itself
    figure.get_by_role("button", name="Pause").click()
    stopped = page.evaluate(shown)
    page.wait_for_timeout(600)
    assert page.evaluate(shown) == stopped
    figure.get_by_role("slider").press("Home")
    assert page.evaluate(shown).endswith("-00.webp")
    figure.get_by_role("slider").press("ArrowRight")
    assert page.evaluate(shown).endswith("-01.webp")


def test_an_animation_waits_for_readers_who_want_less_motion(visit):
    page = visit("01_noising", reduced_motion="reduce")
    figure = page.locator("figure[data-frames]").first
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(600)
    assert figure.get_by_role("button", name="Play").is_visible()
