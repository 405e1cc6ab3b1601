"""`minidiff enlarge` and `generate --enlarge-to`, and their files made again."""

import json

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tiny import record_in

from minidiff import cli
from minidiff.notebook import figures


def minidiff(*words):
    return cli.main([*map(str, words)])


@pytest.fixture
def picture(tmp_path, monkeypatch):
    """A working folder of its own with a smooth colour picture of 24x16 pixels in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIDIFF_DEVICE", raising=False)
    y, x = np.mgrid[0:16, 0:24] / 24
    pixels = (np.stack([x, y, 1 - x], 2) * 255).astype(np.uint8)
    Image.fromarray(pixels).save("small.png")
    return pixels


def pixels_of(file):
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB")).astype(float)


def test_a_picture_twice_and_four_times_as_large(picture, capfd):
    assert minidiff("enlarge", "small.png", "-o", "large.png", "--steps", 4) == 0
    assert capfd.readouterr().out == "large.png\n"
    large = pixels_of("large.png")
    assert large.shape == (32, 48, 3)
    back = large.reshape(16, 2, 24, 2, 3).mean((1, 3))
    assert np.abs(back - picture).mean() < 12  # of 255: it is that picture still
    assert minidiff("enlarge", "small.png", "--times", 4, "-o", "huge.png", "--steps", 2) == 0
    assert pixels_of("huge.png").shape == (64, 96, 3)


def test_what_is_asked_is_heard_and_recorded(picture):
    words = ["enlarge", "small.png", "--steps", 3, "--strength", 0.3, "--prompt", "a red fox"]
    for seed in (1, 1, 2):
        assert minidiff(*words, "--seed", seed, "-o", f"{seed}.png") == 0
    first, second = pixels_of("1.png"), pixels_of("2.png")
    assert np.abs(first - second).max() > 0
    told = record_in("1.png")
    asked = dict(prompt="a red fox", seed=1, steps=3, strength=0.3, times=2, model="enlarge")
    assert asked.items() <= told.items() and told["enlarged"] == "small.png"


def test_every_kind_of_picture_file(picture):
    image = Image.open("small.png")
    kinds = {
        "grey.png": image.convert("L"),
        "alpha.png": image.convert("RGBA"),
        "palette.png": image.quantize(16),
        "cmyk.jpg": image.convert("CMYK"),
        "deep.png": Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257),
    }
    for name, kind in kinds.items():
        kind.save(name)
        assert minidiff("enlarge", name, "--steps", 1, "-o", "large.png") == 0
        assert pixels_of("large.png").shape == (32, 48, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    image.save("turned.jpg", exif=exif)
    assert minidiff("enlarge", "turned.jpg", "--steps", 1, "-o", "large.png") == 0
    assert pixels_of("large.png").shape == (48, 32, 3)


def test_files_are_made_again_bit_for_bit(picture, tmp_path):
    made = [
        ("enlarge", "small.png", "--steps", 2, "--prompt", "a fox", "--seed", 3),
        ("generate", "a red fox", "--steps", 2, "--enlarge-to", 128),
        ("generate", "a red fox", "-n", 2, "--steps", 2, "--enlarge-to", 256, "--enlarge", 2),
    ]
    for words in made:
        assert minidiff(*words, "-o", "f.png") == 0
        assert minidiff("again", "f.png", "-o", "g.png") == 0
        assert (tmp_path / "f.png").read_bytes() == (tmp_path / "g.png").read_bytes()


def test_pictures_of_a_folder_are_made_again_alone(picture):
    words = ["a fox", "-n", "2", "--steps", "2", "--enlarge-to", "128", "-o", "f/"]
    assert minidiff("generate", *words) == 0
    assert pixels_of("f/2.png").shape == (128, 128, 3)
    assert minidiff("again", "f/2.png", "-o", "g.png") == 0
    # painted with others, a picture may differ in its last bit
    assert np.abs(pixels_of("g.png") - pixels_of("f/2.png")).max() <= 1


def test_a_chunk_is_enlarged_with_its_own_prompts_and_seeds(picture):
    words = ["generate", "a red fox", "a blue cat", "-n", 2, "--steps", 2, "--enlarge-to", 128]
    assert minidiff(*words, "-o", "all.npz") == 0
    assert minidiff(*words, "--batch", 1, "-o", "one.npz") == 0
    images = [np.load(name)["images"] for name in ("all.npz", "one.npz")]
    assert images[0].shape == (4, 3, 128, 128)
    assert np.abs(images[0] - images[1]).max() < 2e-3


def test_bad_input_is_one_sentence(picture, tmp_path, capfd):
    (tmp_path / "text.png").write_text("no picture")
    Image.new("RGB", (4, 40)).save("thin.png")
    Image.new("1", (9000, 3000)).save("huge.png")
    minidiff("enlarge", "small.png", "--steps", 1, "-o", "made.png")
    with Image.open("made.png") as file:
        record = json.loads(file.info["minidiff"])
        gone = json.dumps(record | {"enlarged": "gone.png"})
    figures_file = figures.picture(np.zeros((8, 8, 3)))
    info = PngInfo()
    info.add_text("minidiff", gone)
    figures_file.save("lost.png", pnginfo=info)
    Image.new("RGB", (24, 16)).save("other.png")
    cases = [
        (("enlarge", "none.png", "-o", "o.png"), "no picture at none.png"),
        (("enlarge", "text.png", "-o", "o.png"), "text.png is no picture that can be read"),
        (("enlarge", "thin.png", "-o", "o.png"), "at least 8 pixels each way, got (4, 40)"),
        (("enlarge", "huge.png", "-o", "o.png"), "has 9000x3000 pixels, and 2 times that"),
        (("enlarge", "small.png", "-o", "o.jpg"), "-o must end in .png, got 'o.jpg'"),
        (("enlarge", "small.png", "--prompt", "a foks", "-o", "o.png"), "did you mean"),
        (("enlarge", "small.png", "--times", 3, "-o", "o.png"), "--times"),
        (
            ("enlarge", "small.png", "--strength", 0.9, "-o", "o.png"),
            "must be a number from 0 to 0.5",
        ),
        (("again", "lost.png"), "gone.png is not the picture any more that was enlarged"),
        (("generate", "a fox", "--enlarge-to", 100, "-o", "o.png"), "must be 128 or 256"),
        (
            ("generate", "a fox", "--enlarge-to", 128, "--frames", "-o", "o.gif"),
            "for pictures alone",
        ),
        (
            ("generate", 3, "--model", "digits", "--enlarge-to", 56, "-o", "o.png"),
            "for models of coloured pictures",
        ),
    ]
    capfd.readouterr()
    for words, sentence in cases:
        assert minidiff(*words) == 2, words
        out, err = capfd.readouterr()
        assert out == "" and err.startswith("minidiff: ") and err.count("\n") == 1, err
        assert sentence in err, err
    assert not (tmp_path / "o.png").exists()
