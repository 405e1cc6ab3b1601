"""Pictures: their form, their exactness where pixels can be counted, and that they play."""

import io
import subprocess
import sys
import warnings
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from IPython.core.pylabtools import select_figure_formats
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from PIL import Image

from minidiff.notebook import clips, diagrams, levels, viz
from minidiff.notebook import figures as canvas


def clouds(n=50, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 2, generator=g)


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(viz.png(figure))).convert("RGB"))


FIGURES = {
    "images": lambda title: viz.images(torch.rand(5, 1, 8, 8), list("abcde"), title=title),
    "rows": lambda title: viz.images([torch.rand(2, 3, 8, 8)] * 2, ["one", "two"], title=title),
    "points": lambda title: viz.points(clouds(), clouds(), labels=["a", "b"], title=title),
    "overlay": lambda title: viz.points(
        clouds(), clouds(), labels=["a", "b"], overlay=True, title=title
    ),
    "trajectory": lambda title: viz.trajectory([clouds(), clouds()], data=clouds(), title=title),
    "field": lambda title: viz.field(lambda x: -x, lambda x: x, data=clouds(), title=title),
    "curve": lambda title: viz.curve([1, 10, 100], {"a": [3, 2, 1]}, floor=0.5, title=title),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_helper_returns_a_figure_of_whole_size_with_its_title(name):
    title = "A finding long enough to be wider than the smallest of these figures"
    figure = FIGURES[name](title)
    texts = [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))]
    assert isinstance(figure, Figure) and title in texts
    width, height = figure.bbox.size
    assert pixels(figure).shape == (round(height), round(width), 3)
    assert width <= 1000
    # The title must lie inside the figure, at its left.
    [drawn] = [t for t in figure.findobj(lambda a: getattr(a, "get_text", str)() == title)]
    box = drawn.get_window_extent()
    assert 4 <= box.x0 <= 12 and box.x1 <= width and box.y1 <= height


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_picture_has_the_same_bytes(name):
    torch.manual_seed(0)
    first = viz.png(FIGURES[name]("x"))
    torch.manual_seed(0)
    assert viz.png(FIGURES[name]("x")) == first


