"""What generate wrote is made anew, bit for bit, from what it says of itself."""

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from minidiff import cli


def again(*words):
    return cli.main(["again", *map(str, words)])


CASES = {
    "a grid": ("a red fox", "a cat", "-n", 2, "--seed", 3, "-o", "f.png"),
    "settings": (
        *("a fox", "--steps", 2, "--guidance", 2.5, "--negative", "night", "--sampler", "ddim"),
        *("--size", "64x32", "--enlarge", 2, "-o", "f.png"),
    ),
    "steps": ("a fox", "--frames", "-o", "f.gif"),
    "a minus": ("a cat", "--guidance", -1.5, "-o", "f.png"),
}


@pytest.mark.parametrize("words", CASES.values(), ids=CASES)
def test_a_file_is_made_again_bit_for_bit(words, tiny, tmp_path, capfd):
    assert cli.main(["generate", "--model", "tiny", *map(str, words)]) == 0
    file = tmp_path / words[-1]
    assert again(file) == 0
    made = tmp_path / f"f-again{file.suffix}"
    assert capfd.readouterr().out.endswith(f"{made}\n")
    assert made.read_bytes() == file.read_bytes()


def test_a_picture_of_a_folder_is_made_again_alone(tiny, tmp_path):
    words = ["a fox", "a cat", "-n", "6", "--enlarge", "2", "-o", "f/"]
    assert cli.main(["generate", "--model", "tiny", *words]) == 0
    assert again("f/08.png", "-o", "eight.png") == 0
    with Image.open("eight.png") as made, Image.open("f/08.png") as there:
        assert made.size == there.size == (128, 128) and made.info == there.info
        # painted with others, a picture may differ in its last bit
        pairs = zip(made.tobytes(), there.tobytes())
        assert max(abs(a - b) for a, b in pairs) <= 1


def test_files_that_cannot_be_made_again(tiny, tmp_path, capfd):
    cli.main(["generate", "a fox", "--model", "tiny", "-o", "f.png"])
    with Image.open("f.png") as file:
        record = json.loads(file.info["minidiff"])

    def written(name, text):
        info = PngInfo()
        info.add_text("minidiff", text)
        Image.new("L", (8, 8)).save(name, pnginfo=info)
        return name

    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (8, 8)).save("plain.png")
    cases = [
        (["none.png"], "there is no none.png"),
        (["text.png"], "does not say how it was made"),
        (["plain.png"], "does not say how it was made"),
        ([written("broken.png", "{")], "does not say how it was made"),
        ([written("list.png", "[1, 2]")], "does not say how it was made"),
        ([written("few.png", '{"prompts": ["a"]}')], "does not say how it was made"),
        (
            [written("gone.png", json.dumps(record | {"model": "gone"}))],
            "'gone', which is not here",
        ),
        ([written("other.png", json.dumps(record | {"weights": "0"}))], "other weights of 'tiny'"),
        (["f.png", "-o", "f.gif"], "-o must end in .png, as f.png, got 'f.gif'"),
        ([written("odd.png", json.dumps(record | {"steps": "x"}))], "--steps"),
    ]
    capfd.readouterr()
    before = sorted(tmp_path.rglob("*"))
    for words, sentence in cases:
        assert again(*words) == 2
        out, err = capfd.readouterr()
        assert out == "" and err.startswith("minidiff: ") and err.count("\n") == 1
        assert sentence in err, err
    assert sorted(tmp_path.rglob("*")) == before
