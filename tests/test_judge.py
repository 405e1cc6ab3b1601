"""The judge is right about real digits, small, reproducible, and safe to replace."""

import pytest
import torch
from safetensors.torch import load_file

from minidiff import pretrained
from minidiff.data import mnist
from minidiff.errors import UserError
from minidiff.evaluation.judges import digits as judges
from minidiff.evaluation.judges.digits import accuracy
from minidiff.recipes import judges as recipe


@pytest.fixture(scope="module")
def digits():
    images, labels = mnist.load("test")
    return images / 255, labels


@pytest.fixture(scope="module")
def pupil(digits):
    """A judge trained for a second or two on 768 digits."""
    images, labels = digits
    return recipe.train_judge(images[:768], labels[:768], batch=64, epochs=5, seed=1)


def test_accuracy_of_the_shipped_judge(digits):
    score = accuracy(judges.load(), *digits)
    assert score >= 0.994
    recorded = pretrained.manifest()["judge"]["scores"]["test accuracy"]
    assert recorded == pytest.approx(score, abs=2e-4)


def test_file_is_small_and_half_precision():
    file = pretrained.HERE / "judge.safetensors"
    assert file.stat().st_size < 2**20
    kinds = {x.dtype for x in load_file(file).values() if x.is_floating_point()}
    assert kinds == {torch.float16}


def test_loaded_ready_for_use(digits):
    judge = judges.load()
    assert judge is judges.load() and not judge.training
    assert {p.dtype for p in judge.parameters()} == {torch.float32}
    features = judge.features(digits[0][:5])
    assert features.shape == (5, judge.width) and judge.width >= 64
    torch.testing.assert_close(judge.head(features), judge(digits[0][:5]))
    assert judge(digits[0][:5]).shape == (5, 10)
    # one image at a time gives what the batch gives: nothing depends on the neighbours
    torch.testing.assert_close(judge.features(digits[0][2:3]), features[2:3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "images", [torch.zeros(2, 28, 28), torch.zeros(2, 3, 28, 28), torch.zeros(2, 1, 28, 28).byte()]
)
def test_wrong_images(images):
    with pytest.raises(ValueError, match="images must be floats") as error:
        judges.load()(images)
    assert str(tuple(images.shape)) in str(error.value)


def test_jitter_keeps_the_ink_and_moves_it_a_little(digits):
    images = digits[0][:500]
    generator = torch.Generator().manual_seed(0)
    still = recipe.jitter(images, generator, turn=0, zoom=0, shift=0)
    torch.testing.assert_close(still, images, rtol=0, atol=1e-5)

    def centre(x):
        return (x.sum(2) @ torch.arange(28.0) / x.sum((1, 2, 3))[:, None]).squeeze(1)

    moved = recipe.jitter(images, generator, turn=0, zoom=0, shift=2)
    steps = centre(moved) - centre(images)
    assert steps.abs().max() < 2.1 and steps.abs().max() > 1.8
    assert steps.mean().abs() < 0.2
    ink = recipe.jitter(images, generator).sum() / images.sum()
    assert 0.9 < ink < 1.1


def test_training_learns(pupil, digits):
    images, labels = digits
    assert not pupil.training
    assert accuracy(pupil, images[-1000:], labels[-1000:]) > 0.7


def test_training_is_a_function_of_its_arguments(digits):
    images, labels = (x[:256] for x in digits)

    def weights(seed):
        return torch.cat(
            [
                p.flatten()
                for p in recipe.train_judge(images, labels, seed=seed, epochs=1).parameters()
            ]
        )

    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = weights(3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    torch.testing.assert_close(weights(3), first)
    assert not torch.allclose(weights(4), first)


@pytest.mark.parametrize("n, m", [(200, 199), (100, 100)])
def test_training_on_too_little(digits, n, m):
    with pytest.raises(ValueError, match=f"{n} and {m}"):
        recipe.train_judge(digits[0][:n], digits[1][:m])


def test_save_and_load(pupil, digits, tmp_path):
    pretrained.save("judge", pupil, tmp_path, seed=1)
    loaded = judges.load(tmp_path)
    torch.testing.assert_close(loaded(digits[0][:50]), pupil(digits[0][:50]), rtol=0.02, atol=0.05)
    assert pretrained.manifest(tmp_path)["judge"]["seed"] == 1


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_truncated_weights(pupil, tmp_path, keep):
    pretrained.save("judge", pupil, tmp_path)
    file = tmp_path / "judge.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(UserError, match="judge.safetensors is damaged"):
        judges.load(tmp_path)


def test_a_judge_is_built_only_for_its_own_room():
    with pytest.raises(UserError, match="part of a model .* got 'Judge'"):
        pretrained.load("judge")
