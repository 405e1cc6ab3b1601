"""Clips in files and on the command line: what is written is read back, bad input is a sentence."""

import io
import json
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from minidiff import cli, editing, pretrained
from minidiff.cli.record import made_by
from minidiff.codecs import Pixels
from minidiff.conditions import TextEncoder, Tokenizer
from minidiff.denoiser import Denoiser
from minidiff.errors import UserError
from minidiff.model import Model
from minidiff.nets import DiT
from minidiff.notebook import clips, figures
from minidiff.schedules import cosine


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    return [
        figures.picture(figures.array(torch.rand(12, 18, 3, generator=generator))) for _ in "abcd"
    ]


@pytest.mark.parametrize("suffix, loss", [("gif", 0.15), ("webp", 0), ("png", 0.15), ("mp4", 0.3)])
def test_what_is_written_is_read_back(suffix, loss, pictures, tmp_path):
    path = tmp_path / f"clip.{suffix}"
    clips.write(path, pictures, text='{"a": 1}')
    clip = clips.read(path)
    wanted = torch.from_numpy(np.stack([np.asarray(p) for p in pictures])).permute(3, 0, 1, 2) / 255
    assert clip.shape == (3, 4, 12, 18)
    assert (clip - wanted).abs().mean() <= loss  # palettes and video codecs lose colours
    if suffix != "mp4":
        assert made_by(path) == '{"a": 1}'
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_files_that_are_no_clips(pictures, tmp_path):
    with pytest.raises(UserError, match="must end in .gif, .webp, .png, .mp4, got 'clip.avi'"):
        clips.write(tmp_path / "clip.avi", pictures)
    with pytest.raises(FileNotFoundError, match="no clip at"):
        clips.read(tmp_path / "none.gif")
    for name in ("text.gif", "text.mp4"):
        (tmp_path / name).write_text("no clip")
        with pytest.raises(UserError, match=f"{name} is no clip that can be read"):
            clips.read(tmp_path / name)


def test_frames_of_several_sizes_are_refused(tmp_path, monkeypatch):
    frames = [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)]
    monkeypatch.setattr(clips, "_frames_of_picture", lambda path: frames)
    (tmp_path / "mixed.gif").touch()
    with pytest.raises(UserError, match="mixed.gif has frames of several sizes"):
        clips.read(tmp_path / "mixed.gif")


