"""`minidiff generate`: prompts, sizes and outputs of every kind, and what stops it."""

import io
import os
import re
import shlex

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import column, refused, run

from minidiff import pretrained
from minidiff.cli import writers
from minidiff.cli.arguments import parser
from minidiff.cli.models import within_memory
from minidiff.codecs import Autoencoder, Pixels
from minidiff.conditions import Unconditional
from minidiff.denoiser import Denoiser
from minidiff.model import Model
from minidiff.nets import UNet
from minidiff.recipes.fast import student
from minidiff.schedules import cosine

pytestmark = pytest.mark.usefixtures("tiny")


def test_the_command_of_the_course_parses_and_asks_for_scenes():
    words = shlex.split(
        'generate "a red fox in snow" -n 4 --steps 25 --guidance 4 --negative "night" --seed 7 '
        "-o fox.png"
    )
    args = parser().parse_args(words)
    assert (args.prompts, args.n, args.model, args.seed) == (["a red fox in snow"], 4, None, 7)
    assert (args.steps, args.guidance, args.negative, args.out) == (25, 4.0, "night", "fox.png")


def test_a_grid_in_colour_and_enlarged():
    assert run("a red fox in snow", "two cat", "-n", 4, "--guidance", 4, "-o", "f.png") == 0
    with Image.open("f.png") as file:
        pixels = np.asarray(file.convert("RGB")).astype(int)
    assert pixels.shape[0] > 2 * 256 and pixels.shape[1] > 4 * 256
    assert np.ptp(pixels, axis=2).max() > 20
    # the middle of a picture in whole blocks of 4 x 4 equal pixels: along a row the colour changes
    # only where a block ends
    changes = np.abs(np.diff(pixels[128, -900:-100], axis=0)).sum(1).nonzero()[0]
    phases = np.bincount(changes % 4, minlength=4)
    assert len(changes) > 100 and np.sort(phases)[:-2].sum() < 0.1 * len(changes)


def test_only_one_chunk_is_held(monkeypatch, tmp_path):
    """Each chunk is on disk before the next one is painted."""
    seen, decode = [], Autoencoder.decode

    def spy(self, x0):
        seen.append((len(x0), len(list(tmp_path.glob("made/*.png")))))
        return decode(self, x0)

    monkeypatch.setattr(Autoencoder, "decode", spy)
    assert run("a fox", "-n", 8, "--batch", 3, "--steps", 1, "-o", "made/") == 0
    assert seen == [(3, 0), (3, 3), (2, 6)]


def test_arrays_come_in_chunks_and_are_the_same(tiny):
    words = ("a fox", "two cat", "-n", 3, "--seed", 1)
    assert run(*words, "--batch", 2, "-o", "f.npz") == 0
    with np.load("f.npz") as file:
        assert {"images", "prompts", "seeds"} < set(file)
        assert file["seeds"].tolist() == [1, 2, 3, 1, 2, 3]
        assert file["prompts"].tolist() == ["a fox"] * 3 + ["two cat"] * 3
        wanted = torch.cat([tiny([prompt] * 3, seed=1) for prompt in ("a fox", "two cat")])
        np.testing.assert_allclose(file["images"], wanted, atol=1e-4)


def test_prompts_from_a_file(tmp_path):
    text = "\ufeffa fox\r\n\n# a red fox\n  two cat \n \n"
    (tmp_path / "p.txt").write_text(text, encoding="utf-8")
    assert run("a blue fox", "--from", "p.txt", "--steps", 1, "-o", "made/") == 0
    assert column(tmp_path / "made", "prompt") == ["a blue fox", "a fox", "two cat"]


