"""The whole way from a prompt to a sample, on the shipped points and on small untrained nets."""

import numpy as np
import pytest
import torch

import minidiff
from minidiff.codecs import Pixels, Scaled
from minidiff.data.points import swiss_roll
from minidiff.evaluation.distances import chamfer, floor
from minidiff.model import Model
from minidiff.recipes import RECIPES
from minidiff.training.devices import get_device


def digits():
    torch.manual_seed(0)
    model = RECIPES["digits"].model().eval()
    for parameter in model.denoiser.net.parameters():
        if not parameter.any():  # a fresh network hears no label and says 0
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def test_labels_give_pictures():
    model = digits()
    pictures = model([3, None], steps=3)
    assert pictures.shape == (2, 1, 28, 28)
    assert pictures.min() >= 0 and pictures.max() <= 1
    assert torch.equal(pictures, model([3, None], steps=3))
    assert not torch.equal(pictures, model([3, None], steps=3, seed=1))


def test_guidance_and_negative_prompt_are_wrappers():
    model, x, t = digits().double(), torch.randn(1, 1, 28, 28).double() / 4, torch.tensor(0.7)
    plain = model.denoiser(x, t, *model.encoder([3]))
    null, seven = (model.denoiser(x, t, *model.encoder([label])) for label in (None, 7))
    torch.testing.assert_close(model.prompted([3], w=1)(x, t), plain.clamp(-1, 1))
    guided = (null + 3 * (plain - null)).clamp(-1, 1)
    torch.testing.assert_close(model.prompted([3], w=3.0)(x, t), guided)
    away = (seven + 3 * (plain - seven)).clamp(-1, 1)
    torch.testing.assert_close(model.prompted([3], w=3.0, negative=7)(x, t), away)


def test_noise_is_that_of_one_seed_after_the_other():
    model = digits()
    assert torch.equal(model.noise(3, seed=5)[2:], model.noise(1, seed=7))
    assert torch.equal(model.noise(3, seed=5)[:2], model.noise(2, seed=5))
    assert model.noise(2).shape == (2, 1, 28, 28)


@pytest.mark.parametrize("codec, low", [(Pixels(), 0.0), (Scaled(2.0), -3.0)])
def test_codecs_come_back(codec, low):
    pictures = torch.linspace(low, 1, 12).view(3, 4)
    torch.testing.assert_close(codec.decode(codec.encode(pictures)), pictures)


def test_pixels_are_clamped_when_decoded():
    assert Pixels().decode(torch.tensor([-3.0, 0, 3])).tolist() == [0, 0.5, 1]


def test_shipped_points_lie_on_the_roll():
    model = minidiff.load("points")
    real = swiss_roll(1024, torch.Generator().manual_seed(100))
    best = floor(chamfer, lambda generator: swiss_roll(1024, generator), pairs=5)
    assert chamfer(model(1024, steps=100), real) < 10 * best
    assert chamfer(torch.randn(1024, 2), real) > 100 * best


@pytest.mark.parametrize(
    "n, seed, message", [(0, 0, "n must be"), (2, -1, "seed must be"), (1.5, 0, "n must")]
)
def test_bad_counts(n, seed, message):
    with pytest.raises(ValueError, match=message):
        digits().noise(n, seed)


@pytest.mark.parametrize(
    "prompts, message",
    [
        ([12], "label must be a number from 0 to 9, got 12"),
        ([True], "label must be a number from 0 to 9, got True"),
        ([], "prompts must be one or more, got none"),
        (3, r"prompts must be a list, one a picture, got 3: \[3\]\?"),
        ("314", r"prompts must be a list, one a picture, got '314': \['314'\]\?"),
        (None, "prompts must be a list"),
        (torch.tensor(3), "prompts must be a list"),
    ],
)
def test_bad_prompts(prompts, message):
    with pytest.raises(ValueError, match=message):
        digits()(prompts)
    with pytest.raises(ValueError, match=message):
        digits().prompted(prompts)


@pytest.mark.parametrize("labels", [torch.tensor([3, 1]), np.array([3, 1]), (3, 1), ["3", "1"]])
def test_labels_of_any_kind(labels):
    model = digits()
    wanted = model([3, 1], steps=2)
    assert torch.equal(model(labels, steps=2), wanted)
    assert torch.equal(model(list(labels), steps=2), wanted)


@pytest.mark.parametrize("n", [2, np.int64(2), torch.tensor(2), [None, None]])
def test_a_model_without_prompts_takes_a_number(n):
    model = minidiff.load("points")
    assert torch.equal(model(n, steps=2), model([None] * 2, steps=2))


@pytest.mark.parametrize(
    "n, message",
    [
        (["a fox"], "this model takes no prompts, only how many, got"),
        ([3, 1], "takes no prompts"),
        ("3", "the number of samples must be a whole number, at least 1, got '3'"),
        (0, "the number of samples must be"),
        (True, "the number of samples must be"),
        (2.5, "the number of samples must be"),
    ],
)
def test_bad_numbers_of_samples(n, message):
    with pytest.raises(ValueError, match=message):
        minidiff.load("points")(n)


@pytest.mark.parametrize("w", [float("nan"), float("inf"), 1e39, "2"])
def test_bad_guidance(w):
    with pytest.raises(ValueError, match="w must be a number from"):
        digits()([3], w=w)


@pytest.mark.parametrize("steps", [0, 2.5, True, "5"])
def test_bad_steps(steps):
    with pytest.raises(ValueError, match="steps must be a whole number, at least 1, got"):
        digits()([3], steps=steps)


def test_parts_say_what_they_are_and_are_asked_in_one_place():
    scenes = minidiff.load("scenes")
    assert scenes.factors == (4, 4) and scenes.range is None and scenes.null == ""
    assert digits().factors == (1, 4) and digits().range == (-1, 1) and digits().null is None
    bare = Model(lambda x, t: x, lambda prompts: (), object(), (2,))
    assert bare.factors == (1, 1) and bare.range is None and bare.null is None
    assert bare.device.type == "cpu" and bare.dtype == torch.float32


def test_devices(monkeypatch):
    monkeypatch.delenv("MINIDIFF_DEVICE", raising=False)
    assert get_device().type == "cpu" and get_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(ValueError, match="device must be auto, cpu, cuda or mps, got 'tpu'"):
        get_device("tpu")
    monkeypatch.setenv("MINIDIFF_DEVICE", "tpu")
    with pytest.raises(ValueError, match="tpu"):
        get_device()
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="this machine has none"):
            get_device("cuda")


def test_a_model_samples_with_the_schedule_that_its_denoiser_was_trained_with():
    for name in ("points", "digits"):
        model, ts = minidiff.load(name), torch.linspace(0, 1, 11)
        torch.testing.assert_close(model.schedule(ts), model.denoiser.schedule(ts))
