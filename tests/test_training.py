"""The training loop: it learns, it resumes bit for bit, its pieces are what they say."""

import os
from contextlib import suppress

import pytest
import torch
from torch import nn

from minidiff.codecs import Scaled
from minidiff.conditions import Unconditional
from minidiff.data import points
from minidiff.denoiser import Denoiser
from minidiff.model import Model
from minidiff.nets import PointNet
from minidiff.recipes import point_data
from minidiff.sampling import generator_at
from minidiff.schedules import cosine
from minidiff.training import train
from minidiff.training.loop import learning_rate, warm_average


def tiny():
    torch.manual_seed(0)
    return Model(Denoiser(PointNet(width=16, depth=2), cosine), Unconditional(), Scaled(2.0), (2,))


def finish(steps):
    return list(steps)[-1]


def same(a, b):
    pairs = zip(a.state_dict().values(), b.state_dict().values())
    return all(torch.equal(x, y) for x, y in pairs)


SETTINGS = dict(images=640, batch=32, warmup=64, save_every=5)


def losses(model, data=None, **settings):
    steps = train(model, data or point_data(), **SETTINGS | settings)
    return [progress.loss for progress in steps]


def test_the_first_loss_is_that_of_the_first_step_s_generator():
    generator = generator_at(0, 0)
    drawn = point_data()(SETTINGS["batch"], generator)
    assert losses(tiny())[0] == tiny().loss(*drawn, generator).mean().item()


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers):
    """Data drawn ahead by other processes: the same batches, in order, bit for bit."""
    parents, before = set(), torch.get_rng_state()

    def data(n, generator):
        points, prompts = point_data()(n, generator)
        return points, [os.getpid()] * n

    class Watched(Model):
        def loss(self, pictures, prompts, generator=None):
            parents.update(prompts)
            return super().loss(pictures, [None] * len(prompts), generator)

    model = tiny()
    model.__class__ = Watched
    torch.set_rng_state(before)
    assert losses(model, data, workers=workers) == losses(tiny())
    assert len(parents) == workers and os.getpid() not in parents


def test_training_leaves_the_global_randomness_alone():
    model, before = tiny(), torch.get_rng_state()
    losses(model, images=64)
    assert torch.equal(torch.get_rng_state(), before)


def test_workers_need_a_system_that_forks(monkeypatch):
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(ValueError, match="workers must be 0 on this system"):
        losses(tiny(), workers=1)


def test_fixed_parameters_cost_nothing_and_stay(tmp_path):
    model, state = tiny(), tmp_path / "state.pt"
    fixed = list(model.denoiser.net.parameters())[:2]
    before = [parameter.requires_grad_(False).clone() for parameter in fixed]
    losses(model, state=state)
    kept = torch.load(state, weights_only=True)["optimizer"]["state"]
    assert len(kept) == len(list(model.parameters())) - len(fixed)
    assert all(torch.equal(a, b) for a, b in zip(before, fixed))


def test_error_of_what_is_drawn_is_the_loss():
    """The two halves that processes share: they draw for all, and err on their part."""
    model, g = tiny(), torch.Generator()
    pictures, prompts = point_data()(8, g.manual_seed(1))
    drawn = model.draw_noise(pictures, g.manual_seed(2))
    apart = model.loss_at(pictures, prompts, *drawn)
    assert torch.equal(apart, model.loss(pictures, prompts, g.manual_seed(2)))


def test_progress_counts_steps_and_images():
    steps = list(train(tiny(), point_data(), **SETTINGS))
    assert [p.step for p in steps] == list(range(1, 21))
    assert steps[-1].images == 640


def test_it_learns_the_exact_denoiser():
    """On a Gaussian mixture the trained estimate comes near the best one there is."""
    mixture = points.Mixture([[-1.0, 0.5], [1.0, -0.5]], [0.2, 0.2])

    def data(n, generator):
        return mixture(n, generator), [None] * n

    torch.manual_seed(0)
    model = Model(Denoiser(PointNet(width=64), cosine), Unconditional(), Scaled(1.0), (2,))
    model = finish(train(model, data, images=200_000, batch=256, lr=5e-3)).model.eval()
    g = torch.Generator().manual_seed(1)
    x0, t = mixture(2000, g), torch.tensor(0.5)
    x = cosine(t)[0] * x0 + cosine(t)[1] * torch.randn(2000, 2, generator=g)
    with torch.no_grad():
        learned, exact = model.denoiser(x, t), mixture.denoiser(cosine)(x, t)
    floor = (exact - x0).square().mean()
    assert (learned - exact).square().mean() < 0.05 * floor


@pytest.mark.parametrize("killed, first", [(True, 11), (False, 14)])
def test_resumed_equals_uninterrupted(killed, first, tmp_path):
    """Killed, a run goes on after the last state on disk; stopped by its caller, where it stood."""
    whole = finish(train(tiny(), point_data(), **SETTINGS))
    state, draw, steps = tmp_path / "runs" / "state.pt", point_data(), []

    def data(n, generator):
        if killed and len(steps) == 13:
            raise MemoryError
        return draw(n, generator)

    with suppress(MemoryError):
        for progress in train(tiny(), data, state=state, **SETTINGS):
            steps.append(progress.step)
            if progress.step == 13 and not killed:
                break
    resumed = list(train(tiny(), point_data(), state=state, resume=True, **SETTINGS))
    assert resumed[0].step == first
    assert same(resumed[-1].model, whole.model)
    assert resumed[-1].loss == whole.loss


def test_a_time_limit_only_stops(tmp_path):
    state = tmp_path / "state.pt"
    short = list(train(tiny(), point_data(), state=state, minutes=0, **SETTINGS))
    assert len(short) == 1
    rest = list(train(tiny(), point_data(), state=state, resume=True, **SETTINGS))
    assert same(rest[-1].model, finish(train(tiny(), point_data(), **SETTINGS)).model)


def test_seed_decides_everything():
    runs = [finish(train(tiny(), point_data(), seed=seed, **SETTINGS)).model for seed in (0, 0, 1)]
    assert same(runs[0], runs[1]) and not same(runs[0], runs[2])


def test_each_step_has_randomness_of_its_own():
    drawn = {
        torch.rand(1, generator=generator_at(seed, step)).item()
        for seed in range(9)
        for step in range(99)
    }
    assert len(drawn) == 9 * 99


def test_learning_rate_rises_then_falls_to_zero():
    rates = [learning_rate(seen, 10_000, 1_000) for seen in range(0, 10_001, 100)]
    top = rates.index(max(rates))
    assert top == 9 or top == 10
    assert all(a < b for a, b in zip(rates[:top], rates[1 : top + 1]))
    assert all(a > b for a, b in zip(rates[top:], rates[top + 1 :]))
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_average_follows_its_recurrence():
    values = [torch.tensor([float(v)]) for v in (4, 2, 7, 1)]
    average, wanted = [values[0].clone()], 4.0
    for count, value in enumerate(values[1:], start=1):
        warm_average(0.9)(average, [value], torch.tensor(count))
        decay = min(0.9, (1 + count) / (10 + count))
        wanted = decay * wanted + (1 - decay) * value.item()
    assert average[0].item() == pytest.approx(wanted)


def test_gradients_are_clipped(monkeypatch):
    norms = []
    real = nn.utils.clip_grad_norm_

    def spy(parameters, largest):
        parameters = list(parameters)
        before = real(parameters, largest)
        grads = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
        norms.append(grads.norm().item())
        return before

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", spy)
    finish(train(tiny(), point_data(), clip=0.01, **SETTINGS))
    assert norms and max(norms) <= 0.01 * 1.001


def test_bad_runs(tmp_path):
    with pytest.raises(ValueError, match="images must be at least one batch, 32, got 10"):
        list(train(tiny(), point_data(), images=10, batch=32))
    with pytest.raises(FileNotFoundError, match="no training state"):
        list(train(tiny(), point_data(), state=tmp_path / "s.pt", resume=True, **SETTINGS))
    finish(train(tiny(), point_data(), state=tmp_path / "s.pt", **SETTINGS))
    with pytest.raises(ValueError, match="of a run with images = 640, got images = 1280"):
        again = SETTINGS | {"images": 1280}
        list(train(tiny(), point_data(), state=tmp_path / "s.pt", resume=True, **again))
    other = Model(Denoiser(PointNet(width=8), cosine), Unconditional(), Scaled(2.0), (2,))
    with pytest.raises(ValueError, match="no training state of this model"):
        list(train(other, point_data(), state=tmp_path / "s.pt", resume=True, **SETTINGS))
    with pytest.raises(ValueError, match="cuda"):
        list(train(tiny(), point_data(), device="cuda:7", **SETTINGS))
