"""`minidiff placeholders`: a table of prompts and sizes becomes a folder of pictures to lay out with.

Each picture is painted at the model's own size on its shorter side, in the shape asked for, enlarged
or reduced by interpolation, and cut to the exact size.
"""

import csv
import html
import io
import itertools
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo
from tqdm import tqdm

from .. import sampling
from ..conditions import Unconditional
from ..errors import UserError, shown
from ..files import atomic_write
from . import folder, outputs
from .models import open_model, resize, within_memory
from .prompts import check_prompts
from .record import CHUNK, Record

COLUMNS = ("prompt", "width", "height", "seed", "name")
SIDES, RATIO = (16, 2048), 4  # pixels; the longer side over the shorter
MARK = "<!doctype html><!-- placeholders by minidiff, a machine -->"  # a contact sheet's first line


@dataclass(frozen=True)
class Row:
    """One picture of the table; width and height None for the model's own."""

    prompt: str
    seed: int
    name: str
    width: int | None = None
    height: int | None = None


def placeholders(args):
    """Writes what is missing in the folder; prints the contact sheet's path."""
    rows = table(Path(args.file))
    model, facts = open_model(args.model, args.device)
    if len(model.shape) != 3 or isinstance(model.encoder, Unconditional):
        raise UserError(f"--model must paint pictures from prompts, and {args.model!r} does not")
    check_rows(model, rows, args.file)
    path, _ = outputs.check(args.out if args.out.endswith("/") else f"{args.out}/")
    record = Record(
        model=args.model,
        weights=facts["weights"],
        negative=None,
        steps=model.steps,
        sampler=getattr(model.sampler, "__name__", str(model.sampler)),
        guidance=model.w,
        size=None,
        enlarge=None,
    )
    files = Placeholders(path, rows, record, [painted_size(model, row) for row in rows])
    with files.begun() as missing:
        missing = sorted(missing, key=lambda k: files.sizes[k])  # a size is painted in one go
        files.write(missing, painted(model, files, missing, args.batch or 16))
    print(path / "index.html")
    return 0


