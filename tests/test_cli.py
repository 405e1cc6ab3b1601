"""The command line: what it writes, what it says, and one sentence for each bad input."""

import dataclasses
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import minidiff
from minidiff import cli, pretrained, recipes, sampling
from minidiff.cli.arguments import parser
from minidiff.cli.evaluate import EVALUATIONS
from minidiff.cli.generate import SAMPLERS
from minidiff.data import mnist
from minidiff.errors import UserError
from minidiff.evaluation import digits as evaluate
from minidiff.evaluation import scenes as scenes_evaluation
from minidiff.evaluation.digits import digit_floors, digit_scores
from minidiff.evaluation.judges import digits as judge
from minidiff.evaluation.report import Row, table
from minidiff.recipes import RECIPES
from minidiff.training import loop
from minidiff.training.checkpoints import load_state, save_state


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders with untrained models: what the command line does is the same, only not pretty."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    empty = {"digits": recipes.digit_model(), "digits-text": recipes.digit_text_model()}
    for recipe, model in empty.items():
        for parameter in model.parameters():
            if not parameter.any():  # begins at 0, which makes every block the identity
                torch.nn.init.normal_(parameter, std=0.05)
        pretrained.save("mine", model, folder / recipe, recipe=recipe)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIDIFF_DEVICE", raising=False)
    return tmp_path


def run(*words):
    return cli.main([str(word) for word in words])


def refused(capfd, *words):
    """The sentence of a command that is refused: one line on stderr, nothing on stdout, code 2."""
    capfd.readouterr()
    assert run(*words) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("minidiff: ") and err.count("\n") == 1, err
    return err


POINTS = ("generate", "--model", "points", "--steps", 3)
TRAIN = ("train", "points", "--images", 2560)