def test_figures_are_unknown_to_pyplot():
    code = (
        "from minidiff.notebook import viz; viz.curve([1, 2], {'a': [1, 2]}); import sys;"
        "plt = sys.modules.get('matplotlib.pyplot'); assert not plt or not plt.get_fignums()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_viz_loads_matplotlib():
    code = "import minidiff, minidiff.course.exercises, sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_labels_of_images_are_texts():
    """No dollars are lost, no letter that the font lacks makes a noise, no line is broken."""
    batch, odd = torch.rand(2, 1, 8, 8), ["a $x^2$ $^$", "\N{FOX FACE}\x00 a\nfox"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = pixels(viz.images([batch, batch], odd))
        plain = pixels(
            viz.images([batch, batch], [odd[0], "\N{WHITE SQUARE}\N{WHITE SQUARE} a fox"])
        )
        pixels(viz.images(batch, odd, title=odd[0]))
        pixels(viz.images(batch, odd, title=odd[1]))
    np.testing.assert_array_equal(drawn, plain)
    assert canvas.text_width(canvas.plain("$x$"), 9) > canvas.text_width("$x$", 9)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_image_pixels_are_exact(scale):
    tile = torch.rand(1, 3, 5, 7)
    drawn = pixels(viz.images(tile, scale=scale))
    big = (tile[0].permute(1, 2, 0).numpy() * 255).repeat(scale, 0).repeat(scale, 1)
    part = drawn[8 : 8 + 5 * scale, 8 : 8 + 7 * scale]
    assert np.abs(part - big).max() <= 1


LAYOUTS = {  # what `images` is given, and the rows that are to be seen
    "plain": (dict(columns=3), [3, 2]),
    "one row": (dict(), [5]),
    "titled": (dict(columns=2, title="A finding"), [2, 2, 1]),
    "labels": (dict(columns=3, labels=["a", "two lines of words", "b", "c", "d"]), [3, 2]),
    "labels and title": (dict(columns=3, labels=list("abcde"), title="A finding"), [3, 2]),
    "rows": (dict(rows=[3, 2]), [3, 2]),
    "rows with labels": (dict(rows=[2, 3], labels=["first", "a longer one"], title="x"), [2, 3]),
}


@pytest.mark.parametrize("settings, rows", LAYOUTS.values(), ids=LAYOUTS)
def test_images_stand_in_order_apart_and_each_by_its_label(settings, rows):
    settings = dict(settings)
    greys = [40 + 30 * i for i in range(5)]
    batch = torch.tensor(greys).view(5, 1, 1, 1).expand(5, 1, 6, 8) / 255
    given = batch.split(settings.pop("rows")) if "rows" in settings else batch
    figure = viz.images(list(given) if isinstance(given, tuple) else given, scale=4, **settings)
    drawn, boxes = pixels(figure), []
    for grey in greys:
        y, x = np.nonzero((drawn == grey).all(2))
        y, x = y[np.isin(y, np.flatnonzero(np.bincount(y) >= 32))], x  # text is grey here and there
        solid = [np.bincount(axis).argsort()[::-1] for axis in (y, x)]
        top, left = (sorted(axis[:n])[0] for axis, n in zip(solid, (24, 32)))
        assert (drawn[top : top + 24, left : left + 32] == grey).all()
        boxes.append((left, top))
    lines = np.split(np.array(boxes), np.cumsum(rows)[:-1])
    assert all((np.diff(line[:, 0]) == 32 + 6).all() for line in lines)  # side by side
    assert all(len({*line[:, 1]}) == 1 for line in lines)
    assert len({line[0, 0] for line in lines}) == 1
    steps = {int(b[0, 1] - a[0, 1]) for a, b in zip(lines, lines[1:])}
    assert len(steps) < 2 and min(steps, default=99) >= 24 + 6
    height, width = drawn.shape[:2]
    assert max(x for x, _ in boxes) + 32 <= width and max(y for _, y in boxes) + 24 <= height
    texts = [text for text in figure.axes[0].texts if text.get_text() != settings.get("title")]
    assert len(texts) == len(settings.get("labels", []))
    for i, text in enumerate(texts):
        box = text.get_window_extent()
        top, bottom = height - box.y1, height - box.y0
        assert 0 <= top and 0 <= box.x0 and box.x1 <= width
        if "rows" in LAYOUTS and isinstance(given, tuple):
            x, y = lines[i][0]
            assert box.x1 <= x and y <= (top + bottom) / 2 <= y + 24
        else:
            x, y = boxes[i]
            assert y - 20 <= bottom <= y and x - 1 <= box.x0 < x + 32


def test_clouds_laid_over_each_other_have_their_own_colour_and_name():
    many = [clouds(seed=seed) for seed in range(3)]
    figure = viz.points(*many, labels=["a", "b", "c"], overlay=True)
    [ax] = figure.axes
    for i, (drawn, cloud) in enumerate(zip(ax.collections, many, strict=True)):
        assert same_color(drawn.get_facecolor()[0][:3], f"C{i}")
        np.testing.assert_allclose(drawn.get_offsets(), cloud, rtol=1e-6)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]


def test_paths_run_from_grey_to_blue():
    steps = torch.stack([clouds(30, seed=seed) for seed in range(4)])
    figure = viz.trajectory(steps, paths=20)
    [ax] = figure.axes
    *pieces, first, last = ax.collections
    assert len(pieces) == 3 and all(len(piece.get_segments()) == 20 for piece in pieces)
    for i, piece in enumerate(pieces):
        np.testing.assert_allclose(piece.get_segments()[7], steps[i : i + 2, 7], rtol=1e-6)
        assert same_color(piece.get_color()[0][:3], canvas.NOISE_TO_DATA(i / 2)[:3])
    for drawn, cloud, colour in ((first, steps[0], canvas.NOISE), (last, steps[-1], canvas.DATA)):
        np.testing.assert_allclose(drawn.get_offsets(), cloud[:20], rtol=1e-6)
        assert same_color(drawn.get_facecolor()[0][:3], colour)


def test_images_take_grey_without_a_channel_and_clip():
    values = torch.tensor([[[-1.0, 0.0], [1.0, 2.0]]])
    drawn = pixels(viz.images(values, scale=1))[8:10, 8:10]
    assert (drawn == np.array([[0, 0], [255, 255]])[..., None]).all()


def test_points_off_the_limit_do_not_rule_the_axes():
    cloud = torch.cat([clouds(5000), torch.tensor([[1e6, 0.0]])])
    figure = viz.points(cloud)
    assert figure.axes[0].get_xlim()[1] < 10


def test_arrows_of_all_panels_share_one_scale():
    one, two = viz.field(lambda x: x, lambda x: 2 * x).axes
    arrows = [ax.collections[-1] for ax in (one, two)]
    np.testing.assert_allclose(2 * arrows[0].U, arrows[1].U)


def test_the_floor_is_a_dashed_line_with_a_name():
    ax = viz.curve([1, 2], {"a": [3, 2]}, floor=0.5).axes[0]
    assert ax.lines[-1].get_linestyle() == "--"
    assert list(ax.lines[-1].get_ydata()) == [0.5, 0.5]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "floor"]


