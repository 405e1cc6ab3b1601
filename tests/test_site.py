"""The site: every lesson is there, nothing in it points outside, every picture is described."""

import base64
import functools
import io
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat import v4
from PIL import Image

from minidiff.course import lessons, site
from minidiff.notebook import figures as canvas

STEMS = [path.stem for path in sorted(lessons.NOTEBOOKS.glob("*.ipynb"))]


@functools.cache  # a page that all others link to is parsed once
def soup_of(page):
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def references(soup):
    """What the page loads and links to."""
    return [tag.get("src") or tag.get("href") for tag in soup.select("[src], [href]")]


@pytest.mark.parametrize("stem", ["index", "dictionary", *STEMS])
def test_everything_a_page_refers_to_lies_in_the_folder(built_site, stem):
    soup = soup_of(built_site / f"{stem}.html")
    frames = [
        text for figure in soup.select("[data-frames]") for text in figure["data-frames"].split()
    ]
    for target in references(soup) + frames:
        file, _, place = target.partition("#")
        if target != "data:,":
            assert "//" not in file and (built_site / (file or f"{stem}.html")).is_file(), target
        assert not place or soup_of(built_site / (file or f"{stem}.html")).find(id=place), target


@pytest.mark.parametrize("stem", STEMS)
def test_a_page_shows_every_cell_and_every_picture_described(built_site, stem):
    soup = soup_of(built_site / f"{stem}.html")
    cells = nbformat.read(lessons.NOTEBOOKS / f"{stem}.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
    code = [cell for cell in code if "claim" not in cell.metadata.get("tags", [])]
    stored = [out for cell in code for out in cell.outputs if "image/png" in out.get("data", {})]
    assert len(soup.select("details.code")) == len(code)
    assert len(soup.select("figure img")) == len(stored) > 0
    told = [" ".join(out.metadata["image/png"]["alt"].split()) for out in stored]
    assert [image["alt"] for image in soup.select("figure img")] == told
    assert len({*told}) == len(told) and min(map(len, told)) >= 20
    assert [image["alt"] for image in soup.select("img") if len(image["alt"]) < 20] == []


def test_code_that_a_lesson_keeps_folded_is_folded_on_its_page(built_site):
    cells = nbformat.read(lessons.NOTEBOOKS / "00_tour.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    told = [cell for cell in code if "claim" not in cell.metadata.get("tags", [])]
    hidden = [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in told]
    shown = soup_of(built_site / "00_tour.html").select("details.code")
    assert [not tag.has_attr("open") for tag in shown] == hidden and any(hidden)
    assert all(
        t.has_attr("open") for t in soup_of(built_site / "03_ddpm.html").select("details.code")
    )


def test_lessons_are_listed_and_joined_in_order(built_site):
    pages = [f"{stem}.html" for stem in STEMS]
    assert [a["href"] for a in soup_of(built_site / "index.html").select(".contents ol a")] == pages
    for before, page, after in zip([None, *pages], pages, [*pages[1:], None]):
        turn = {a["rel"][0]: a["href"] for a in soup_of(built_site / page).select(".turn a")}
        assert (turn.get("prev"), turn.get("next")) == (before, after)


def test_the_dictionary_leads_to_lessons_and_is_led_to(built_site):
    index, words = (soup_of(built_site / f"{name}.html") for name in ("index", "dictionary"))
    assert index.select_one('.contents p a[href="dictionary.html"]').text == words.h1.text
    for row in words.select("tbody tr"):  # each word has its lesson, and a place in it that exists
        assert row.select("td:last-child a[href]"), row.text
    assert len(words.select("tbody tr")) > 30 and not (built_site / "DICTIONARY").exists()


def test_the_site_is_small_and_names_its_licence(built_site):
    sizes = [file.stat().st_size for file in built_site.rglob("*") if file.is_file()]
    assert sum(sizes) <= 15 * 2**20
    assert "MIT" in (built_site / "static" / "katex" / "LICENSE").read_text()


def png(image):
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def output(data, kind="image/png", text=""):
    return v4.new_output(
        "display_data", {kind: base64.b64encode(data).decode(), "text/plain": text}
    )


def page_of(folder, *cells):
    path = folder / "90_made.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# 90 Made"), *cells]), path)
    index, page = site.build(folder / "site", [path])
    return soup_of(page)


def shown(folder, *outputs):
    return page_of(folder, v4.new_code_cell("draw()", outputs=list(outputs), execution_count=1))


def test_an_animation_keeps_its_frames_pixel_for_pixel(tmp_path):
    frames = [Image.new("RGB", (8, 6), (50 * i, 0, 0)) for i in range(4)]
    moving = Image.open(io.BytesIO(canvas.apng(frames, fps=5, hold=2)))
    figure = shown(tmp_path, output(canvas.apng(frames, fps=5, hold=2))).find("figure")
    files = figure["data-frames"].split()
    assert figure["data-times"].split() == ["200", "200", "200", "2000"]
    assert figure.img["src"] == files[-1]
    for i, file in enumerate(files):
        moving.seek(i)
        assert Image.open(tmp_path / "site" / file).convert("RGB").tobytes() == (
            moving.convert("RGB").tobytes()
        )


