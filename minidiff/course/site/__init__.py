"""The lessons as a site: static pages that work from a folder, with no network and no kernel.

nbconvert renders the cells. What a reader without a kernel needs is done to the notebook before:
pictures become files with the alternative text that their figures brought along, animations get
their frames, so that a slider can step through them, and live controls point to the picture that
stands for them.
"""

import base64
import html
import io
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook, new_output
from PIL import Image
from tqdm.auto import tqdm

from minidiff.course.lessons import NOTEBOOKS, WIDGET, paths_of, picture_beside, read
from minidiff.course.lint import alt_of
from minidiff.errors import UserError

FILES = Path(__file__).with_name("files")
DICTIONARY = NOTEBOOKS / "DICTIONARY.md"
_SUMMARY = 240  # characters
_RECODE = 48_000  # bytes from which a picture is worth half a second of recoding
_BAR = re.compile(r"\d+%\|")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"(])")


@dataclass
class Lesson:
    """One page: where it lies, what it is called, and what stands on it."""

    page: str
    title: str = ""
    summary: str = ""
    picture: str = ""
    headings: list = field(default_factory=list)
    body: str = ""


def build(folder, paths=None):
    """Writes lessons, by default all, as a site into `folder`; returns the pages' paths.

    The first page is index.html, the contents. What else lies in the folder stays. A folder that
    is a file is a NotADirectoryError, a missing lesson a FileNotFoundError.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"folder must be a folder to write the site into, got {folder}.")
    whole, paths = not paths, paths_of(paths)
    notebooks = [read(path) for path in paths]
    shutil.copytree(FILES / "static", folder / "static", dirs_exist_ok=True)
    pages = {path.name: f"{path.stem}.html" for path in paths}
    shown = tqdm(list(zip(paths, notebooks)), desc="site", disable=None)
    lessons = [_lesson(path, nb, folder, pages) for path, nb in shown]
    words = _dictionary(folder, pages) if whole and DICTIONARY.is_file() else None
    loader = jinja2.FileSystemLoader(FILES)
    templates = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page, written = templates.get_template("page.html.j2"), [folder / "index.html"]
    contents = templates.get_template("contents.html.j2").render(lessons=lessons, words=words)
    _write(written[0], contents)
    for before, lesson, after in zip([None, *lessons], lessons, [*lessons[1:], None]):
        written.append(folder / lesson.page)
        _write(written[-1], page.render(lesson=lesson, before=before, after=after))
    if words:
        written.append(folder / words.page)
        _write(written[-1], page.render(lesson=words))
    return written


def _dictionary(folder, pages):
    """The page of other tools' words."""
    nb = new_notebook(cells=[new_markdown_cell(DICTIONARY.read_text(encoding="utf-8"))])
    words = _lesson(DICTIONARY, nb, folder, pages | {DICTIONARY.name: "dictionary.html"})
    (folder / DICTIONARY.stem).rmdir()  # it has no pictures
    return words


def _write(path, text):
    path.write_text(text, encoding="utf-8", newline="\n")


def _lesson(path, nb, folder, pages):
    store = folder / path.stem
    store.mkdir(parents=True, exist_ok=True)
    nb.cells = [cell for cell in nb.cells if "claim" not in cell.metadata.get("tags", [])]
    nb.metadata.pop("widgets", None)  # nbconvert would show live what has no kernel here
    lesson = Lesson(pages[path.name])
    for number, cell in enumerate(nb.cells):
        if cell.cell_type == "code":
            cell.outputs = [
                made
                for i, out in enumerate(cell.outputs)
                if (made := _output(out, store, f"{number:02}-{i}"))
            ]
    exporter = HTMLExporter(
        template_name="cells", extra_template_basedirs=[str(FILES)], exclude_anchor_links=True
    )
    soup = BeautifulSoup(exporter.from_notebook_node(nb)[0], "html.parser")
    _mend(soup, path, store, pages)
    lesson.title = soup.h1.get_text() if soup.h1 else path.stem
    first = soup.h1.find_next("p") if soup.h1 else None
    lesson.summary = _summary(first.get_text()) if first else ""
    lesson.picture = next((image["src"] for image in soup.select("figure img")), "")
    lesson.headings = [(h["id"], h.get_text()) for h in soup.select("h2")]
    lesson.body = str(soup)
    return lesson