def test_help_and_usage():
    done = subprocess.run(
        [sys.executable, "-m", "minidiff", "generate", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "minidiff generate 3 1 4 --model digits" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "words, code", [(["--help"], 0), (["train", "-h"], 0), (["generate", "-n", "0"], 2), (["x"], 2)]
)
def test_help_and_mistakes_wait_for_no_library(words, code):
    program = f"""
import sys
from minidiff import cli
try:
    code = cli.main({words})
except SystemExit as error:
    code = error.code
print("end", code, [name for name in ("torch", "numpy", "matplotlib") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == f"end {code} []"


def test_ctrl_c_while_libraries_load(here):
    """A library that notices is stopped as if it did not."""
    (here / "torch.py").write_text(
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "except KeyboardInterrupt:\n    raise ImportError('cut short')\n"
    )
    path = os.pathsep.join([str(here), str(Path(minidiff.__file__).parents[1])])
    words = [sys.executable, "-m", "minidiff", *map(str, POINTS), "-o", "p.png"]
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(words, capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "minidiff: interrupted\n")


def test_ctrl_c_is_as_it_was_after_a_command():
    before = signal.getsignal(signal.SIGINT)
    run(*POINTS, "-o", "p.npz")
    run("train", "nothing")
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    "error, said",
    [
        (UserError("no\x1b[2J \n such"), r"no\x1b[2J such"),
        (FileNotFoundError(2, "No such file", "x.png"), "x.png: No such file"),
        (MemoryError(), "out of memory; only something smaller fits"),
    ],
)
def test_errors_of_users_are_one_sentence(error, said, monkeypatch, capfd):
    def failing(*args, **kwargs):
        raise error

    monkeypatch.setattr(sampling, "trajectories", failing)
    assert refused(capfd, *POINTS, "-o", "p.png") == f"minidiff: {said}\n"
    monkeypatch.setenv("MINIDIFF_DEBUG", "1")
    with pytest.raises(type(error)):
        run(*POINTS, "-o", "p.png")


def test_bugs_show_themselves(monkeypatch):
    def failing(*args, **kwargs):
        raise ValueError("a bug")

    monkeypatch.setattr(sampling, "trajectories", failing)
    with pytest.raises(ValueError, match="^a bug$"):
        run(*POINTS, "-o", "p.png")


@pytest.mark.parametrize("command", ["train", "generate", "evaluate", "lessons"])
def test_each_help_has_an_example_that_parses(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        run(command, "--help")
    examples = capsys.readouterr().out.partition("for example:\n")[2].strip().splitlines()
    assert examples
    for line in examples:
        words = shlex.split(line)
        assert parser().parse_args(words[1:]).command == command


def test_points_as_arrays(here):
    assert run(*POINTS, "-n", 7, "--seed", 3, "-o", "p.npz") == 0
    with np.load("p.npz") as file:
        assert file["points"].dtype == np.float32 and file["seeds"].tolist() == list(range(3, 10))
        made = minidiff.load("points")([None] * 7, seed=3, steps=3)
        np.testing.assert_allclose(file["points"], made, rtol=1e-5)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_same_seed_same_file(sampler, here):
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        assert run(*POINTS, "-n", 5, "--sampler", sampler, "--seed", seed, "-o", f"{name}.npz") == 0
    a, b, c = ((here / f"{name}.npz").read_bytes() for name in "abc")
    assert a == b != c


def test_digits_as_arrays(models, here):
    words = ("generate", 3, 1, "--model", models / "digits", "--steps", 2, "-n", 2)
    assert run(*words, "-o", "d.npz") == 0
    with np.load("d.npz") as file:
        images, labels = file["images"], file["labels"]
    assert images.shape == (4, 1, 28, 28) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1 and images.std() > 0
    assert labels.tolist() == [3, 3, 1, 1]
    model = pretrained.load("mine", models / "digits")
    made = torch.cat([model([label] * 2, steps=2) for label in (3, 1)])
    np.testing.assert_allclose(images, made, atol=1e-5)


def test_pictures_of_a_prompt_depend_on_no_other_and_on_no_number(models, here):
    """Each prompt has the seeds S, S + 1, ...: in any order, however many, one by one."""
    words = ("generate", "--model", models / "digits", "--steps", 2, "--sampler", "ddpm")

    def made(*more):
        assert run(*words, *more, "-o", "d.npz") == 0
        with np.load("d.npz") as file:
            return file["images"]

    four = made(3, 1, "-n", 2, "--seed", 5)
    model = pretrained.load("mine", models / "digits")
    by_python = model([1, 1], seed=5, steps=2, sampler=SAMPLERS["ddpm"])
    np.testing.assert_allclose(four[2:], by_python, atol=1e-5)
    np.testing.assert_allclose(made(1, 3, "-n", 2, "--seed", 5), four[[2, 3, 0, 1]], atol=1e-5)
    np.testing.assert_allclose(made(1, "-n", 1, "--seed", 6), four[3:], atol=1e-5)
    np.testing.assert_allclose(made(3, 1, "-n", 1, "--seed", 5), four[[0, 2]], atol=1e-5)
    assert np.abs(made(3, "--seed", 5 + 2**32) - four[0]).max() > 0.1


def test_no_prompt_means_the_ten_digits(models, here):
    words = ("generate", "--model", models / "digits", "--steps", 1)
    assert run(*words, "-o", "d.npz") == run(*words, "-o", "d.png") == 0
    assert np.load("d.npz")["labels"].tolist() == list(range(10))
    assert (here / "d.png").read_bytes().startswith(b"\x89PNG")


def test_prompts_guidance_and_a_negative_prompt(models):
    words = ("generate", "a thick seven", "2", "--model", models / "digits-text", "--steps", 2)
    assert run(*words, "-o", "plain.npz") == 0
    assert run(*words, "--guidance", 4, "-o", "strong.npz") == 0
    assert run(*words, "--guidance", 4, "--negative", "thin", "-o", "not.npz") == 0
    plain, strong, other = (np.load(f"{name}.npz") for name in ("plain", "strong", "not"))
    assert strong["prompts"].tolist() == ["a thick seven", "2"]
    assert not np.array_equal(plain["images"], strong["images"])
    assert not np.array_equal(strong["images"], other["images"])
    assert run(*words, "-n", 3, "-o", "rows.png") == 0


def test_interrupted_and_resumed_equals_uninterrupted(here, capsys):
    assert run(*TRAIN, "--out", "whole", "--seed", 5) == 0
    assert run(*TRAIN, "--out", "parts", "--seed", 5, "--minutes", 0) == 0
    assert "256 of 2560" in capsys.readouterr().out
    facts = pretrained.manifest("parts")["points"]
    assert (facts["images"], facts["recipe"], facts["seed"]) == (256, "points", 5)
    assert run(*TRAIN, "--out", "parts", "--seed", 5, "--resume") == 0
    whole, parts = ((here / d / "points.safetensors").read_bytes() for d in ("whole", "parts"))
    assert whole == parts
    assert run("generate", "--model", "parts", "-o", "p.png") == 0


def test_ctrl_c_saves_what_there_is(here, monkeypatch):
    """An interrupt in the middle of step 4 ends the run after that step, with its state saved."""
    recipe, calls = RECIPES["points"], []

    def interrupting(n, generator):
        calls.append(n)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return recipe.data()(n, generator)

    before = signal.getsignal(signal.SIGINT)
    interrupted = dataclasses.replace(recipe, data=lambda: interrupting)
    monkeypatch.setitem(RECIPES, "points", interrupted)
    assert run(*TRAIN, "--out", "parts") == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert load_state("parts/state.pt")["step"] == 4
    assert run(*TRAIN, "--out", "parts", "--resume") == 0
    assert run(*TRAIN, "--out", "whole") == 0
    whole, parts = ((here / d / "points.safetensors").read_bytes() for d in ("whole", "parts"))
    assert whole == parts


def test_ctrl_c_in_a_terminal_leaves_a_run_that_resumes(here):
    """All processes of a terminal get the signal, those that draw the data too."""
    words = [
        sys.executable,
        "-m",
        "minidiff",
        "train",
        "points",
        "--out",
        "parts",
        "--workers",
        "2",
    ]
    run_of = subprocess.Popen(
        words, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while run_of.poll() is None and not (here / "parts").is_dir():
        time.sleep(0.05)
    time.sleep(1)
    os.killpg(run_of.pid, signal.SIGINT)
    out, err = run_of.communicate(timeout=120)
    assert run_of.returncode == 130 and "Traceback" not in err and " of 2560000 images" in out
    step = load_state("parts/state.pt")["step"]
    assert f"{256 * step} of" in out
    assert run("train", "points", "--out", "parts", "--resume", "--minutes", 0) == 0
    assert load_state("parts/state.pt")["step"] == step + 1


def recipe_file(text, name="mine.toml"):
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)


def test_a_recipe_file_says_what_is_different(here):
    recipe_file('recipe = "points"\nimages = 1280\nbatch = 128\nlr = 1e-3\nseed = 3\nworkers = 1')
    assert run("train", "mine.toml") == 0
    plan = load_state("runs/mine/state.pt")["plan"]
    assert plan["recipe"] == "points" and plan["decay"] == 0.999
    assert [plan[name] for name in ("images", "batch", "lr", "seed")] == [1280, 128, 1e-3, 3]
    assert run("generate", "--model", "runs/mine", "-o", "p.png") == 0


def test_the_command_line_comes_before_the_file(here):
    recipe_file('recipe = "points"\nimages = 1280\nseed = 3\nout = "one"')
    words = ("--seed", 4, "--out", "two", "--batch", 64)
    assert run("train", "mine.toml", *words) == 0 and not (here / "one").exists()
    plan = load_state("two/state.pt")["plan"]
    assert [plan[name] for name in ("images", "batch", "lr", "seed")] == [1280, 64, 5e-3, 4]


BAD_FILES = {
    "unknown field": ("imagse = 9", "unknown field, imagse = 9; did you mean images?"),
    "nothing like it": ("zzz = 9", "unknown field, zzz = 9; it can have recipe, images, batch"),
    "wrong type": (
        'images = "many"',
        "images in mine.toml must be a whole number, at least 1 and at most .*, got",
    ),
    "true is no number": ("batch = true", "batch in mine.toml must be .* got True"),
    "too small": ("lr = 0", "lr in mine.toml must be a number above 0, got 0"),
    "too large": ("batch = 16777217", "batch .* at most 16,?777,?216, got 16777217"),
    "a table": ("[decay]\nx = 1", "decay in mine.toml must be .* below 1, got {'x': 1}"),
    "unknown recipe": ('recipe = "cats"', "recipe must be one of points, digits, .* got 'cats'"),
    "no recipe": ("images = 9", 'mine.toml must name its recipe, as in recipe = "digits"'),
    "no TOML": ("images: 9", "mine.toml is no TOML file: .*line 1"),
    "device": ('recipe = "points"\ndevice = "abacus"', "device must be auto, cpu, .* got 'abacus'"),
}


@pytest.mark.parametrize("text, sentence", BAD_FILES.values(), ids=BAD_FILES)
def test_bad_recipe_files(text, sentence, here, capfd):
    recipe_file(text)
    assert re.search(sentence, refused(capfd, "train", "mine.toml"))
    assert [file.name for file in here.iterdir()] == ["mine.toml"]


def test_recipe_files_that_are_not_there(here, capfd):
    assert "there is no recipe file mine.toml" in refused(capfd, "train", "mine.toml")
    (here / "mine.toml").write_bytes(b"\xff")
    assert "mine.toml is no TOML file" in refused(capfd, "train", "mine.toml")


def test_training_out_of_memory_says_which_batch_to_try(here, monkeypatch, capfd):
    def full(*args):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(loop, "one_step", full)
    assert "out of memory with --batch 256; try --batch 128" in refused(capfd, *TRAIN)


def test_ctrl_c_elsewhere_is_a_sentence(monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(sampling, "finished", interrupted)
    assert run(*POINTS, "-o", "p.png") == 130
    assert capsys.readouterr().err == "minidiff: interrupted\n"


def test_evaluate_prints_scores_beside_floors(capsys):
    assert run("evaluate", "points", "--samples", 200, "--seeds", 2, "--steps", 5) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "200 samples, 2 seeds" in lines[0]
    assert [line.split(",")[0] for line in lines[2:]] == ["DDIM 5", "DDIM 5"]
    low, high, real, ratio = map(float, lines[2].split()[-4:])
    assert low <= high and ratio > 1 and 2 < real < 8


@pytest.fixture
def few_real_digits(monkeypatch):
    """300 pictures in place of the 70,000, so that an evaluation takes a second."""
    images, labels = (part[:300] for part in mnist.load("test"))
    features = judge.load().features(images / 255).repeat(200, 1)
    features += 0.01 * torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(evaluate, "real_features", lambda: features)
    monkeypatch.setattr(evaluate, "mnist", SimpleNamespace(load=lambda split: (images, labels)))


def test_evaluate_digits(models, few_real_digits, capsys):
    assert run("evaluate", models / "digits", "--samples", 100, "--seeds", 1, "--steps", 1) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[0] for line in lines] == ["accuracy", "Frechet", "precision", "recall"]
    assert float(lines[1].split()[-1]) > 2  # an untrained model is far above the floor


def test_evaluate_text(models, few_real_digits, capsys):
    words = ("evaluate", models / "digits-text", "--samples", 100, "--seeds", 1, "--steps", 1)
    assert run(*words) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    scores = ["accuracy", "thickness", "slant", "size", "upright"]
    seen = [line.split()[1] for line in lines if line.startswith("seen")]
    assert seen == [scores[0], "Frechet", "precision", "recall", *scores[1:]]
    assert [line.split()[2] for line in lines if line.startswith("held out")] == scores


@pytest.mark.parametrize("samples", [100, 128, 4097, 60_000])
def test_too_few_or_too_many_samples_are_refused_before_the_work(samples, monkeypatch, capfd):
    """128 features need more samples; twice as many real scenes are at hand as are compared."""
    for module in (scenes_evaluation, evaluate):
        monkeypatch.setattr(module, "samples", None)
    said = refused(capfd, "evaluate", "scenes", "--samples", samples)
    assert f"samples must be from 129 to 4096 for this model, got {samples}" in said
    assert "at most 60000" in refused(capfd, "evaluate", "digits", "--samples", 60_001)
    assert "for this model, got 60000" in refused(
        capfd, "evaluate", "digits-text", "--samples", 60_000
    )


def test_scores_of_real_digits_are_the_floor(few_real_digits):
    """Real pictures in place of generated ones score what the floors say."""
    images, labels = mnist.load("test")
    images, labels = images[300:700] / 255, labels[300:700]
    scores = digit_scores(images, labels, torch.Generator().manual_seed(0))
    floors = digit_floors(400)
    assert scores["accuracy"] == pytest.approx(floors["accuracy"], abs=0.02)
    assert scores["Frechet"] < 10 * floors["Frechet"]


def test_table():
    lines = table(
        [Row("a", [3.0, 1.0, 2.0], 0.5), Row("long", [0.5], 1.0, share=True)]
    ).splitlines()
    assert lines[1].split() == ["a", "2", "1", "3", "0.5", "4.00"]
    assert lines[2].split()[:3] == ["long", "50.00", "%"]
    assert len({len(line) for line in lines}) == 1


BAD = {
    "no command": ((), "COMMAND"),
    "unknown command": (("paint",), "'paint'"),
    "unknown recipe": (("train", "cats"), "recipe must be one of points, digits, digits-text"),
    "negative seed": ((*POINTS, "--seed", -1, "-o", "p.png"), "at least 0, got '-1'"),
    "n = 0": ((*POINTS, "-n", 0, "-o", "p.png"), "at least 1, got '0'"),
    "n is no number": ((*POINTS, "-n", "many", "-o", "p.png"), "'many'"),
    "no steps": ((*POINTS, "--steps", 0, "-o", "p.png"), "--steps: must be a whole number"),
    "unknown sampler": ((*POINTS, "--sampler", "euler", "-o", "p.png"), "ddpm, heun, dpmpp_2m"),
    "unknown model": (("generate", "--model", "cats", "-o", "p.png"), "one of points.*'cats'"),
    "evaluate unknown": (("evaluate", "cats"), "one of points.*'cats'"),
    "empty folder": (("evaluate", "."), "no model in"),
    "no such folder": ((*POINTS, "-o", "no/p.png"), "cannot write no/p.png"),
    "a folder as file": ((*POINTS, "-o", "folder.png"), "cannot write folder.png"),
    "unknown suffix": ((*POINTS, "-o", "p.jpg"), "-o must end in .png or .npz"),
    "no device": ((*POINTS, "--device", "cuda:99", "-o", "p.png"), "'cuda:99'"),
    "unknown device": ((*POINTS, "--device", "abacus", "-o", "p.png"), "auto, cpu, cuda or mps"),
    "device to train on": ((*TRAIN, "--device", "abacus"), "auto, cpu, cuda or mps"),
    "prompt for points": ((*POINTS, "fox", "-o", "p.png"), "takes no prompts"),
    "guided points": ((*POINTS, "--guidance", 2, "-o", "p.png"), "no guidance"),
    "guidance nan": ((*POINTS, "--guidance", "nan", "-o", "p.png"), "'nan'"),
    "too few images": (("train", "points", "--images", 10), "at least one batch, 256, got 10"),
    "minutes": ((*TRAIN, "--minutes", -1), "must not be negative"),
    "nothing to resume": ((*TRAIN, "--resume"), "nothing to resume: there is no .*state.pt"),
    "out is a file": ((*TRAIN, "--out", "file"), "file"),
    "out in a file": ((*TRAIN, "--out", "file/run"), "file"),
    "no lesson": (("lessons", "lint", "none.ipynb"), "none.ipynb"),
    "unknown action": (("lessons", "read"), "'read'"),
}


@pytest.mark.parametrize("words, sentence", BAD.values(), ids=BAD)
def test_bad_input(words, sentence, here, capfd):
    (here / "folder.png").mkdir()
    (here / "file").write_text("")
    assert re.search(sentence, refused(capfd, *words))


def test_bad_labels_and_prompts(models, capfd):
    digits = ("generate", "--model", models / "digits", "--steps", 1, "-o", "d.npz")
    assert "from 0 to 9, got '12'" in refused(capfd, *digits, "12")
    assert "from 0 to 9" in refused(capfd, *digits, "1", "--guidance", 2, "--negative", "fox")
    plain = (*digits, "1", "--guidance", 1, "--negative", "2")
    assert "--negative needs --guidance" in refused(capfd, *plain)
    text = ("generate", "--model", models / "digits-text", "--steps", 1, "-o", "d.npz")
    assert "'thikc'; did you mean thick" in refused(capfd, *text, "a thikc seven")
    assert "the limit is" in refused(capfd, *text, "a seven " * 9)
    assert "up to 400 pictures" in refused(capfd, *digits[:-1], "d.png", "1", "-n", 401)
    with pytest.raises(ValueError, match="cond must have one entry per picture, got 2 for 3"):
        pretrained.load("mine", models / "digits").loss(torch.zeros(3, 1, 28, 28), [1, 2])


def test_damaged_models(models, here, capfd):
    words = ("generate", "--model", "mine", "-o", "d.npz")
    pretrained.save("mine", minidiff.load("points"), "mine", recipe="points")
    weights, manifest = here / "mine" / "mine.safetensors", here / "mine" / "manifest.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-9])
    assert "damaged" in refused(capfd, *words)
    entries = pretrained.manifest("mine")
    entries["mine"]["sha256"] = hashlib.sha256(whole[:-9]).hexdigest()
    pretrained.write_manifest(entries, "mine")  # truncated before the checksum was taken
    assert "no safetensors file" in refused(capfd, *words)
    weights.write_bytes(whole)
    assert "sha256" in refused(capfd, *words)
    weights.unlink()
    assert "no weights at" in refused(capfd, *words)
    manifest.write_text("{")
    assert "manifest.json is damaged" in refused(capfd, *words)


def test_evaluations_belong_to_recipes():
    assert set(EVALUATIONS) <= set(RECIPES)


def test_a_codec_alone_paints_nothing(capfd):
    for words in (("generate", "-o", "p.png", "--model"), ("evaluate",)):
        assert "paints nothing by itself" in refused(capfd, *words, "codec")


def test_runs_that_cannot_go_on(here, capfd):
    assert run(*TRAIN, "--out", "run", "--minutes", 0) == 0
    state = here / "run" / "state.pt"
    whole = state.read_bytes()
    again = (*TRAIN, "--out", "run")
    assert "add --resume" in refused(capfd, *again)
    assert "seed = 0, got seed = 1" in refused(capfd, *again, "--resume", "--seed", 1)
    for damaged in (b"", whole[:100], whole[: len(whole) // 2]):
        state.write_bytes(damaged)
        assert "damaged or is no training state" in refused(capfd, *again, "--resume")
    save_state(state, {"step": 1})
    assert "no training state of this model" in refused(capfd, *again, "--resume")
    state.write_bytes(whole)
    assert run(*again, "--resume") == 0


def test_whatever_a_finished_run_has_lost_is_made_again(here):
    assert run(*TRAIN, "--out", "run") == 0
    weights, manifest = here / "run" / "points.safetensors", here / "run" / "manifest.json"
    whole = weights.read_bytes()
    for lose in (weights.unlink, manifest.unlink, lambda: weights.write_bytes(b"old")):
        lose()
        assert run(*TRAIN, "--out", "run", "--resume") == 0
        assert weights.read_bytes() == whole and pretrained.load("points", "run")
    manifest.write_text("half of i")
    assert run(*TRAIN, "--out", "run", "--resume") == 0 and pretrained.load("points", "run")


def test_a_second_run_into_a_folder_is_refused_and_a_dead_one_is_no_hindrance(here, capfd):
    words = [sys.executable, "-m", "minidiff", *map(str, TRAIN[:2]), "--out", "run"]
    first = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    while not (here / "run" / ".lock").exists():
        time.sleep(0.05)
    time.sleep(0.5)
    assert "run is being written by another run" in refused(capfd, *TRAIN, "--out", "run")
    first.kill()
    first.wait()
    assert run(*TRAIN, "--out", "run") == 0


def test_sigterm_ends_as_ctrl_c_does(here, monkeypatch):
    recipe, calls = RECIPES["points"], []

    def ending(n, generator):
        calls.append(n)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return recipe.data()(n, generator)

    before = signal.getsignal(signal.SIGTERM)
    ended = dataclasses.replace(recipe, data=lambda: ending)
    monkeypatch.setitem(RECIPES, "points", ended)
    assert run(*TRAIN, "--out", "parts") == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
    assert load_state("parts/state.pt")["step"] == 4


def test_a_failed_last_save_is_said(here, monkeypatch, capfd):
    """Ctrl-C with a full disk: not 130 as if the state were safe."""
    recipe = RECIPES["points"]

    def interrupting(n, generator):
        os.kill(os.getpid(), signal.SIGINT)
        return recipe.data()(n, generator)

    def full(path, state):
        raise OSError(f"cannot write {path}: No space left on device")

    interrupted = dataclasses.replace(recipe, data=lambda: interrupting)
    monkeypatch.setitem(RECIPES, "points", interrupted)
    monkeypatch.setattr("minidiff.training.loop.save_state", full)
    assert run(*TRAIN, "--out", "parts") == 2
    assert capfd.readouterr().err.strip().endswith("No space left on device")


def test_training_starts_from_other_weights_where_asked(here):
    recipe_file('recipe = "points"\nimages = 256\nlr = 1e-9\nstart = "points"')
    assert run("train", "mine.toml", "--out", "mine") == 0
    given, made = minidiff.load("points"), pretrained.load("points", "mine")
    for a, b in zip(given.state_dict().values(), made.state_dict().values()):
        torch.testing.assert_close(a, b, rtol=2e-3, atol=1e-4)


def test_a_diverging_recipe_is_one_sentence(here, capfd):
    recipe_file('recipe = "points"\nimages = 25600\nlr = 30.0\nclip = 1e9')
    capfd.readouterr()
    assert run("train", "mine.toml", "--out", "hot") == 2
    assert "is no number: lower lr or clip" in capfd.readouterr().err
    assert not (here / "hot" / "points.safetensors").exists()


def test_a_failed_write_leaves_the_old_file(here, monkeypatch, capfd):
    old = here / "p.npz"
    old.write_bytes(b"old")

    def full(entry, head):
        entry.write(b"ne")
        raise OSError("No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    assert "cannot write p.npz: No space left" in refused(capfd, *POINTS, "-o", "p.npz")
    assert old.read_bytes() == b"old" and [file.name for file in here.iterdir()] == ["p.npz"]


def test_lint_finds_and_says(here, capsys):
    good = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (here / "01_x.ipynb").write_text(json.dumps(good))
    assert run("lessons", "lint", "01_x.ipynb") == 1
    assert "01_x.ipynb" in capsys.readouterr().out