def test_a_missing_video_library_is_a_sentence(pictures, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(UserError, match="pip install imageio-ffmpeg"):
        clips.write(tmp_path / "clip.mp4", pictures)
    assert not list(tmp_path.iterdir())


def test_strips_have_a_row_for_each_clip():
    made = torch.zeros(2, 1, 3, 8, 8)
    made[1, 0] = torch.linspace(0, 1, 3)[:, None, None]  # equal frames would be stored as one
    strip = np.asarray(figures.picture(clips.strip(made, scale=2)))
    assert strip.shape[1] > 3 * 16 and strip.shape[0] > 2 * 16
    player = clips.play(made, ["one", "two"])
    assert Image.open(io.BytesIO(player.data)).n_frames == 3


@pytest.fixture
def tiny_clips(tmp_path, monkeypatch):
    """A working folder with an untrained model of clips in the folder "clips"; returns the model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIDIFF_DEVICE", raising=False)
    torch.manual_seed(0)
    net = DiT(1, width=24, depth=1, heads=2, patch=(2, 4, 4), token_width=8)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    encoder = TextEncoder(Tokenizer("a seven moving left".split(), 6), width=8, depth=1)
    model = Model(
        Denoiser(net, cosine, target="x0"), encoder, Pixels(), (1, 4, 8, 8), w=2.0, steps=3
    )
    pretrained.save("clips", model, "clips", recipe="clips-digits")
    return pretrained.load("clips", "clips")


def run(*words):
    return cli.main(["generate", "--model", "clips", *map(str, words)])


SEVEN = ("a seven moving left", "-o", "f.gif")


@pytest.mark.parametrize("name", ["f.gif", "f.webp", "f.mp4"])
def test_a_file_plays_all_frames(name, tiny_clips, capfd):
    assert run("a seven", "a seven moving left", "-n", 2, "-o", name) == 0
    assert capfd.readouterr().out == f"{name}\n"
    assert clips.read(name).shape[1] == 4
    if name != "f.mp4":
        record = json.loads(made_by(name))
        assert record["prompts"] == ["a seven", "a seven moving left"] and record["n"] == 2
        assert record["generated_by"] == "minidiff, a machine"


def test_arrays_hold_the_clips(tiny_clips):
    assert run("a seven", "a seven moving left", "-n", 2, "--seed", 3, "-o", "f.npz") == 0
    with np.load("f.npz") as file:
        assert file["clips"].shape == (4, 1, 4, 8, 8) and file["clips"].dtype == np.float32
        assert 0 <= file["clips"].min() and file["clips"].max() <= 1
        assert file["prompts"].tolist() == ["a seven"] * 2 + ["a seven moving left"] * 2
        assert file["seeds"].tolist() == [3, 4, 3, 4]
        alone = tiny_clips(["a seven moving left"], seed=4)
        np.testing.assert_allclose(file["clips"][3], alone[0], atol=1e-5)


def test_a_png_is_a_film_strip(tiny_clips):
    assert run("a seven", "-o", "f.png", "--enlarge", 3) == 0
    with Image.open("f.png") as strip:
        assert strip.width > 4 * 24 and getattr(strip, "n_frames", 1) == 1


def test_more_frames_than_trained_are_made_with_a_word_of_warning(tiny_clips, capfd):
    assert run("a seven", "--frames", 6, "-o", "f.npz") == 0
    assert "--frames 6 is more than the 4 that this model was trained on" in capfd.readouterr().err
    with np.load("f.npz") as file:
        assert file["clips"].shape == (1, 1, 6, 8, 8)
    assert run("a seven", "--frames", 2, "-o", "f.npz") == 0
    assert capfd.readouterr().err == ""


def test_the_first_frame_can_be_given(tiny_clips):
    frame = (torch.rand(8, 8, generator=torch.Generator().manual_seed(1)) * 255).byte().numpy()
    Image.fromarray(frame).save("first.png")
    assert run("a seven", "--first", "first.png", "-n", 2, "--seed", 5, "-o", "f.npz") == 0
    with np.load("f.npz") as file:
        made = file["clips"]
    np.testing.assert_allclose(made[:, 0, 0], np.stack([frame, frame]) / 255, atol=1e-6)
    assert not np.allclose(made[0, 0, 1:], made[1, 0, 1:])
    known = torch.from_numpy(frame / 255).float().expand(1, 1, 4, 8, 8)
    alone = editing.continued(tiny_clips, known, 1, ["a seven"], seed=6, steps=3)
    np.testing.assert_allclose(made[1], alone[0], atol=1e-5)


BAD = {
    "no frames": ((*SEVEN, "--frames", 0), "--frames: must be a whole number, at least 1"),
    "odd frames": (
        (*SEVEN, "--frames", 3),
        "--frames must be a multiple of 2 for this model, got 3",
    ),
    "frames of what": (("a seven", "-o", "f.gif", "--frames"), "--frames needs a number here"),
    "a folder": (("a seven", "-o", "f/"), "must end in .gif, .webp, .mp4, .png or .npz for clips"),
    "a text": (("a seven", "-o", "f.txt"), "must end in .gif, .webp"),
    "a word": (("a seven movin", "-o", "f.gif"), "'movin'; did you mean moving"),
    "many": ((*SEVEN, "-n", 17), ".gif shows up to 16 clips at once, got 17; use .npz"),
    "no first": ((*SEVEN, "--first", "none.png"), "--first must be a picture, .* no file none.png"),
    "no picture": ((*SEVEN, "--first", "text.png"), "--first text.png is no picture"),
    "another size": (
        (*SEVEN, "--first", "large.png"),
        "--first must have the size of the clips, 8x8, got 9x8",
    ),
    "negative": (
        (*SEVEN, "--first", "right.png", "--negative", "a"),
        "--negative does not go with --first",
    ),
}


@pytest.mark.parametrize("words, sentence", BAD.values(), ids=BAD)
def test_bad_input(words, sentence, tiny_clips, tmp_path, capfd):
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (9, 8)).save("large.png")
    Image.new("L", (8, 8)).save("right.png")
    before = sorted(tmp_path.rglob("*"))
    assert run(*words) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("minidiff: ") and err.count("\n") == 1
    assert re.search(sentence, err), err
    assert sorted(tmp_path.rglob("*")) == before


def test_options_of_clips_are_refused_for_pictures(tiny, capfd):
    for words, sentence in [
        (
            ("--frames", "4", "-o", "f.gif"),
            "--frames takes a number for a model of clips alone, got 4",
        ),
        (("--first", "f.png", "-o", "f.png"), "--first is for a model of clips, and 'tiny' paints"),
    ]:
        assert cli.main(["generate", "a fox", "--model", "tiny", *words]) == 2
        assert sentence in capfd.readouterr().err


def test_continued_keeps_the_first_frames_and_nothing_else(tiny_clips):
    given = torch.rand(1, 1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    other = given.clone()
    other[:, :, 2:] = 0
    made, again = (
        editing.continued(tiny_clips, each, 2, ["a seven"], seed=1, steps=2)
        for each in (given, other)
    )
    assert torch.equal(made[:, :, :2], given[:, :, :2]) and torch.equal(made, again)
    for frames in (0, 4):
        with pytest.raises(UserError, match="frames must be"):
            editing.continued(tiny_clips, given, frames)