def _output(out, store, name):
    """A stored output as the page shows it, or None for one that means nothing there."""
    data, alt = out.get("data", {}), alt_of(out)
    if WIDGET in data:
        if _BAR.search(data.get("text/plain", "")):
            return None
        return _html('<p class="note">In JupyterLab, live controls stand here.</p>')
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            try:
                content = base64.b64decode(data[kind])
                picture = Image.open(io.BytesIO(content))
            except (TypeError, ValueError, OSError, Image.DecompressionBombError) as error:
                raise UserError(f"{store.name}: the picture {name} cannot be read") from error
            return _html(_figure(picture, content, alt, store, name))
    if "image/svg+xml" in data:
        _write(store / f"{name}.svg", "".join(data["image/svg+xml"]))
        return _html(_image(f"{store.name}/{name}.svg", alt))
    return out


def _html(text):
    return new_output("display_data", {"text/html": text})


def _image(source, alt, size=""):
    return f'<img src="{html.escape(source)}" alt="{html.escape(alt)}" loading="lazy"{size}>'


def _figure(picture, data, alt, store, name):
    """The picture as a file, or as files if it moves: HTML that shows its last frame."""
    sources, times = [], []
    count = getattr(picture, "n_frames", 1)
    for i in range(count):
        picture.seek(i)
        frame, kind = picture.convert("RGB"), "webp"
        if count == 1 and len(data) < _RECODE:
            kind = (picture.format or "png").lower()
            (store / f"{name}.{kind}").write_bytes(data)
        else:
            name_i = f"{name}-{i:02}" if count > 1 else name
            frame.save(store / f"{name_i}.webp", lossless=True, method=1)
        suffix = f"-{i:02}" if count > 1 else ""
        sources.append(f"{store.name}/{name}{suffix}.{kind}")
        times.append(f"{picture.info.get('duration', 0):.0f}")
    image = _image(sources[-1], alt, f' width="{picture.width}" height="{picture.height}"')
    moves = f' data-frames="{html.escape(" ".join(sources))}" data-times="{" ".join(times)}"'
    return f"<figure{moves if count > 1 else ''}>{image}</figure>"


def _summary(text):
    """The first sentences of a paragraph, before they ask, and not more than fits."""
    told = ""
    for sentence in _SENTENCE_END.split(" ".join(text.split())):
        if sentence.endswith(("?", ":")) or (told and len(told + sentence) > _SUMMARY):
            break
        told = f"{told} {sentence}".strip()
    return told


def _mend(soup, path, store, pages):
    """Places to link to, links between lessons, files that lessons name, tables in their boxes."""
    for heading in soup.select("h2, h3"):
        heading["id"] = "-".join(heading.get_text().split())  # as JupyterLab names them
    for link in soup.select("a[href]"):
        target, _, place = link["href"].partition("#")
        if "//" in target or not target:
            continue
        if target in pages:
            link["href"] = pages[target] + (f"#{place}" if place else "")
        else:
            link.unwrap()  # what is no lesson does not come along
    for image in soup.select("img[src]"):
        if image["src"].startswith(f"{store.name}/") or re.match(r"\w+:|//", image["src"]):
            continue
        if file := picture_beside(path, image["src"]):
            shutil.copy(file, store / file.name)
            image["src"] = f"{store.name}/{file.name}"
        else:
            image.replace_with(
                image.get("alt", "")
            )  # what is no picture of its own does not, either
    for table in soup.select("table"):
        table.wrap(soup.new_tag("div", attrs={"class": "wide"}))
