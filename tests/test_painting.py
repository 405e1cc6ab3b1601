"""The tools to paint with, driven as a front end drives them: bytes in, tensors out."""

import nbformat
import pytest
import torch
from IPython.display import Image
from matplotlib.figure import Figure
from nbformat import v4

from minidiff.course import lessons
from minidiff.notebook import painting, viz, widgets
from minidiff.notebook.painting import drawings, paint_mask, sketch

PICTURE = torch.linspace(0, 1, 3 * 8 * 12).reshape(3, 8, 12)
PAPER = torch.zeros(1, 28, 28)


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    """What a cell would display, in order; every test begins with nothing painted."""
    outputs = []
    monkeypatch.setattr(widgets, "display", outputs.append)
    drawings.clear()
    yield outputs
    drawings.clear()


def parts(outputs):
    """The still, the other controls, the painter, the live picture and the message."""
    still, box = outputs
    *controls, painter, picture, message = box.children
    return still, controls, painter, picture, message


def paint(painter, drawing):
    """A stroke, as the page sends it: a memoryview of (H, W, C)."""
    planes = (drawing.reshape(-1, *drawing.shape[-2:]) * 255.0).round().byte()
    painter.set_state({"drawing": memoryview(planes.permute(1, 2, 0).numpy().tobytes())})


def press(painter):
    painter.set_state({"asked": True})
    assert painter.asked is False


def corner():
    mask = torch.zeros(8, 12, dtype=torch.bool)
    mask[1:3, 2:7] = True
    return mask


def fill(mask, level=1.0):
    """The hole in one level of grey; what a careless or a strict fill would do in two cases."""
    if not mask.any():
        raise ValueError("mask must be True <somewhere>.\nmore")
    return torch.where(mask, torch.tensor(level), PICTURE)


def png(picture, scale):
    return viz.png(viz.images(picture[None], scale=scale))


def test_before_anything_is_painted_the_picture_stands_as_it_is(shown):
    asked = []
    assert paint_mask(PICTURE, asked.append) is None
    still, controls, painter, picture, message = parts(shown)
    assert asked == [] and controls == [] and message.value == ""
    assert isinstance(still, Figure)
    assert viz.png(still) == picture.value == png(PICTURE, painter.scale)


def test_a_painted_mask_arrives_when_the_button_is_pressed(shown):
    masks = []
    paint_mask(PICTURE, lambda mask: masks.append(mask) or fill(mask))
    _, _, painter, picture, _ = parts(shown)
    paint(painter, corner())
    assert masks == []
    press(painter)
    (mask,) = masks
    assert mask.dtype == torch.bool and mask.equal(corner())
    assert picture.value == png(fill(corner()), painter.scale)


def test_a_control_refills_what_was_handed_over(shown):
    paint_mask(PICTURE[None], fill, level=(0.0, 1.0, 0.5, 1.0))
    _, [slider], painter, picture, _ = parts(shown)
    paint(painter, corner())
    press(painter)
    slider.value = 0.5
    assert picture.value == png(fill(corner(), 0.5), painter.scale)


def test_a_first_mask_is_painted_and_filled_and_gives_the_stills(shown):
    stills = [{"level": 0.0}, {"level": 0.5}]
    paint_mask(PICTURE, fill, stills, mask=corner(), level=(0.0, 1.0, 0.5, 1.0))
    still, _, painter, picture, _ = parts(shown)
    assert painter.painted().equal(corner())
    assert picture.value == png(fill(corner()), painter.scale)
    assert isinstance(still, Image)


def test_an_error_is_one_sentence_and_the_tool_goes_on(shown):
    paint_mask(PICTURE, fill)
    _, _, painter, picture, message = parts(shown)
    before = picture.value
    press(painter)
    assert message.value == '<p role="alert">mask must be True &lt;somewhere&gt;.</p>'
    assert picture.value == before
    paint(painter, corner())
    press(painter)
    assert message.value == "" and picture.value == png(fill(corner()), painter.scale)


def test_what_becomes_no_picture_is_told(shown):
    paint_mask(PICTURE, lambda mask: None)
    _, _, painter, _, message = parts(shown)
    press(painter)
    assert "must become a Figure or a picture, got None" in message.value


def test_a_figure_is_shown_as_it_is(shown):
    figure = viz.curve([0, 1], {"a": [0, 1]})
    paint_mask(PICTURE, lambda mask: figure)
    _, _, painter, picture, _ = parts(shown)
    press(painter)
    assert picture.value == viz.png(figure)