def test_bad_shapes_are_one_sentence():
    with pytest.raises(ValueError, match=r"batch must have shape .* got \(2, 4, 8, 8\)\.$"):
        viz.images(torch.rand(2, 4, 8, 8))
    with pytest.raises(ValueError, match="labels must hold 2 texts, got 1"):
        viz.images(torch.rand(2, 1, 8, 8), ["a"])
    with pytest.raises(ValueError, match=r"points must have shape \(N, 2\), N >= 1, got \(3, 3\)"):
        viz.points(torch.zeros(3, 3))
    with pytest.raises(ValueError, match="frames must be one or more pictures, all of one size"):
        viz.animate([])


def test_an_animation_plays_in_order_at_its_pace_and_loops():
    shades = [0.0, 0.5, 1.0]
    animation = viz.animate([np.full((6, 6), shade) for shade in shades], fps=10, hold=2.0)
    movie = Image.open(io.BytesIO(animation.data))
    assert movie.format == "PNG" and movie.n_frames == 3 and movie.info["loop"] == 0
    seen, times = [], []
    for frame in range(movie.n_frames):
        movie.seek(frame)
        seen.append(movie.convert("L").getpixel((3, 3)))
        times.append(movie.info["duration"])
    np.testing.assert_allclose(seen, [0, 128, 255], atol=1)
    np.testing.assert_allclose(times, [100, 100, 2000])
    assert "at 0x" not in repr(animation)


def test_animations_of_points_and_images_hold_every_step_and_stay_white():
    for animation in [
        viz.animate_points([clouds(seed=s) for s in range(4)], title="x"),
        viz.animate_images([torch.rand(4, 1, 8, 8) for _ in range(4)], title="x"),
    ]:
        movie = Image.open(io.BytesIO(animation.data))
        assert movie.n_frames == 4
        assert movie.convert("RGB").getpixel((1, 1)) == (255, 255, 255)


def test_text_width_grows_with_text_and_size():
    assert canvas.text_width("", 9) == 0
    assert canvas.text_width("noise", 9) < canvas.text_width("noise noise", 9)
    assert canvas.text_width("noise", 9) < canvas.text_width("noise", 12, "bold")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_takes_along_what_it_shows_in_words(name):
    assert FIGURES[name]("A finding").alt is None
    figure = viz.described(FIGURES[name]("A finding"), "Two rows of noise.", "Why? So")
    assert figure.alt == "Why? So. Two rows of noise."


