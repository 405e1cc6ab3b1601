"""A folder of pictures, a file for each and an index, which the same command goes on with."""

import csv
import re
from contextlib import contextmanager, suppress

from PIL.PngImagePlugin import PngInfo

from ..errors import UserError, shown
from ..files import atomic_write, owned
from .record import CHUNK, made_by


class Pictures:
    """The files that the prompts and seeds of a command make, numbered from 1, and their index.

    What each file holds is told by the record inside it, so whoever was killed at any moment leaves
    a folder that tells what is missing.
    """

    def __init__(self, path, prompts, seeds, record):
        digits = len(str(len(prompts)))
        self.path, self.prompts, self.seeds, self.record = path, prompts, seeds, record
        self.names = [f"{number:0{digits}}.png" for number in range(1, len(prompts) + 1)]

    @contextmanager
    def begun(self):
        """Own the folder while the block runs, which gets the numbers, from 0, of what is missing.

        UserError if the folder holds anything else, or if another run writes there. A folder that was
        made for this and stayed empty goes again.
        """
        new = not self.path.exists()
        if not new:
            self.missing()  # before a lock is laid into a folder of something else
        self.path.mkdir(exist_ok=True)
        try:
            with owned(self.path):
                try:
                    yield self.missing()
                finally:
                    with suppress(OSError):  # Windows keeps an open file
                        (self.path / ".lock").unlink()
        finally:
            if new:
                with suppress(OSError):  # it holds files
                    self.path.rmdir()

    def text(self, k):
        """The record of picture k."""
        return self.record.text([self.prompts[k]], self.seeds[k])

    def missing(self):
        """The numbers, from 0, of the pictures not yet there. UserError if anything else is."""
        number = {name: k for k, name in enumerate(self.names)}
        there = {file.name for file in self.path.iterdir() if not file.name.startswith(".")}
        for name in sorted(there):
            picture = name in number and made_by(self.path / name) == self.text(number[name])
            if not picture and not self.is_index(name):
                raise UserError(
                    "-o must be a new or an empty folder, or one that the same command began, got "
                    f"{shown(self.path)}, which holds {name} of another"
                )
        return [k for k, name in enumerate(self.names) if name not in there]

    def is_index(self, name):
        """Whether a file in the folder is an index that such a command wrote, or began."""
        if name != "index.csv":
            return False
        with open(self.path / name, encoding="utf-8-sig", errors="replace") as file:
            return file.readline(1000).strip() in ("", ",".join(self.columns()))

    def write(self, missing, chunks):
        """A file for each of the pictures missing, which come in chunks (n, 1 or 3, H, W) in 0..1.

        The index follows them, so it names no picture that is not there.
        """
        from ..notebook import figures

        there, ks, known = set(range(len(self.names))) - set(missing), iter(missing), 0
        try:
            for chunk in chunks:
                if len(there) > 1.1 * known:  # each chunk of many would take ever longer
                    self.write_index(there)
                    known = len(there)
                for tile, k in zip(figures.tiles(chunk), ks):
                    self.save(k, tile)
                    there.add(k)
        finally:
            if there:
                self.write_index(there)

    def save(self, k, tile):
        """Write picture k, (H, W, 3), with its record."""
        from ..notebook import figures

        info, scale = PngInfo(), self.record.enlarge or 1
        info.add_text(CHUNK, self.text(k))
        picture = figures.picture(tile.repeat(scale, 0).repeat(scale, 1))
        with atomic_write(self.path / self.names[k]) as temporary:
            picture.save(temporary, "png", pnginfo=info)

    def write_index(self, ks):
        with (
            atomic_write(self.path / "index.csv") as temporary,
            open(temporary, "w", newline="", encoding="utf-8-sig") as file,
        ):
            csv.writer(file).writerows([self.columns(), *map(self.row, sorted(ks))])

    def columns(self):
        return ["file", "prompt", "seed", *self.record.settings()]

    def row(self, k):
        settings = self.record.settings().values()
        return map(cell, [self.names[k], self.prompts[k], self.seeds[k], *settings])


def cell(value):
    """A cell of the index: a text that starts like a formula would be run as one."""
    return re.sub(r"^(?=[=+@\t\r＝＋＠－-])", "'", value) if isinstance(value, str) else value