@pytest.mark.parametrize("paper", [PAPER, torch.ones(3, 6, 4), PICTURE])
def test_a_sketch_arrives_as_a_picture_like_the_paper(shown, paper):
    sketches = []
    sketch(paper, lambda drawing: sketches.append(drawing) or drawing)
    _, _, painter, picture, _ = parts(shown)
    press(painter)
    drawing = torch.rand(paper.shape, generator=torch.Generator().manual_seed(0))
    paint(painter, drawing)
    press(painter)
    untouched, drawn = sketches
    assert untouched.dtype == drawn.dtype == torch.float32
    half_a_level = 0.5 / 255 + 1e-6
    assert (untouched - paper).abs().max() <= half_a_level
    assert (drawn - drawing).abs().max() <= half_a_level
    assert picture.value == png(drawn, painter.scale)


def test_a_sketch_is_finished_from_its_start(shown):
    start = PAPER.clone()
    start[:, 4:24, 14] = 1
    sketch(PAPER, lambda drawing, strength: drawing * strength, start=start, strength=(0, 1, 1, 1))
    _, _, painter, picture, _ = parts(shown)
    assert painter.painted().equal(start)
    assert picture.value == png(start, painter.scale)


def test_inks_that_are_seen_on_the_paper(shown):
    for paper in (PAPER, 1 - PAPER, torch.ones(3, 8, 8)):
        sketch(paper, lambda drawing: drawing)
    dark, light, colour = (box.children[0].inks for box in shown[1::2])
    assert [dark[0][0], light[0][0]] == ["white", "black"] and len(dark) == len(light) == 1
    assert 2 <= len(colour) <= 9  # one key each
    assert all(len(rgb) == 3 and 0 <= min(rgb) <= max(rgb) <= 255 for _, rgb in colour)


def test_the_drawing_survives_a_run_of_the_cell_again(shown):
    for _ in range(2):
        paint_mask(PICTURE, fill, kept_as="cat")
        painter = shown[-1].children[0]
        if "cat" not in drawings:
            paint(painter, corner())
    assert painter.painted().equal(corner()) and drawings["cat"].equal(corner())
    press(painter)
    assert shown[-1].children[1].value == png(fill(corner()), painter.scale)


def test_a_drawing_is_not_kept_for_another_size_or_another_name(shown):
    paint_mask(PICTURE, fill, kept_as="cat")
    paint(shown[-1].children[0], corner())
    for picture, name in [(PICTURE, "dog"), (torch.zeros(3, 12, 8), "cat")]:
        paint_mask(picture, fill, kept_as=name)
        assert not shown[-1].children[0].painted().any()


def test_a_first_mask_alone_is_not_kept(shown):
    paint_mask(PICTURE, fill, mask=corner())
    assert drawings == {}


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (torch.zeros(2, 8, 8), r"got \(2, 8, 8\) of torch.float32"),
        (torch.zeros(2, 3, 8, 8), r"got \(2, 3, 8, 8\)"),
        (torch.zeros(3, 0, 8), r"got \(3, 0, 8\)"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "of torch.uint8"),
    ],
)
def test_what_is_no_picture_is_refused(picture, said):
    with pytest.raises(ValueError, match=rf"^picture must be one picture \(1 or 3, H, W\).*{said}"):
        paint_mask(picture, fill)
    with pytest.raises(ValueError, match=rf"^paper must be one picture \(1 or 3, H, W\).*{said}"):
        sketch(picture, fill)


def test_a_start_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"^mask must have the size of what it masks, \(8, 12\)"):
        paint_mask(PICTURE, fill, mask=torch.ones(4, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="^mask must be boolean"):
        paint_mask(PICTURE, fill, mask=torch.ones(8, 12))
    with pytest.raises(ValueError, match=r"^start must be as large as the paper, \(1, 28, 28\)"):
        sketch(PAPER, fill, start=torch.zeros(1, 14, 14))


CELL = """
import torch
from minidiff.notebook.painting import paint_mask

mask = torch.zeros(8, 12, dtype=torch.bool)
mask[2:6, 3:9] = True
paint_mask(torch.ones(3, 8, 12), lambda mask: 1.0 - mask.expand(3, -1, -1).float(), mask=mask,
           alt="A white square, and in its middle a black rectangle.")
"""


def test_a_stored_lesson_holds_a_still_and_nothing_that_changes(tmp_path):
    path = tmp_path / "lesson.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(CELL)]), path)
    assert lessons.run([path]) == [path]
    assert lessons.run([path]) == []
    still, live = nbformat.read(path, as_version=4).cells[0].outputs
    assert "image/png" in still.data and lessons.WIDGET in live.data
    assert live.data["text/plain"].startswith("VBox(children=(Painter(8x12x1), Image(")
    about = [text for text in lessons.lint([path]) if "cell 0" in text]
    assert about == []


def test_the_page_s_part_comes_with_the_library_and_asks_the_network_for_nothing():
    script, style = str(painting._Painter._esm), str(painting._Painter._css)
    assert "export default" in script and ".minidiff-painter" in style
    for word in ("import ", "import(", "fetch(", "http", "url("):
        assert word not in script + style
