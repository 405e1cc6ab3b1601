"""The whole way from a prompt to a sample, on the shipped points and on small untrained nets."""

import pytest
import torch

import minidiff
from minidiff.codecs import Pixels, Scaled
from minidiff.data.points import swiss_roll
from minidiff.evaluation.distances import chamfer, floor
from minidiff.recipes import RECIPES
from minidiff.training.devices import get_device


def digits():
    torch.manual_seed(0)
    model = RECIPES["digits"].model().eval()
    torch.nn.init.normal_(model.denoiser.net.conv_out[-1].weight, std=0.1)
    return model


def test_labels_give_pictures():
    model = digits()
    pictures = model([3, None], steps=3)
    assert pictures.shape == (2, 1, 28, 28)
    assert pictures.min() >= 0 and pictures.max() <= 1
    assert torch.equal(pictures, model([3, None], steps=3))
    assert not torch.equal(pictures, model([3, None], steps=3, seed=1))


def test_guidance_and_negative_prompt_are_wrappers():
    model, x, t = digits(), torch.randn(1, 1, 28, 28) / 4, torch.tensor(0.7)
    plain = model.denoiser(x, t, *model.encoder([3]))
    null, seven = (model.denoiser(x, t, *model.encoder([label])) for label in (None, 7))
    torch.testing.assert_close(model.prompted([3], w=1)(x, t), plain.clamp(-1, 1))
    guided = (null + 3 * (plain - null)).clamp(-1, 1)
    torch.testing.assert_close(model.prompted([3], w=3.0)(x, t), guided)
    away = (seven + 3 * (plain - seven)).clamp(-1, 1)
    torch.testing.assert_close(model.prompted([3], w=3.0, negative=7)(x, t), away)


def test_the_seed_decides_the_samplers_noise_too():
    model = minidiff.load("points")
    before = torch.random.get_rng_state()
    runs = [model(3, steps=5, seed=seed, sampler=minidiff.ddpm) for seed in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_sample_i_does_not_depend_on_the_batch():
    model = digits()
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


def test_bad_prompts():
    with pytest.raises(ValueError, match="label must be a number from 0 to 9, got 12"):
        digits()([12])
    with pytest.raises(ValueError, match="n must be a whole number, at least 1, got 0"):
        digits()([])


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