def test_a_large_picture_is_recoded_without_loss(tmp_path):
    noisy = Image.effect_noise((300, 300), 90).convert("RGB")
    file = shown(tmp_path, output(png(noisy))).find("img")["src"]
    assert Path(file).suffix == ".webp"
    assert Image.open(tmp_path / "site" / file).convert("RGB").tobytes() == noisy.tobytes()


def test_controls_leave_a_note_and_progress_bars_nothing(tmp_path):
    slider = output(b"", lessons.WIDGET, "VBox(children=(FloatSlider(value=0.5),))")
    bar = output(b"", lessons.WIDGET, "100%|##########| 3/3 [00:00<00:00]")
    soup = shown(tmp_path, slider, bar)
    assert ["live controls" in note.text for note in soup.select(".output")] == [True]


def test_a_picture_is_described_as_its_figure_says(tmp_path):
    picture = output(png(Image.new("RGB", (4, 4))))
    picture.metadata["image/png"] = {"alt": 'A "small"\n square & more.'}
    strange = output(png(Image.new("RGB", (4, 4))))
    strange.metadata["image/png"] = ["no text"]
    soup = shown(tmp_path, picture, strange, output(png(Image.new("RGB", (4, 4)))))
    alts = [image["alt"] for image in soup.select("figure img")]
    assert alts == ['A "small" square & more.', "", ""]


def test_links_to_lessons_lead_to_pages_and_others_fall_away(tmp_path):
    (tmp_path / "here.png").write_bytes(png(Image.new("RGB", (4, 4))))
    text = "## A place\n\n[made](90_made.ipynb#A-place) [code](../minidiff/samplers.py) ![a cat](here.png)"
    soup = page_of(tmp_path, v4.new_markdown_cell(text))
    assert [a["href"] for a in soup.select("main a")] == ["90_made.html#A-place"]
    assert soup.find("h2")["id"] == "A-place" and "code" in soup.find("main").text
    assert (tmp_path / "site" / soup.select_one("main img")["src"]).is_file()


def test_building_twice_changes_nothing(tmp_path):
    path, made = tmp_path / "90_made.ipynb", []
    frames = [Image.new("RGB", (8, 6), (50 * i, 0, 0)) for i in range(2)]
    moving = output(canvas.apng(frames, fps=5, hold=2))
    cells = [v4.new_markdown_cell("# 90 Made"), v4.new_code_cell("draw()", outputs=[moving])]
    nbformat.write(v4.new_notebook(cells=cells), path)
    for _ in range(2):
        site.build(tmp_path / "site", [path])
        files = [file for file in (tmp_path / "site").rglob("*") if file.is_file()]
        made.append({file: file.read_bytes() for file in files})
    assert made[0] == made[1] and len([file for file in made[0] if file.suffix == ".webp"]) == 2


def test_nothing_comes_along_from_outside_the_folder(tmp_path):
    folder = tmp_path / "lessons"
    (folder / "pictures").mkdir(parents=True)
    for file in ("secret.png", "lessons/pictures/cat.png", "lessons/marks.csv"):
        (tmp_path / file).write_bytes(png(Image.new("RGB", (4, 4))))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    names = [f"{tmp_path}/secret.png", "../secret.png", "link.png", "marks.csv", "/etc/passwd"]
    pictures = " ".join(f"![a {i}]({name})" for i, name in enumerate(names))
    soup = page_of(folder, v4.new_markdown_cell(f"{pictures} ![a cat](pictures/cat.png)"))
    assert [image["src"] for image in soup.select("main img")] == ["90_made/cat.png"]
    assert "a 0 a 1 a 2 a 3 a 4" in soup.find("main").text
    files = [f.name for f in (folder / "site" / "90_made").iterdir()]
    assert files == ["cat.png"]


def test_titles_summaries_and_outlines_are_text(tmp_path):
    title = '# Why `<script>alert(1)</script>`\n\nIt is `<b>x</b>`.\n\n## When `x<y` & "so"'
    path = tmp_path / "90_made.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell(title)]), path)
    index, page = (soup_of(file) for file in site.build(tmp_path / "site", [path]))
    for soup in (index, page):
        assert [tag for tag in soup.select("script") if not tag.get("src")] == []
    assert "Why <script>alert(1)</script>" in page.title.text
    assert (
        index.select_one(".contents li").text.split()
        == "Why <script>alert(1)</script> It is <b>x</b>.".split()
    )
    [link] = page.select(".outline a")
    assert link.text == 'When x<y & "so"' == page.h2.text
    assert link["href"] == f"#{page.h2['id']}"


def test_widget_metadata_of_other_programs_is_no_matter(tmp_path):
    shown = v4.new_code_cell("3", outputs=[v4.new_output("display_data", {"text/plain": "3"})])
    nb = v4.new_notebook(cells=[v4.new_markdown_cell("# 90 Made"), shown])
    nb.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    nbformat.write(nb, tmp_path / "90_made.ipynb")
    index, page = site.build(tmp_path / "site", [tmp_path / "90_made.ipynb"])
    assert soup_of(page).h1.text == "90 Made"


def test_bad_input_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="folder must be a folder"):
        site.build(tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="No lesson at .*missing.ipynb"):
        site.build(tmp_path / "site", ["missing.ipynb"])
    assert not (tmp_path / "site").exists()