def test_prompts_from_standard_input(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a fox\n# no\ntwo cat")))
    assert run("--from", "-", "--steps", 1, "-o", "made/") == 0
    assert column(tmp_path / "made", "prompt") == ["a fox", "two cat"]


def test_an_empty_prompt_is_said_and_painted(tiny, capfd):
    for words in (["", "-o", "said.npz"], ["-o", "none.npz"]):
        assert run(*words) == 0
        assert capfd.readouterr().err == "minidiff: an empty prompt asks for anything at all\n"
    for name in ("said", "none"):
        np.testing.assert_allclose(np.load(f"{name}.npz")["images"], tiny([""], w=1), atol=1e-4)


@pytest.mark.parametrize("name, kind", [("f.gif", "GIF"), ("f.png", "PNG")])
def test_frames_show_every_step(name, kind):
    assert run("a fox", "two cat", "--steps", 4, "--frames", "-o", name) == 0
    with Image.open(name) as film:
        assert (film.format, film.n_frames, film.info["loop"]) == (kind, 5, 0)
        assert film.width > 2 * 256 and film.height > 2 * 256
        frames = []
        for number in range(5):
            film.seek(number)
            frames.append(np.asarray(film.convert("RGB")).astype(int))
    assert all(not np.array_equal(a, b) for a, b in zip(frames, frames[1:]))
    # what is seen stands above what is guessed; in the end the two are one
    differences = [np.abs(f[-520:-264, -256:] - f[-258:-2, -256:]).mean() for f in frames]
    assert differences[-1] < 1 < differences[0]


def test_frames_of_points_are_few_enough(monkeypatch):
    monkeypatch.setattr(writers, "FRAMES", 5)
    words = ("-n", 20, "--sampler", "ddpm", "--steps", 80, "--frames", "-o", "p.png")
    assert run(*words, model="points") == 0
    with Image.open("p.png") as film:
        assert film.n_frames == 5


def test_other_sizes(tiny):
    assert run("a fox", "-n", 2, "--size", "96x64", "-o", "f.npz") == 0
    assert np.load("f.npz")["images"].shape == (2, 3, 64, 96)
    assert run("3", "--size", "56x28", "--steps", 1, "-o", "d.npz", model="digits") == 0
    assert np.load("d.npz")["images"].shape == (1, 1, 28, 56)


def test_pictures_without_prompts(monkeypatch, tmp_path, capfd):
    def silent():
        net = UNet(1, width=8)
        return Model(Denoiser(net, cosine), Unconditional(), Pixels(), (1, 16, 16), steps=2)

    pretrained.save("silent", silent(), "silent", recipe="silent")
    for out in ("s.png", "s.npz", "made/"):
        assert run("-n", 3, "-o", out, model="silent") == 0
    assert np.load("s.npz")["images"].shape == (3, 1, 16, 16)
    assert column(tmp_path / "made", "file") == ["1.png", "2.png", "3.png"]
    assert column(tmp_path / "made", "prompt") == ["", "", ""]
    assert capfd.readouterr().err == ""
    assert "takes no prompts" in refused(capfd, "a fox", "-o", "s.png", model="silent")


FOX = ("a fox", "-o", "f.png")
BAD = {
    "unknown word": (("a fxo", "-o", "f.png"), "'fxo'; did you mean fox"),
    "unknown word last": (("a fox", "a fxo", "-o", "made/"), "'fxo'; did you mean fox"),
    "unknown in negative": ((*FOX, "--negative", "nihgt"), "'nihgt'; did you mean night"),
    "over-long": (("a " * 9, "-o", "f.png"), "has 9 words; the limit is 7"),
    "no file": (("--from", "none.txt", "-o", "f.png"), "--from found no file none.txt"),
    "empty file": (("--from", "empty.txt", "-o", "f.png"), "empty.txt holds none"),
    "not utf-8": (("--from", "latin.txt", "-o", "f.png"), "UTF-8, and latin.txt is none"),
    "a folder as file": (("--from", "full", "-o", "f.png"), "full"),
    "size is no size": ((*FOX, "--size", "big"), "WIDTHxHEIGHT, such as 96x64, got 'big'"),
    "size": ((*FOX, "--size", "96x60"), "multiples of 8 from 8 to 1024, .* got 96x60"),
    "size 0": ((*FOX, "--size", "0x64"), "multiples of 8"),
    "huge": ((*FOX, "--size", "8000x64"), "to 1024"),
    "no batch": ((*FOX, "--batch", 0), "at least 1, got '0'"),
    "gif, one frame": (("a fox", "-o", "f.gif"), "-o must end in .png or .npz, or in /"),
    "frames in arrays": (("a fox", "--frames", "-o", "f.npz"), "end in .gif or .png with --frames"),
    "frames in a folder": (("a fox", "--frames", "-o", "f/"), "end in .gif or .png with --frames"),
    "too many frames": ((*FOX, "--frames", "-n", 17), "up to 16 pictures at once, got 17"),
    "too many in a grid": ((*FOX, "-n", 401), "up to 400 pictures, got 401; use .npz or a folder"),
    "folder in use": (("a fox", "-o", "full/"), "new or an empty .* got full, which holds x"),
    "index of another": (("a fox", "-o", "table/"), "got table, which holds index.csv of another"),
    "a file as folder": (
        ("a fox", "-o", "empty.txt/"),
        "asks for a folder, and empty.txt is none",
    ),
    "a link as folder": (("a fox", "-o", "no.png/"), "asks for a folder, and no.png is none"),
    "nothing to write to": (("a fox", "-o", ""), "-o must end in .png"),
    "read-only": (("a fox", "-o", "ro.png"), "cannot write ro.png: it is read-only"),
    "link to nowhere": (("a fox", "-o", "no.png"), "no.png: it is a link to a folder that is not"),
    "a long name": (
        ("a fox", "-o", "a" * 300 + ".png"),
        "cannot write .*a.png: File name too long",
    ),
    "a large grid": ((*FOX, "-n", 9, "--enlarge", 40), "pixels, more than 33554432 in all; use a"),
    "a large picture": (("a fox", "--enlarge", 99, "-o", "f/"), "would have 1 times 6336x6336 pix"),
    "a large film": ((*FOX, "--frames", "--enlarge", 30), "2 times 1920x1920 .* than 4194304"),
    "enlarge": ((*FOX, "--enlarge", 10**9), "--enlarge: must be at most 1024, got 1000000000"),
    "steps": ((*FOX, "--steps", 10**8), "--steps: must be at most 10000, got 100000000"),
    "many": ((*FOX, "-n", 10**12), "-n: must be at most 1000000, got 1000000000000"),
    "many of several": (
        ("a fox", "two fox", "-n", 10**6, "-o", "f/"),
        "up to 1000000 .* got 2000000",
    ),
    "guidance": ((*FOX, "--guidance", "1e39"), "from -1e\\+06 to 1e\\+06, got '1e39'"),
    "no utf-8": (("a fox\udcff", "-o", "f.png"), "must be a text in UTF-8, got 'a fox.udcff'"),
    "escape": (("a \x1b[31mred", "-o", "f.png"), "'31mred'"),
    "folder nowhere": (("a fox", "-o", "no/made/"), "cannot write no/made: there is no folder no"),
    "no cuda": ((*FOX, "--device", "cuda"), "'cuda' was asked for, and this machine has none"),
}


@pytest.mark.parametrize("words, sentence", BAD.values(), ids=BAD)
def test_bad_input(words, sentence, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (tmp_path / "full").mkdir()
    (tmp_path / "table").mkdir()
    for name, content in [("full/x", b""), ("empty.txt", b"\n \n"), ("latin.txt", b"a f\xf6x\n")]:
        (tmp_path / name).write_bytes(content)
    (tmp_path / "table" / "index.csv").write_text("file,price\n")
    (tmp_path / "ro.png").write_bytes(b"")
    (tmp_path / "ro.png").chmod(0o444)
    (tmp_path / "no.png").symlink_to("nowhere/no.png")
    before = sorted(tmp_path.rglob("*"))
    assert re.search(sentence, refused(capfd, *words))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def fast(tiny):
    """A student of the tiny model, in the folder "fast", made for 2 steps."""
    pretrained.save("fast", student(tiny, rank=2, steps=2), "fast", recipe="scenes-fast")
    return "fast"


@pytest.mark.parametrize(
    "words, said",
    [
        (("--guidance", 6), "got w = 6"),
        (("--negative", "night"), "got negative 'night'"),
        (("--guidance", 1, "--negative", "night"), "got negative 'night'"),
    ],
)
@pytest.mark.parametrize("out", ["f.png", "made/"])
def test_a_student_has_its_guidance_in_it(words, said, out, fast, capfd, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    sentence = refused(capfd, "a fox", *words, "-o", out, model=fast)
    assert "w is fixed in this model" in sentence and said in sentence
    assert sorted(tmp_path.rglob("*")) == before


def test_more_steps_than_help_a_student_are_said_and_taken(fast, capfd):
    def said(*words, model=fast):
        assert run("a fox", *words, "-o", "f.npz", model=model) == 0
        return np.load("f.npz")["steps"], capfd.readouterr().err

    asked = [said("--steps", k) for k in (4, 5)]
    sentence = (
        "minidiff: fast was made for 2 steps: 5 take longer and follow prompts no better than 4\n"
    )
    assert asked == [(4, ""), (5, sentence)]
    assert said("--steps", 5, "--sampler", "ddim") == (5, "")  # another rule for the steps
    assert said("--steps", 9, model="tiny") == (9, "")
    assert re.search("at least 1, got '0'", refused(capfd, *FOX, "--steps", 0, model=fast))


def test_points_have_no_folder_and_no_size(capfd):
    assert "not to a folder" in refused(capfd, "-o", "p/", model="points")
    assert "paints none" in refused(capfd, "--size", "8x8", "-o", "p.npz", model="points")


def test_a_model_not_shipped_is_a_sentence(capfd, monkeypatch):
    monkeypatch.setattr(pretrained, "manifest", lambda folder=None: {})
    assert "model must be one of none yet, got 'scenes'" in refused(capfd, *FOX, model="scenes")


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, MemoryError, RuntimeError])
@pytest.mark.parametrize("out", ["f.npz", "made/", "f.png"])
def test_out_of_memory_says_which_batch_to_try(kind, out, monkeypatch, capfd, tmp_path):
    def full(self, x0):
        raise kind("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes")

    monkeypatch.setattr(Autoencoder, "decode", full)
    words = ("a fox", "--steps", 1, "-n", 6, "-o", out)
    assert "out of memory with --batch 6; try --batch 3" in refused(capfd, *words)
    assert "--batch 5; try --batch 2" in refused(capfd, *words, "--batch", 5)
    assert "something smaller" in refused(capfd, *words, "--batch", 1)
    assert [file.name for file in tmp_path.iterdir()] == ["tiny"]


def test_other_errors_pass_through():
    def broken():
        yield 1
        raise RuntimeError("shapes disagree")

    items = within_memory(broken(), 4)
    assert next(items) == 1
    with pytest.raises(RuntimeError, match="shapes disagree"):
        next(items)


@pytest.mark.parametrize(
    "prompt", ["a fox $^$", "a $red$ fox", "a fox \N{FOX FACE}", "a \t\x00fox"]
)
def test_prompts_in_a_picture_are_texts(prompt, capfd):
    """Matplotlib would refuse the first, take the dollars of the second and warn of the others."""
    assert run(prompt, "two cat", "-n", 2, "--steps", 1, "-o", "f.png") == 0
    assert run(prompt, "--steps", 1, "-o", "f.png") == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("prompt", ["...", "  ", "\N{FOX FACE}", "\u200b"])
def test_a_prompt_of_no_word_is_said_and_painted(prompt, capfd):
    assert run("a fox", prompt, "--steps", 1, "-o", "f.npz") == 0
    assert capfd.readouterr().err == "minidiff: an empty prompt asks for anything at all\n"


def test_what_begins_with_a_dash_can_be_a_value(tiny):
    assert run("a fox", "--guidance", "-1e0", "--negative", "-night", "-o", "f.npz") == 0
    with np.load("f.npz") as file:
        assert (file["guidance"], file["negative"]) == (-1, "-night")
        wanted = tiny(["a fox"], w=-1, negative="night")
        np.testing.assert_allclose(file["images"], wanted, atol=1e-4)


def test_an_option_that_lacks_its_value_is_refused(capfd):
    for option in ("--guidance", "--negative"):
        assert f"{option}: expected one argument" in refused(capfd, "a fox", option, "-o", "f.png")


@pytest.mark.parametrize("kind", [ZeroDivisionError, ValueError, RuntimeError])
def test_errors_of_a_model_are_its_own(kind, monkeypatch):
    def broken(self, x0):
        raise kind("shapes disagree")

    monkeypatch.setattr(Autoencoder, "decode", broken)
    for out in ("f.npz", "f.png", "made/"):
        with pytest.raises(kind, match="^shapes disagree$"):
            run("a fox", "--steps", 1, "-o", out)
    assert sorted(os.listdir()) == ["tiny"]
