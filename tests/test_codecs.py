"""Codecs: there and back, latents of unit variance, tiles without seams, and what they refuse."""

import math

import pytest
import torch

from minidiff import pretrained
from minidiff.codecs import Autoencoder, Pixels, Scaled
from minidiff.codecs.autoencoder import gradients
from minidiff.codecs.tiles import Tiled
from minidiff.data import scenes


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def codec():
    return pretrained.load("codec")


@pytest.fixture(scope="module")
def pictures():
    """Scenes of pairs that were held out, which the codec never saw."""
    asked = [scenes.random_scene(seeded(7 + i), unseen=True) for i in range(64)]
    return torch.stack([scenes.draw(scene, seeded(i)) for i, scene in enumerate(asked)]) / 255


def random_codec():
    """An autoencoder whose residual branches do something, and whose statistics are not 0 and 1."""
    torch.manual_seed(0)
    codec = Autoencoder(4, narrow=8, wide=16)
    with torch.no_grad():
        for name, value in codec.named_parameters():
            if "conv2" in name:
                value.normal_(0, 0.05)
    codec.mean += 0.3
    codec.std *= 1.7
    return codec.eval()


@pytest.mark.parametrize("codec", [Pixels(), Scaled(3.0)], ids=["pixels", "scaled"])
def test_exact_codecs_give_back_what_they_got(codec):
    pictures = torch.rand(3, 1, 4, 4, generator=seeded())
    torch.testing.assert_close(codec.decode(codec.encode(pictures)), pictures)


def test_the_shipped_codec_reconstructs_held_out_scenes(codec, pictures):
    made = codec.decode(codec.encode(pictures))
    errors = (made - pictures).square().mean((1, 2, 3))
    psnr = (-10 * errors.log10()).mean()
    flat = pictures.mean((2, 3), keepdim=True).expand_as(pictures)  # the floor: one colour each
    floor = (-10 * (flat - pictures).square().mean((1, 2, 3)).log10()).mean()
    assert psnr > 30 and psnr > floor + 10
    assert made.min() >= 0 and made.max() <= 1


def test_the_shipped_latents_are_standardised(codec, pictures):
    x0 = codec.encode(pictures)
    assert x0.shape == (64, 8, 16, 16)
    assert x0.mean((0, 2, 3)).abs().max() < 0.25
    assert (x0.std((0, 2, 3)) - 1).abs().max() < 0.25


def test_eight_latents_for_every_4x4_pixels():
    codec = Autoencoder()
    assert codec.encode(torch.rand(2, 3, 16, 24)).shape == (2, 8, 4, 6)
    assert codec.decode(torch.randn(2, 8, 4, 6)).shape == (2, 3, 16, 24)


def test_encode_is_the_standardised_mean_of_the_posterior_without_gradient():
    codec, pictures = random_codec(), torch.rand(2, 3, 16, 24, generator=seeded())
    x0 = codec.encode(pictures)
    z, log_variance = codec.posterior(pictures)
    assert x0.shape == log_variance.shape == (2, 4, 4, 6) and not x0.requires_grad
    torch.testing.assert_close(x0 * codec.std + codec.mean, z.detach())
    torch.testing.assert_close(codec.decode(x0), codec.picture(z).clamp(0, 1).detach())


def test_tiles_convert_as_the_whole_does():
    codec = random_codec()
    tiled = Tiled(codec, tile=16)
    pictures = torch.rand(1, 3, 148, 116, generator=seeded())
    x0 = codec.encode(pictures)
    torch.testing.assert_close(tiled.encode(pictures), x0, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(tiled.decode(x0), codec.decode(x0), atol=1e-5, rtol=1e-5)
        bare = Tiled(codec, tile=16, margin=0).decode(x0)  # without its margin a tile has a seam
        assert (bare - codec.decode(x0)).abs().max() > 1e-4


def test_statistics_are_measured_in_training_only():
    codec, pictures = random_codec(), torch.rand(4, 3, 16, 16, generator=seeded())
    before = codec.std.clone()
    codec.loss(pictures, generator=seeded())
    assert torch.equal(codec.std, before)
    codec.train()
    for _ in range(300):
        codec.update_statistics(torch.randn(4, 4, 8, 8, generator=seeded()) * 5 + 2)
    z = torch.randn(4, 4, 8, 8, generator=seeded()) * 5 + 2
    torch.testing.assert_close(codec.std.flatten(), z.std((0, 2, 3)), rtol=0.02, atol=0.02)
    torch.testing.assert_close(codec.mean.flatten(), z.mean((0, 2, 3)), rtol=0.02, atol=0.02)


def test_the_divergence_in_the_loss_is_that_of_gaussians():
    codec, pictures = random_codec(), torch.rand(2, 3, 16, 16, generator=seeded())
    with torch.no_grad():
        z, log_variance = codec.posterior(pictures)
        q = torch.distributions.Normal(z, (log_variance / 2).exp())
        expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).mean()
        losses = [codec.loss(pictures, generator=seeded(), kl=kl) for kl in (0.0, 1.0)]
    torch.testing.assert_close(losses[1] - losses[0], expected)


def test_edges_are_differences_of_neighbours():
    ramp = torch.arange(4.0).expand(1, 3, 4, 4)  # grows to the right by 1
    found = gradients(ramp)
    assert found.shape == (1, 3, 2, 3, 3)
    assert found[:, :, 0].eq(1).all() and found[:, :, 1].eq(0).all()


def test_a_codec_learns_and_its_loss_depends_on_the_generator_alone():
    torch.manual_seed(0)
    codec = Autoencoder(narrow=8, wide=16).train()
    pictures = torch.rand(8, 3, 2, 2, generator=seeded()).repeat_interleave(8, 2)
    pictures = pictures.repeat_interleave(8, 3)
    optimizer = torch.optim.AdamW(codec.parameters(), 3e-3)
    first = codec.loss(pictures, generator=seeded()).item()
    assert codec.loss(pictures, generator=seeded()).item() == first
    for step in range(100):
        loss = codec.loss(pictures, generator=seeded(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.6 * first and math.isfinite(loss)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 62, 64), (1, 3, 0, 64)])
def test_a_wrong_shape_is_one_sentence(shape):
    for codec in (random_codec(), Tiled(random_codec())):
        with pytest.raises(ValueError, match=r"pictures must have shape \(B, 3, H, W\)"):
            codec.encode(torch.zeros(shape))
