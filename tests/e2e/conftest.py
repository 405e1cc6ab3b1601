"""A headless Chromium that reaches nothing but this machine, and what it measured.

The system's Chromium is driven, as `apt-get install chromium` brings it; Playwright comes with the
extra `e2e`. To look at what the browser saw: `pytest tests/e2e --basetemp=DIR`, then DIR/shots*.
"""

import os
import shutil

import pytest
from lab import serve

NAMES = ["chromium", "chromium-browser", "google-chrome"]
LATENCIES = []  # (lesson, control, seconds from its move to the new picture)


@pytest.fixture(scope="package")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: the extra e2e")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        pytest.skip("needs Chromium on the PATH")
    with api.sync_playwright() as playwright:
        only_here = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        chromium = playwright.chromium.launch(
            executable_path=path, args=[only_here], chromium_sandbox=os.name == "nt"
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def shots(tmp_path_factory):
    return tmp_path_factory.mktemp("shots")


@pytest.fixture(scope="package")
def lab(browser, tmp_path_factory):
    with serve(browser, tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def pytest_terminal_summary(terminalreporter):
    if LATENCIES:
        terminalreporter.section("from a control's move to its new picture")
        for lesson, control, seconds in LATENCIES:
            terminalreporter.line(f"{seconds:6.2f} s  {lesson}: {control}")