def table(source):
    """The rows of a CSV file; UserError with the number of the line that is none."""
    try:
        with open(source, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            found = [(reader.line_num, line) for line in reader]
    except FileNotFoundError as error:
        raise FileNotFoundError(f"placeholders found no file {shown(source)}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"FILE must be a CSV in UTF-8, and {shown(source)} is none") from error
    if "prompt" not in columns or set(columns) - set(COLUMNS) or len(set(columns)) < len(columns):
        told = ", ".join(COLUMNS)
        raise UserError(f"FILE must have a column prompt and none but {told}, got {columns}")
    if not found:
        raise UserError(f"FILE must hold a row for each picture, and {shown(source)} holds none")
    outputs.check_count(len(found), "", 3, None)
    rows, before, digits = [], Counter(), len(str(len(found)))
    for number, (line, cells) in enumerate(found, 1):
        try:
            rows.append(row_of(cells, before, f"{number:0{digits}}"))
        except UserError as error:
            raise UserError(f"line {line} of {shown(source)}: {error}") from error
    twice = [name for name, n in Counter(row.name.lower() for row in rows).items() if n > 1]
    if twice:
        raise UserError(f"name must differ from row to row, got {twice[0]!r} twice")
    return rows


def row_of(cells, before, number):
    """A Row from the cells of a line; before: how often each prompt stood above, counted on."""
    if None in cells or None in cells.values():
        raise UserError("it must have as many cells as the first line")
    cells = {name: text.strip() for name, text in cells.items()}
    prompt, name = cells["prompt"], cells.get("name") or number
    name = name.removesuffix(".png")
    if not re.fullmatch(r"[\w-][\w .-]{0,99}", name) or name.lower() == "index" or name[-1] in " .":
        raise UserError(
            f"name must be up to 100 letters, digits, - and _, and not index, got {name!r}"
        )
    seed = number_of("seed", cells, 0, 2**63 - 1)
    width, height = (number_of(side, cells, *SIDES) for side in ("width", "height"))
    if (width is None) != (height is None):
        raise UserError("width and height go together, got one of them")
    if width and max(width, height) > RATIO * min(width, height):
        raise UserError(f"one side may be {RATIO} times the other at most, got {width}x{height}")
    seed = before[prompt] if seed is None else seed  # the same prompt again is another picture
    before[prompt] += 1
    return Row(prompt, seed, f"{name}.png", width, height)


def number_of(name, cells, least, most):
    text = cells.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
        raise UserError(f"{name} must be a whole number from {least} to {most}, got {text[:40]!r}")
    return int(text)


def check_rows(model, rows, source):
    """UserError for the first prompt that the model cannot read, with the prompt itself."""
    for prompt in dict.fromkeys(row.prompt for row in rows):
        try:
            check_prompts(model, [prompt])
        except UserError as error:
            raise UserError(f"{shown(source)}, prompt {prompt[:60]!r}: {error}") from error


def painted_size(model, row):
    """The size to paint a row's picture at: the model's own on the shorter side, the row's shape."""
    codec, net = model.factors
    own = [side * codec for side in reversed(model.shape[-2:])]
    if row.width is None:
        return tuple(own)
    sides, short, step = (row.width, row.height), min(own), codec * net
    return tuple(math.ceil(short * side / min(sides) / step) * step for side in sides)


def painted(model, files, missing, batch):
    """Chunks (n, C, H, W) of the missing pictures, each of one size, under a progress bar."""
    parts = [list(ks) for _, ks in itertools.groupby(missing, key=lambda k: files.sizes[k])]
    total = sum(math.ceil(len(ks) / batch) for ks in parts) * model.steps
    with tqdm(total=total, desc=files.record.model, unit="step", leave=False, disable=None) as bar:
        for ks in parts:
            resize(model, *files.sizes[ks[0]])
            asked = [files.prompts[k] for k in ks], [files.seeds[k] for k in ks]
            walks = sampling.trajectories(model, *asked, chunk=batch)
            yield from within_memory(sampling.finished(model, walks, bar), batch)


def cut(data, fit, told):
    """The bytes of a PNG of a picture as painted, in the size "WxH" and with its record `told`."""
    file, info = io.BytesIO(), PngInfo()
    info.add_text(CHUNK, told)
    with Image.open(io.BytesIO(data)) as picture:
        fitted(picture, fit).save(file, "png", pnginfo=info)
    return file.getvalue()


def fitted(picture, fit):
    """A Pillow image enlarged or reduced until it covers the size "WxH", and cut to it."""
    size = tuple(int(side) for side in fit.split("x"))
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


class Placeholders(folder.Pictures):
    """A folder of pictures of several sizes, with a contact sheet beside its index."""

    def __init__(self, path, rows, record, sizes):
        super().__init__(path, [row.prompt for row in rows], [row.seed for row in rows], record)
        self.names, self.sizes = [row.name for row in rows], sizes
        self.fits = [f"{row.width}x{row.height}" if row.width else None for row in rows]

    def record_of(self, k):
        return replace(self.record, size="{}x{}".format(*self.sizes[k]))

    def text(self, k):
        fit = self.fits[k]
        more = {"fit": fit} if fit and fit != self.record_of(k).size else {}
        return self.record_of(k).text([self.prompts[k]], self.seeds[k], **more)

    def save(self, k, tile):
        from ..notebook import figures

        picture, info = figures.picture(tile), PngInfo()
        info.add_text(CHUNK, self.text(k))
        if "fit" in json.loads(self.text(k)):
            picture = fitted(picture, self.fits[k])
        with atomic_write(self.path / self.names[k]) as temporary:
            picture.save(temporary, "png", pnginfo=info)

    def is_index(self, name):
        if name == "index.html":
            with open(self.path / name, encoding="utf-8", errors="replace") as file:
                return file.readline(1000).strip() in ("", MARK)
        return super().is_index(name)

    def columns(self):
        return ["file", "prompt", "seed", "fit", *self.record.settings()]

    def row(self, k):
        settings = self.record_of(k).settings().values()
        first = [self.names[k], self.prompts[k], self.seeds[k], self.fits[k]]
        return map(folder.cell, [*first, *settings])

    def write_index(self, ks):
        super().write_index(ks)
        with atomic_write(self.path / "index.html") as temporary:
            temporary.write_text(sheet([self.tile(k) for k in sorted(ks)]), encoding="utf-8")

    def tile(self, k):
        name, prompt = html.escape(self.names[k]), html.escape(self.prompts[k])
        size = self.fits[k] or self.record_of(k).size
        width, height = size.split("x")
        image = (
            f'<img src="{name}" alt="{prompt}" width="{width}" height="{height}" loading="lazy">'
        )
        told = f"<figcaption>{prompt}<br><small>{name} · {size} · seed {self.seeds[k]}</small>"
        return f'<figure><a href="{name}">{image}</a>{told}</figcaption></figure>'


def sheet(tiles):
    """The contact sheet: a page that needs nothing but the pictures beside it."""
    style = (
        "body{font:15px system-ui,sans-serif;margin:1rem;color-scheme:light dark}"
        "main{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr))}"
        "figure{margin:0}img{width:100%;height:auto}figcaption{overflow-wrap:anywhere}"
    )
    head = '<html lang="en"><meta charset="utf-8"><title>Placeholders</title>'
    head += '<meta name="viewport" content="width=device-width,initial-scale=1">'
    told = f"<h1>Placeholders</h1><p>{len(tiles)} pictures, painted by a machine.</p>"
    lines = [MARK, f"{head}<style>{style}</style>", told, "<main>", *tiles, "</main>", "</html>"]
    return "\n".join(lines) + "\n"
