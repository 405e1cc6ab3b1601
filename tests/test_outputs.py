"""What `minidiff generate` writes: records, folders that go on, links; each a whole file or none."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from bench.folders import campaign
from PIL import Image
from tiny import column, contents, index, levels, record_in, refused, run, same_pictures

from minidiff.codecs import Autoencoder
from minidiff.files import owned

pytestmark = pytest.mark.usefixtures("tiny")


def test_a_folder_holds_a_file_a_picture_and_an_index(tiny, tmp_path):
    assert run("a fox", "two cat", "-n", 6, "--seed", 5, "-o", "made/") == 0
    made, names = tmp_path / "made", [f"{number:02}.png" for number in range(1, 13)]
    assert sorted(file.name for file in made.iterdir()) == [*names, "index.csv"]
    prompts = ["a fox"] * 6 + ["two cat"] * 6
    assert column(made, "file") == names and column(made, "prompt") == prompts
    assert column(made, "seed") == 2 * ["5", "6", "7", "8", "9", "10"]
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
    assert column(tmp_path / "made", "file") == files[:-1]
    for name in files[:-1]:
        Image.open(tmp_path / "made" / name).verify()


def test_every_file_says_what_made_it(tiny):
    way = ("a $ fox", "two cat", "-n", 2, "--seed", 7, "--steps", 2, "--guidance", 4)
    way = (*way, "--negative", "night", "--sampler", "ddpm", "--size", "96x64")
    for more in (["-o", "f.png"], ["-o", "f.npz"], ["--enlarge", 2, "-o", "made/"]):
        assert run(*way, *more) == 0
    for name in ("film.png", "film.gif"):
        assert run(*way, "--frames", "-o", name) == 0
    digest = hashlib.sha256(open("tiny/tiny.safetensors", "rb").read()).hexdigest()
    settings = dict(model="tiny", weights=digest, negative="night", steps=2, sampler="ddpm")
    settings |= dict(guidance=4.0, size="96x64")
    none = dict(enlarge=None, enlarge_to=None, variations_of=None, sha256=None)
    machine = dict(generated_by="minidiff, a machine")  # which whoever opens the file reads first
    asked = machine | dict(prompts=["a $ fox", "two cat"], n=2, seed=7)
    assert list(record_in("f.png"))[0] == "generated_by"
    assert record_in("f.png") == settings | asked | none | dict(frames=False)
    assert record_in("film.png") == settings | asked | none | dict(frames=True)
    assert record_in("film.gif") == record_in("film.png")
    with np.load("f.npz") as file:
        assert file["seeds"].tolist() == [7, 8, 7, 8]
        assert {name: file[name].item() for name in settings} == settings
    one = machine | dict(prompts=["two cat"], n=1, seed=8) | none | dict(enlarge=2)
    assert record_in("made/4.png") == settings | one
    wanted = {name: str(value) for name, value in (settings | dict(enlarge=2)).items()}
    wanted |= dict(enlarge_to="", variations_of="", sha256="")
    assert index(Path("made"))[3] == wanted | dict(file="4.png", prompt="two cat", seed="8")


def test_defaults_are_told_as_what_they_are():
    assert run("a fox", "-o", "f.png") == 0
    said = record_in("f.png")
    assert (said["steps"], said["sampler"], said["guidance"], said["negative"]) == (
        3,
        "ddim",
        3.0,
        None,
    )
    assert run("-o", "p.png", "--steps", 1, model="points") == 0
    assert record_in("p.png")["prompts"] == [None] and record_in("p.png")["size"] is None


def test_an_index_runs_no_formula(tmp_path):
    assert run("=a fox", "-a fox"[1:], "＋fox", "--steps", 1, "-o", "made/") == 0
    assert column(tmp_path / "made", "prompt") == ["'=a fox", "a fox", "'＋fox"]
    assert record_in("made/1.png")["prompts"] == ["=a fox"]


def test_a_folder_is_gone_on_with(monkeypatch, capfd):
    words = ("a fox", "two cat", "-n", 3, "--batch", 2, "--steps", 1)
    assert run(*words, "-o", "whole/") == run(*words, "-o", "made/") == 0
    whole = contents("made")
    assert whole == contents("whole")
    os.remove("made/2.png")
    os.remove("made/6.png")
    Path("made/.6.png.99999999.tmp").write_bytes(b"left by a process that was killed")
    Path("made/index.csv").write_bytes(whole["index.csv"][:-9])
    made, decode = [], Autoencoder.decode
    monkeypatch.setattr(
        Autoencoder, "decode", lambda self, x: made.append(len(x)) or decode(self, x)
    )
    assert run(*words, "-o", "made/") == 0
    assert made == [2] and same_pictures("made", "whole")
    whole = contents("made")
    assert run(*words, "-o", "made/") == 0
    assert made == [2] and contents("made") == whole
    for other in (["--seed", 1], ["--steps", 2], ["--guidance", 2], ["--enlarge", 2], ["-n", 2]):
        assert "which holds" in refused(capfd, *words, *other, "-o", "made/")
        assert contents("made") == whole
    Path("made/4.png").write_bytes(b"damaged")
    assert "made, which holds 4.png of another" in refused(capfd, *words, "-o", "made/")


def test_a_folder_that_another_run_writes_is_refused(capfd):
    words = ("a fox", "--steps", 1, "-o", "made/")
    os.mkdir("made")
    ready, done = os.pipe(), os.pipe()
    if not (child := os.fork()):
        with owned("made"):
            os.write(ready[1], b"x")
            os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    assert "made is being written by another run" in refused(capfd, *words)
    os.write(done[1], b"x")
    os.waitpid(child, 0)
    assert run(*words) == 0


def test_killed_at_any_moment_and_run_again_nothing_is_missing_or_double():
    seen = campaign(kills=4)
    assert {kind for kind, number in seen.items() if number} <= {"kills", "killed in the midst"}


def test_a_link_is_written_through():
    os.mkdir("there")
    Path("there/old.png").write_bytes(b"old")
    os.symlink("there/old.png", "f.png")
    os.symlink("there/new.png", "new.png")
    for name in ("f.png", "new.png"):
        assert run("a fox", "--steps", 1, "-o", name) == 0
        assert Path(name).is_symlink()
    assert Path("there/old.png").read_bytes() == Path("there/new.png").read_bytes() != b"old"


def test_a_name_as_long_as_the_system_allows():
    name = 251 * "a" + ".png"
    assert run("a fox", "--steps", 1, "-o", name) == 0
    assert [file.name for file in Path(".").glob("a*")] == [name]
