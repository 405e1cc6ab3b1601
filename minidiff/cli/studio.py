"""`minidiff studio`: JupyterLab on one clean page."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import UserError
from ..files import atomic_write

CELL = "from minidiff import studio\n\nstudio.open({prompt!r})"


def studio(args):
    """Writes a notebook of one cell, opens JupyterLab on it, and stays until that is closed."""
    folder = Path(args.folder or tempfile.mkdtemp(prefix="minidiff-studio-"))
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "studio.ipynb"
    if page.exists() and args.folder:
        raise UserError(f"{page} is there already; open it, or name another folder")
    with atomic_write(page) as temporary:
        temporary.write_text(notebook(args.prompt), encoding="utf-8")
    print(f"{page}: press Shift+Enter in its cell")
    lab = [sys.executable, "-m", "jupyter", "lab", str(page), f"--port={args.port}"]
    return subprocess.run(lab + ["--no-browser"] * args.no_browser, cwd=folder).returncode


def notebook(prompt):
    """The text of a notebook with the studio's cell."""
    cell = {
        "cell_type": "code",
        "id": "studio",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    cell["source"] = CELL.format(prompt=prompt)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {
        "cells": [cell],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1) + "\n"
