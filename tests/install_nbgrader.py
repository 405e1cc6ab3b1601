"""Makes the environment that test_nbgrader.py runs nbgrader from: python tests/install_nbgrader.py

It lies within this Python's environment and sees its packages, but adds none to it. Needs the
network, once; the test does not, and is skipped where there is no such environment.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

HOME = Path(sys.prefix) / "nbgrader"
SCRIPTS = HOME / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")


def install():
    venv.create(HOME, clear=True)
    inside = sysconfig.get_path("purelib", "venv", {"base": str(HOME)})
    ours = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (Path(inside) / "ours.pth").write_text(ours)
    pins = Path(__file__).with_name("nbgrader.txt")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", pins], check=True)


if __name__ == "__main__":
    install()
