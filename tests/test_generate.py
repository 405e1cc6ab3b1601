"""`minidiff generate`: prompts, sizes and outputs of every kind, and what stops it."""

import csv
import re
import shlex

import numpy as np
import pytest
import torch
from PIL import Image

from minidiff import cli, pretrained, recipes
from minidiff.cli import writers
from minidiff.cli.models import within_memory
from minidiff.codecs import Autoencoder, Pixels
from minidiff.conditions import TextEncoder, Tokenizer, Unconditional
from minidiff.denoiser import Denoiser
from minidiff.model import Model
from minidiff.nets import UNet
from minidiff.schedules import cosine

WORDS = "a red blue fox cat in snow night two".split()


def tiny_scenes():
    """The parts of the model of scenes, at the least size that has them all."""
    net = UNet(4, width=8, widths=(1, 2), patch=1, token_width=8)
    encoder = TextEncoder(Tokenizer(WORDS, 8), width=8, depth=1)
    codec = Autoencoder(narrow=8, wide=8)
    return Model(Denoiser(net, cosine), encoder, codec, (4, 16, 16), w=3.0, steps=3)


@pytest.fixture(autouse=True)
def tiny(tmp_path, monkeypatch):
    """An untrained model in the folder "tiny" of the working folder; returns it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIDIFF_DEVICE", raising=False)
    recipe = recipes.Recipe(tiny_scenes, data=None, images=1)
    monkeypatch.setitem(recipes.RECIPES, "tiny", recipe)
    torch.manual_seed(0)
    model = tiny_scenes()
    for parameter in model.parameters():
        if not parameter.any():  # begins at 0, which makes every block the identity
            torch.nn.init.normal_(parameter, std=0.05)
    pretrained.save("tiny", model, "tiny", recipe="tiny")
    return pretrained.load("tiny", "tiny")


def run(*words, model="tiny"):
    return cli.main(["generate", "--model", model, *map(str, words)])


def refused(capfd, *words, model="tiny"):
    """The sentence of a command that is refused: one line on stderr, nothing on stdout, code 2."""
    capfd.readouterr()
    assert run(*words, model=model) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("minidiff: ") and err.count("\n") == 1, err
    return err


def levels(pictures):
    """Pictures (N, 3, H, W) in 0..1 as bytes (N, H, W, 3)."""
    return (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def index(folder):
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_command_of_the_course_parses_and_asks_for_scenes():
    words = shlex.split(
        'generate "a red fox in snow" -n 4 --steps 25 --guidance 4 --negative "night" --seed 7 '
        "-o fox.png"
    )
    args = cli.parser().parse_args(words)
    assert (args.prompts, args.n, args.model, args.seed) == (["a red fox in snow"], 4, "scenes", 7)
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


def test_a_folder_holds_a_file_a_picture_and_an_index(tiny, tmp_path):
    assert run("a fox", "two cat", "-n", 6, "--seed", 5, "-o", "made/") == 0
    made, names = tmp_path / "made", [f"{number:02}.png" for number in range(1, 13)]
    assert sorted(file.name for file in made.iterdir()) == [*names, "index.csv"]
    prompts = ["a fox"] * 6 + ["two cat"] * 6
    assert index(made) == [["file", "prompt"], *map(list, zip(names, prompts))]
    wanted = levels(torch.cat([tiny([prompt] * 6, seed=5) for prompt in ("a fox", "two cat")]))
    for name, picture in zip(names, wanted):
        with Image.open(made / name) as file:
            assert np.abs(np.asarray(file).astype(int) - picture).max() <= 1


def test_a_folder_that_exists_and_pictures_enlarged(tmp_path):
    (tmp_path / "there").mkdir()
    assert run("a fox", "--enlarge", 3, "-o", "there") == run("a fox", "-o", "plain/") == 0
    large, plain = (np.asarray(Image.open(f"{folder}/1.png")) for folder in ("there", "plain"))
    assert large.shape == (192, 192, 3)
    np.testing.assert_array_equal(large, plain.repeat(3, 0).repeat(3, 1))


def test_only_one_chunk_is_held(monkeypatch, tmp_path):
    """Each chunk is on disk before the next one is painted."""
    seen, decode = [], Autoencoder.decode

    def spy(self, x0):
        seen.append((len(x0), len(list(tmp_path.glob("made/*.png")))))
        return decode(self, x0)

    monkeypatch.setattr(Autoencoder, "decode", spy)
    assert run("a fox", "-n", 8, "--batch", 3, "--steps", 1, "-o", "made/") == 0
    assert seen == [(3, 0), (3, 3), (2, 6)]


def test_what_was_written_before_an_interruption_stays(monkeypatch, tmp_path, capsys):
    calls, decode = [], Autoencoder.decode

    def interrupted(self, x0):
        calls.append(x0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return decode(self, x0)

    monkeypatch.setattr(Autoencoder, "decode", interrupted)
    assert run("a fox", "-n", 8, "--batch", 3, "--steps", 1, "-o", "made/") == 130
    assert capsys.readouterr().err.endswith("minidiff: interrupted\n")
    files = sorted(file.name for file in (tmp_path / "made").iterdir())
    assert files == [*(f"{number}.png" for number in range(1, 7)), "index.csv"]
    assert [row[0] for row in index(tmp_path / "made")[1:]] == files[:-1]
    for name in files[:-1]:
        Image.open(tmp_path / "made" / name).verify()


def test_arrays_come_in_chunks_and_are_the_same(tiny):
    words = ("a fox", "two cat", "-n", 3, "--seed", 1)
    assert run(*words, "--batch", 2, "-o", "f.npz") == 0
    with np.load("f.npz") as file:
        assert sorted(file) == ["images", "prompts"]
        assert file["prompts"].tolist() == ["a fox"] * 3 + ["two cat"] * 3
        wanted = torch.cat([tiny([prompt] * 3, seed=1) for prompt in ("a fox", "two cat")])
        np.testing.assert_allclose(file["images"], wanted, atol=1e-4)


def test_prompts_from_a_file(tmp_path):
    (tmp_path / "p.txt").write_text("\ufeffa fox\r\n\n  two cat \n \n", encoding="utf-8")
    assert run("a blue fox", "--from", "p.txt", "--steps", 1, "-o", "made/") == 0
    assert [row[1] for row in index(tmp_path / "made")[1:]] == ["a blue fox", "a fox", "two cat"]


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

    monkeypatch.setitem(recipes.RECIPES, "silent", recipes.Recipe(silent, data=None, images=1))
    pretrained.save("silent", silent(), "silent", recipe="silent")
    for out in ("s.png", "s.npz", "made/"):
        assert run("-n", 3, "-o", out, model="silent") == 0
    assert np.load("s.npz")["images"].shape == (3, 1, 16, 16)
    assert index(tmp_path / "made")[1:] == [["1.png", ""], ["2.png", ""], ["3.png", ""]]
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
    "folder in use": (("a fox", "-o", "full/"), "new or an empty folder, got 'full/'"),
    "folder nowhere": (("a fox", "-o", "no/made/"), "cannot write no/made: there is no folder no"),
    "no cuda": ((*FOX, "--device", "cuda"), "'cuda' was asked for, and this machine has none"),
}


@pytest.mark.parametrize("words, sentence", BAD.values(), ids=BAD)
def test_bad_input(words, sentence, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (tmp_path / "full").mkdir()
    for name, content in [("full/x", b""), ("empty.txt", b"\n \n"), ("latin.txt", b"a f\xf6x\n")]:
        (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    assert re.search(sentence, refused(capfd, *words))
    assert sorted(tmp_path.rglob("*")) == before


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