HELPERS = {
    "images": lambda **said: viz.images(torch.rand(1, 1, 8, 8), **said),
    "rows": lambda **said: viz.images([torch.rand(2, 3, 8, 8)] * 2, **said),
    "points": lambda **said: viz.points(clouds(), **said),
    "overlay": lambda **said: viz.points(clouds(), labels=["a"], overlay=True, **said),
    "trajectory": lambda **said: viz.trajectory([clouds(), clouds()], **said),
    "field": lambda **said: viz.field(lambda x: -x, **said),
    "curve": lambda **said: viz.curve([1, 10], {"a": [3, 2]}, **said),
    "animate_points": lambda **said: viz.animate_points([clouds(), clouds()], **said),
    "animate_images": lambda **said: viz.animate_images([torch.rand(1, 1, 8, 8)] * 2, **said),
    "strip": lambda **said: clips.strip(torch.rand(1, 1, 2, 8, 8), **said),
    "play": lambda **said: clips.play(torch.rand(1, 1, 2, 8, 8), **said),
}


@pytest.mark.parametrize("name", HELPERS)
def test_every_helper_takes_alt_text_and_a_notebook_stores_it_with_the_picture(name, monkeypatch):
    plt.switch_backend("agg")  # now, or it would look for events in the shell
    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    viz.use()  # as in a kernel
    show = shell.display_formatter.format
    data, metadata = show(HELPERS[name](title="A finding", alt="Dots in a square."))
    assert metadata["image/png"] == {"alt": "A finding. Dots in a square."}
    select_figure_formats(shell, {"png"})  # as pyplot does when it is imported later
    assert show(HELPERS[name](alt="Dots in a square."))[1]["image/png"]["alt"]
    plain, none = show(HELPERS[name](title="A finding"))
    assert not none.get("image/png") and "image/png" in plain
    assert HELPERS[name](alt="Dots in a square.").alt == "Dots in a square."


def test_a_drawing_of_parts_and_a_map_of_them():
    """Boxes stay within the figure, every arrow between them is drawn, and every mark is known."""
    rows = [["in", ("text", "words", "06")], [None, ("denoiser", "net", "05"), "out"]]
    fig = diagrams.parts(rows, also=[("words", "net")], title="A title", alt="Two boxes.")
    assert fig.alt == "A title. Two boxes."
    [ax] = fig.axes
    boxes = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    assert len(boxes) == 2 and len(arrows) == 3  # in > words, net > out, words > net
    assert {text.get_text() for text in ax.texts} >= {"in", "words", "net", "out", "06", "05"}
    width, height = fig.bbox.width, fig.bbox.height
    for box in boxes:
        assert 0 <= box.get_x() and box.get_x() + box.get_width() <= width
        assert 0 <= box.get_y() and box.get_y() + box.get_height() <= height
    columns = [("text", "words", "06"), ("codec", "codec", "08"), ("time", "time", "11")]
    fig = diagrams.chart(columns, {"one": "o?-", "two": "/-o"}, {"o": "there"}, alt="A map.")
    discs = [p for p in fig.axes[0].patches if isinstance(p, Circle)]
    assert len(discs) == 4  # two discs, a ring, and the key's
    assert [text.get_text() for text in fig.axes[0].texts].count("?") == 1
    with pytest.raises(ValueError):
        diagrams.chart(columns, {"one": "o?"})
    with pytest.raises(KeyError):
        diagrams.parts(rows, also=[("words", "nothing")])


def test_a_network_is_drawn_with_its_own_sizes():
    net = torch.nn.Sequential()
    net.add_module("first", torch.nn.Conv2d(1, 4, 3, padding=1))
    net.add_module("norm", torch.nn.GroupNorm(2, 4))
    net.add_module("down", torch.nn.Conv2d(4, 8, 3, stride=2, padding=1))
    x = torch.zeros(1, 1, 8, 8)
    assert levels.called(net, x) == {"first": (4, 8, 8), "down": (8, 4, 4)}
    assert not any(layer._forward_hooks for layer in net)
    fig = levels.levels(net, x, skips=[("first", "down")], title="A title", alt="Two boxes.")
    said = [text.get_text() for text in fig.axes[0].texts]
    assert "4 x 8 x 8" in said and "8 x 4 x 4" in said and "skip" in said
    assert fig.alt == "A title. Two boxes."
