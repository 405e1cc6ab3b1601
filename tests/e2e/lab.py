"""JupyterLab served on this machine with a copy of the lessons, and the browser's tabs on it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
from nbformat import v4

from minidiff.course import lessons

# What JupyterLab holds of the notebook in a tab. The stars of its prompts would mislead: after a
# cell that raises, tagged `raises-exception` or not, all that still wait lose theirs.
CELLS = """
const cells = jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model)
    .filter(cell => cell.type === "code" && cell.sharedModel.getSource().trim());
const waiting = cells.filter(cell => !cell.executionCount);
const wrong = cells.filter(cell => !(cell.getMetadata("tags") ?? []).includes("raises-exception"))
    .flatMap(cell => cell.outputs.toJSON())
    .filter(output => output.output_type === "error" || output.name === "stderr")
    .map(output => output.traceback?.join("\\n") ?? output.text);
"""
# One line for each address that Python wants to reach outside this machine, kernels included.
WATCH = """
import os, sys

def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        address = args[1] if event == "socket.connect" else args[:1]
        host = str(address[0]) if isinstance(address, tuple) else ""
        if host and not host.startswith("127.") and host not in ("localhost", "::1", "0.0.0.0"):
            with open(os.environ["MINIDIFF_CALLS"], "a") as file:
                file.write(f"{host}\\n")

sys.addaudithook(watch)
"""
OPTIONS = [
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--IdentityProvider.token=",
    "--LabApp.expose_app_in_browser=True",  # so that a tab can be asked for its cells
    "--LabApp.extension_manager=readonly",  # the other asks the network what there is
    "--ServerApp.disable_check_xsrf=True",  # so that a kernel can be ended from here
]


class Lab:
    """The tabs: one notebook in each."""

    def __init__(self, browser, url, folder):
        # One window for all tabs: JupyterLab's own files are loaded once.
        self.window = browser.new_context(viewport={"width": 1400, "height": 1000})
        self.window.set_default_timeout(180_000)  # a busy machine is slow, but not wrong
        self.window.on("request", self._watch)
        self.url, self.folder = url, folder
        self.pages, self.ran, self.strangers = {}, set(), []

    def write(self, stem, *sources):
        """A notebook made of the code of its cells, beside the lessons."""
        cells = [v4.new_code_cell(source) for source in sources]
        made = v4.new_notebook(cells=cells, metadata=lessons._METADATA)
        nbformat.write(made, self.folder / f"{stem}.ipynb")

    def open(self, stem):
        """The notebook in a tab of its own, its kernel ready."""
        if stem not in self.pages:
            page = self.window.new_page()
            page.goto(f"{self.url}/lab/workspaces/{stem}/tree/{stem}.ipynb")
            page.get_by_text("| Idle").wait_for()  # in the status bar: the kernel has answered
            self.pages[stem] = page
        return self.pages[stem]

    def run(self, *stems):
        """Run All in each of the notebooks, side by side; returns when all of them have ended."""
        for stem in stems:
            page = self.open(stem)
            page.bring_to_front()
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            page.wait_for_function(f"() => {{ {CELLS} return waiting.length; }}")
            self.ran.add(stem)
        ended = f"() => {{ {CELLS} return !waiting.length || wrong.length; }}"
        for stem in stems:
            self.pages[stem].wait_for_function(ended, polling=500, timeout=1_800_000)

    def wrong(self, stem):
        """The errors, and what was written to stderr, in a notebook that has run."""
        return self.pages[stem].evaluate(f"() => {{ {CELLS} return wrong; }}")

    def close(self, stem):
        """Closes the tab and ends the kernel, which would keep its memory."""
        self.pages.pop(stem).close()
        with urllib.request.urlopen(f"{self.url}/api/sessions") as answer:
            sessions = json.load(answer)
        for session in sessions:
            if session["path"] == f"{stem}.ipynb":
                url = f"{self.url}/api/sessions/{session['id']}"
                urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()

    def _watch(self, request):
        host = request.url.split("/")[2] if "//" in request.url else ""
        if host and not host.startswith("127.0.0.1:"):
            self.strangers.append(request.url)


@contextlib.contextmanager
def serve(browser, folder):
    """A Lab whose server keeps all its files in `folder`; in the end, nobody has left home."""
    shutil.copytree(lessons.NOTEBOOKS, folder / "notebooks")
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    (folder / "sitecustomize.py").write_text(WATCH)
    own = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"]
    own = {name: str(folder / name.lower()) for name in [*own, "JUPYTERLAB_WORKSPACES_DIR"]}
    own |= {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "PYTHONPATH": str(folder)}
    own |= {"MINIDIFF_CALLS": str(folder / "calls.txt"), "OMP_NUM_THREADS": "1"}
    own |= {"MINIDIFF_DEVICE": "cpu"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", *OPTIONS, f"--port={port}"]
    command += [f"--ServerApp.root_dir={folder / 'notebooks'}"]
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, server)
        lab = Lab(browser, url, folder / "notebooks")
        yield lab
        for stem in list(lab.pages):
            lab.close(stem)
        lab.window.close()
    finally:
        server.terminate()
        server.wait(30)
    assert lab.strangers == []
    calls = folder / "calls.txt"
    assert not calls.exists(), calls.read_text()


def _wait_for(url, server):
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/api/status").close()
            return
        except OSError:
            assert server.poll() is None, "JupyterLab has ended"
            time.sleep(0.2)
    raise TimeoutError("JupyterLab does not answer")
