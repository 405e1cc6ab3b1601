"""Sharpening a codec: only its decoder moves, and towards what the network sees."""

import copy

import pytest
import torch

from minidiff.codecs import Autoencoder
from minidiff.codecs.autoencoder import reconstruction_loss
from minidiff.codecs.perceptual import STAGES, Sharpened, perceptual_features
from minidiff.data.scenes import scene_data
from minidiff.evaluation.judges import scenes as scene_judge
from minidiff.training import train


def fresh():
    torch.manual_seed(0)
    return Sharpened(Autoencoder(), copy.deepcopy(scene_judge.load()))


@pytest.fixture(scope="module")
def pictures():
    return scene_data()(4, torch.Generator().manual_seed(3))[0]


def test_training_moves_the_decoder_and_nothing_else():
    model = fresh()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for progress in train(model, scene_data(), 16, batch=4, lr=1e-3, warmup=1):
        pass
    for name, value in progress.model.state_dict().items():
        moved = not torch.equal(value, before[name])
        assert moved == name.startswith("codec.decoder"), name


def test_a_loss_without_the_eye_is_the_codecs_own(pictures):
    model = fresh()
    plain, seen = (
        model.loss(pictures, None, torch.Generator().manual_seed(0), share=share)
        for share in (0, 1)
    )
    z, log_variance = model.codec.posterior(pictures)
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(0))
    made = model.codec.picture(z + (log_variance / 2).exp() * noise)
    torch.testing.assert_close(plain, reconstruction_loss(made, pictures))
    assert seen > plain + 0.1  # an untrained decoder perceptual_features like nothing


def test_the_eye_looks_at_three_sizes_and_same_pictures_look_the_same(pictures):
    network = scene_judge.load()
    assert [tuple(h.shape[2:]) for h in perceptual_features(network, pictures)] == [
        (32, 32),
        (16, 16),
        (8, 8),
    ]
    assert len(STAGES) == 3
    for a, b in zip(
        perceptual_features(network, pictures), perceptual_features(network, pictures.clone())
    ):
        assert torch.equal(a, b)
