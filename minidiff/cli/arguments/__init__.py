"""What can be said on the command line, and what each value may be."""

import argparse

from ...errors import UserError
from . import course, pictures, studio, training


def parse(words):
    """The parsed arguments; UserError for what nobody can mean."""
    for word in words:
        if not word.isascii() and word != word.encode("utf-8", "replace").decode():
            raise UserError(f"every argument must be a text in UTF-8, got {word!r}")
    return parser().parse_args(joined(words))


def joined(words):
    """Joins --guidance and --negative with what follows: argparse would take `-1e3` for an option."""
    words, out = list(words), []
    for word in words:
        waits = out and out[-1] in ("--guidance", "--negative")
        option = word.startswith("--") or word in ("-o", "-n", "-h")
        if waits and word.startswith("-") and not option:
            out[-1] += f"={word}"
        else:
            out.append(word)
    return out


class Parser(argparse.ArgumentParser):
    """argparse whose errors are sentences for `main`, and whose help keeps the examples' lines."""

    def __init__(self, **settings):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message):
        raise UserError(f"{message}; see `{self.prog} --help`")


def parser():
    top = Parser(
        prog="minidiff",
        description="Train, use and measure the course's diffusion models; run its lessons.",
        epilog='for example:\n  minidiff generate "a red fox in snow" -n 4 -o fox.png',
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name, summary, *examples):
        epilog = "\n  ".join(["for example:", *examples])
        return commands.add_parser(name, help=summary, description=summary, epilog=epilog)

    for room in (training, pictures, studio, course):
        room.add(command)
    return top
