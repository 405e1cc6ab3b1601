"""Slides of a lesson: its headings, predictions and pictures, for a screen in front of a class.

They are nbconvert's, which shows them with reveal.js; code and most of the prose stay in the notebook.
"""

import html
import re
from pathlib import Path

from nbconvert import SlidesExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from minidiff.course import lessons
from minidiff.course.lint import alt_of
from minidiff.files import atomic_write

LONGEST = 80  # words of a paragraph that a slide can hold
_FITTING = """<style>
.reveal .slides section img { max-height: 620px; max-width: 100%; width: auto; margin: auto; }
.reveal .slides section { text-align: left; }
</style>"""


def build(folder, paths=None):
    """Writes `NAME.slides.html` for lessons, by default all, to `folder`; returns the paths.

    A page holds its pictures; reveal.js and MathJax come from the network when it is shown.
    """
    folder, written = Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for path in lessons.paths_of(paths):
        exporter = SlidesExporter(exclude_input=True, exclude_output_prompt=True)
        page, _ = exporter.from_notebook_node(slides(lessons.read(path)))
        written.append(folder / f"{path.stem}.slides.html")
        with atomic_write(written[-1]) as temporary:
            page = page.replace("</head>", f"{_FITTING}\n</head>", 1)
            temporary.write_text(page, encoding="utf-8", newline="\n")
    return written


def slides(nb):
    """A notebook of slides: a heading with its first words begins one, and below it come others.

    These are what is to be predicted, and each picture by itself.
    """
    cells = []
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cells += _words(cell.source)
        elif cell.cell_type == "code":
            cells += [_picture(out) for out in cell.outputs if "image/png" in out.get("data", {})]
    return new_notebook(cells=cells)


def _words(source):
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", source)]
    for i, text in enumerate(paragraphs):
        if re.match("##? ", text):
            first = paragraphs[i + 1] if i + 1 < len(paragraphs) else ""
            short = first if len(first.split()) <= LONGEST and not first.startswith("#") else ""
            yield _slide(new_markdown_cell(f"{text}\n\n{short}".strip()), "slide")
        elif "**Predict" in text:
            yield _slide(new_markdown_cell(text), "subslide")


def _picture(out):
    # As HTML, which comes first, since nbconvert's slides know of no alt text.
    png, alt = out.data["image/png"], html.escape(alt_of(out))
    image = f'<img src="data:image/png;base64,{"".join(png.split())}" alt="{alt}">'
    shown = new_output("display_data", data={"image/png": png, "text/html": image})
    return _slide(new_code_cell("", outputs=[shown]), "subslide")


def _slide(cell, kind):
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell
