"""What the scenes' judge is to say nothing of: each way of failing does what it says."""

import copy

import pytest
import torch

from minidiff import pretrained
from minidiff.data import scenes
from minidiff.data.scenes.sprites import THINGS
from minidiff.evaluation.judges import scenes as scene_judge
from minidiff.recipes import failures
from minidiff.recipes.failures import Suspicious, blurred, molten, shuffled


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def drawn():
    return scenes.any_scenes(32, seeded(7))


def test_a_blur_keeps_the_mean_and_spreads_a_point_by_its_std():
    point = torch.zeros(2, 3, 65, 65)
    point[:, :, 32, 32] = 1
    std = torch.tensor([1.0, 2.5])
    made = blurred(point, std)
    torch.testing.assert_close(made.sum((2, 3)), torch.ones(2, 3))
    place = torch.arange(65.0) - 32
    variance = (made[:, 0].sum(1) * place.square()).sum(1)
    torch.testing.assert_close(variance.sqrt(), std, rtol=0.02, atol=0)


def test_nothing_melts_at_reach_zero_and_everything_at_a_large_one(drawn):
    pictures, _ = drawn
    still = molten(pictures, torch.zeros(len(pictures)), seeded())
    torch.testing.assert_close(still, pictures, atol=1e-4, rtol=0)
    moved = molten(pictures, torch.full((len(pictures),), 6.0), seeded())
    assert ((moved - pictures).abs().mean((1, 2, 3)) > 0.01).all()


def test_shuffling_keeps_every_square_and_moves_them(drawn):
    pictures, _ = drawn
    made = shuffled(pictures, seeded())
    assert not torch.equal(made, pictures)

    def squares(x):
        return x.unfold(2, 8, 8).unfold(3, 8, 8).sum((1, 4, 5)).flatten(1).sort(1).values

    torch.testing.assert_close(squares(made), squares(pictures), rtol=1e-4, atol=1e-3)


def test_the_shipped_judge_says_nothing_of_what_is_molten_blurred_or_shuffled(drawn):
    pictures, told = drawn
    sizes = torch.tensor([scene.size for scene in told]).float()
    ways = {
        "blurred": blurred(pictures, 0.3 * sizes),
        "molten": molten(pictures, 0.3 * sizes, seeded()),
        "shuffled": shuffled(pictures, seeded()),
    }
    for name, made in ways.items():
        said = scene_judge.judged(made.clamp(0, 1))["thing"]
        assert said.count("nothing") > 0.8 * len(said), (name, said)
    assert scene_judge.judged(pictures)["thing"].count("nothing") < 0.1 * len(told)


def test_the_loss_asks_for_nothing_in_the_last_six_of_sixteen(drawn, monkeypatch):
    """A judge that says "nothing" of everything loses on the first ten of sixteen, and on them alone."""
    monkeypatch.setattr(failures, "COUNT", 4)
    monkeypatch.setattr(failures, "failed_pictures", lambda m, n: torch.zeros(n, 3, 64, 64).byte())
    model = Suspicious(pretrained.load("scenes"))
    pictures, told = drawn

    class Nihilist(torch.nn.Module):
        def forward(self, pictures):
            logits = copy.copy(scene_judge.load()(pictures))
            logits = {name: torch.zeros_like(value) for name, value in logits.items()}
            logits["thing"][:, len(THINGS)] = 20.0
            return logits

    model.judge = Nihilist()
    losses = model.loss(pictures, told, seeded())
    assert len(losses) == 32
    things = losses[:20] > 15
    assert things.all() and (losses[20:] < 5).sum() >= 11  # but for two of a thing in one picture


def test_failed_pictures_leave_the_model_as_it_was():
    model = pretrained.load("scenes")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    made = failures.failed_pictures(model, 6, batch=4)
    assert made.shape == (6, 3, 64, 64) and made.dtype == torch.uint8
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert torch.equal(made, failures.failed_pictures(model, 6, batch=4))
