"""A codec that a network watches: what its loss is made of, and what the network looks at."""

import copy

import pytest
import torch

from minidiff.codecs import Autoencoder
from minidiff.codecs.perceptual import STAGES, Perceptual, perceptual_features
from minidiff.data.scenes import scene_data
from minidiff.evaluation.judges import scenes as scene_judge
from minidiff.recipes.codec import BATCH, IMAGES, growing, mirrored_scenes
from minidiff.training import train


def fresh():
    torch.manual_seed(0)
    return Perceptual(Autoencoder(narrow=8, wide=16), copy.deepcopy(scene_judge.load()))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def pictures():
    return scene_data()(4, seeded(3))[0]


def test_training_moves_the_codec_and_not_the_network():
    model = fresh()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for progress in train(model, scene_data(), 16, batch=4, lr=1e-3, warmup=1):
        pass
    for name, value in progress.model.state_dict().items():
        if name.startswith("network."):
            assert torch.equal(value, before[name]), name
    moved = {
        n.split(".")[1] for n, v in progress.model.state_dict().items() if not v.equal(before[n])
    }
    assert moved >= {"encoder", "decoder"}


def test_a_loss_without_the_network_is_the_codecs_own(pictures):
    model = fresh()
    plain, seen = (model.loss(pictures, None, seeded(), share=share) for share in (0, 1))
    torch.testing.assert_close(plain, model.codec.loss(pictures, None, seeded()))
    assert seen > plain + 0.1  # to the network, an untrained decoder's grey is like nothing


def test_the_networks_share_grows_until_half_time(pictures):
    model = fresh()
    loss = growing(model)
    steps = IMAGES // BATCH
    for step, share in [(0, 0), (steps // 4, 0.002), (steps // 2 + 1, 0.004), (steps - 1, 0.004)]:
        wanted = model.loss(pictures, None, seeded(), share=share)
        got = loss((pictures, None), seeded(), step, None)
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-5)


def test_half_of_the_pictures_are_mirrored():
    plain, captions = scene_data()(40, seeded(1))
    made, told = mirrored_scenes()(40, seeded(1))
    turned = [torch.equal(a, b.flip(2)) for a, b in zip(made, plain)]
    as_they_were = [torch.equal(a, b) for a, b in zip(made, plain)]
    assert told == captions and all(a != b for a, b in zip(turned, as_they_were))
    assert 10 < sum(turned) < 30


def test_the_network_looks_at_three_sizes_and_same_pictures_look_the_same(pictures):
    network = scene_judge.load()
    seen = perceptual_features(network, pictures)
    assert [tuple(h.shape[2:]) for h in seen] == [(32, 32), (16, 16), (8, 8)]
    assert len(STAGES) == 3
    for a, b in zip(seen, perceptual_features(network, pictures.clone())):
        assert torch.equal(a, b)
