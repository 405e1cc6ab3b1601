"""The command line: `minidiff` or `python -m minidiff`. Each command has its module here.

Bad input is one sentence on stderr and exit code 2; a bug shows its traceback, and so does all else
with MINIDIFF_DEBUG=1. PyTorch is loaded after the arguments are read: help and mistakes answer fast.
"""

import os
import signal
import sys
from contextlib import contextmanager
from importlib import import_module

from ..errors import UserError


def main(argv=None):
    """Run one command; returns the exit code: 0, 1 for findings, 2 for bad input, 130 for Ctrl-C."""
    try:
        with ended_by_ctrl_c():
            from .arguments import parse

            args = parse(sys.argv[1:] if argv is None else argv)
            command = getattr(import_module(f".{args.command}", __name__), args.command)
        return command(args)
    except (UserError, OSError, MemoryError) as error:
        if os.environ.get("MINIDIFF_DEBUG"):
            raise
        print(f"minidiff: {sentence(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("minidiff: interrupted", file=sys.stderr)
        return 130


@contextmanager
def ended_by_ctrl_c():
    """Ctrl-C ends the process at once: a library whose import is cut short says all sorts of things."""

    def end(*_):
        os.write(2, b"minidiff: interrupted\n")
        os._exit(130)

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def sentence(error):
    """The text of an error on one line, without the characters that steer a terminal."""
    text = str(error)
    if isinstance(error, MemoryError):
        text = "out of memory; only something smaller fits"
    elif isinstance(error, OSError) and error.filename:
        text = f"{error.filename}: {error.strerror}"
    line = " ".join(text.split())
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
