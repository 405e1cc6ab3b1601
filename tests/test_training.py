"""The training loop: it learns, it resumes bit for bit, its pieces are what they say."""

import math
import os
from contextlib import suppress
from functools import partial

import pytest
import torch
from torch import nn

from minidiff.codecs import Scaled
from minidiff.conditions import Unconditional
from minidiff.data import points
from minidiff.denoiser import Denoiser
from minidiff.errors import UserError
from minidiff.model import Model
from minidiff.nets import PointNet
from minidiff.recipes import point_data
from minidiff.sampling import generator_at
from minidiff.schedules import cosine
from minidiff.training import adamw, devices, muon, train
from minidiff.training.checkpoints import load_state
from minidiff.training.ema import Average
from minidiff.training.loop import learning_rate


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
    monkeypatch.setattr("minidiff.training.prefetch.sys.platform", "darwin")
    with pytest.raises(UserError, match="workers must be 0 on this system"):
        losses(tiny(), workers=1)


def test_fixed_parameters_cost_nothing_and_stay(tmp_path):
    model, state = tiny(), tmp_path / "state.pt"
    fixed = list(model.denoiser.net.parameters())[:2]
    before = [parameter.requires_grad_(False).clone() for parameter in fixed]
    losses(model, state=state)
    (kept,) = load_state(state)["optimizers"]
    assert len(kept["state"]) == len(list(model.parameters())) - len(fixed)
    assert all(torch.equal(a, b) for a, b in zip(before, fixed))


def test_the_average_shares_what_is_fixed_and_copies_buffers():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2).requires_grad_(False))
    average = Average(model, 0.9)
    model[1](torch.randn(8, 2))
    with torch.no_grad():
        model[0].weight.fill_(3.0)
    average.update(model, 0)
    assert average.model[2].weight is model[2].weight
    assert average.model[0].weight is not model[0].weight
    assert same(average.model, model)
    assert set(average.learned) == {"0.weight", "0.bias", "1.weight", "1.bias"}


def test_error_of_what_is_drawn_is_the_loss():
    """The two halves that processes share: they draw for all, and err on their part."""
    model, g = tiny(), torch.Generator()
    pictures, prompts = point_data()(8, g.manual_seed(1))
    drawn = model.draw_noise(pictures, g.manual_seed(2))
    parts = model.loss_at(pictures, prompts, *drawn)
    assert parts.equal(model.loss(pictures, prompts, g.manual_seed(2)))


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
    model = nn.Linear(1, 1, bias=False)
    average, wanted = Average(model, 0.9), 4.0
    for step, value in enumerate((4.0, 2.0, 7.0, 1.0)):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update(model, step)
        decay = min(0.9, (1 + step) / (10 + step)) if step else 0
        wanted = decay * wanted + (1 - decay) * value
        assert average.model.weight.item() == pytest.approx(wanted)


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


def test_a_batch_in_parts_is_the_whole_batch():
    """Gradient accumulation: all randomness is drawn with the batch, so only rounding differs."""
    whole, parts = losses(tiny()), losses(tiny(), accumulate=4)
    assert parts == pytest.approx(whole, rel=1e-4) and len(set(parts)) == len(parts)


def test_any_rank_any_tuple_and_a_loss_that_sees_step_and_average():
    """A clip's 3-D convolution, a batch of three entries, a teacher that is the average so far."""
    net, seen = nn.Conv3d(2, 2, 3, padding=1), []

    def data(n, generator):
        clips = torch.randn(n, 2, 4, 6, 6, generator=generator)
        return clips, 2 * clips, [str(k) for k in range(n)]

    def loss(batch, generator, step, average):
        clips, wanted, names = batch
        assert len(names) == len(clips) == 4
        gap = sum(
            (a - b).abs().sum().item() for a, b in zip(average.parameters(), net.parameters())
        )
        seen.append((step, torch.rand(1, generator=generator).item(), gap))
        return (net(clips) - wanted).square().flatten(1).mean(1)

    values = losses(net, data, loss=loss, images=160, batch=4, warmup=4, lr=0.03)
    assert [step for step, _, _ in seen] == list(range(40))
    assert len({number for _, number, _ in seen}) == 40
    assert seen[0][2] == 0 and seen[20][2] > 0
    assert values[-1] < 0.6 * values[0]


def test_prepare_is_called_once_with_the_model():
    model, called = tiny(), []
    losses(model, prepare=called.append)
    assert called == [model]


class Duel(nn.Module):
    """Two numbers with opposite aims: both losses reach both, each optimizer moves its own."""

    def __init__(self):
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.tensor(1.0)) for _ in range(2))


def duel(model):
    def loss(batch, generator, step, average):
        product = model.a * model.b * torch.ones(len(batch[0]))
        return product, -product

    return loss


def test_each_optimizer_moves_its_own_weights_by_its_own_loss(tmp_path):
    model, settings = Duel(), dict(images=1, batch=1, warmup=1, clip=1e9, lr=0.5)

    def sgd(model, lr):
        return torch.optim.SGD([model.a], lr), torch.optim.SGD([model.b], 2 * lr)

    state = tmp_path / "state.pt"
    finish(train(model, point_data(), loss=duel(model), optimizer=sgd, state=state, **settings))
    # d(ab)/da = b = 1 falls with rate 0.5; -d(ab)/db = -1 rises with rate 1
    assert model.a.item() == pytest.approx(0.5) and model.b.item() == pytest.approx(2.0)
    assert len(load_state(state)["optimizers"]) == 2
    with pytest.raises(UserError, match="one loss, or one for each of 2 optimizers"):
        three = lambda batch, *_: (model.a * batch[0].sum(),) * 3  # noqa: E731
        finish(train(model, point_data(), loss=three, optimizer=sgd, **settings))


def test_one_loss_serves_several_optimizers():
    model, settings = Duel(), dict(images=1, batch=1, warmup=1, clip=1e9, lr=0.5)

    def sgd(model, lr):
        return torch.optim.SGD([model.a], lr), torch.optim.SGD([model.b], 2 * lr)

    def product(batch, *_):
        return model.a * model.b * torch.ones(1)

    finish(train(model, point_data(), loss=product, optimizer=sgd, **settings))
    assert model.a.item() == pytest.approx(0.5) and model.b.item() == pytest.approx(0.0)


def test_muon_takes_the_matrices_of_the_blocks_alone():
    """And a step of it is as long in every direction: the change of a matrix has equal singular values."""
    model = nn.ModuleDict({"blocks": nn.ModuleList([nn.Linear(6, 4)]), "last": nn.Linear(4, 6)})
    quick, usual = muon(model, 0.1)
    assert [p.shape for group in quick.param_groups for p in group["params"]] == [(4, 6)]
    assert sum(p.numel() for group in usual.param_groups for p in group["params"]) == 4 + 24 + 6
    weight = model["blocks"][0].weight
    before = weight.detach().clone()
    (model["blocks"][0](torch.randn(50, 6)).square().sum()).backward()
    quick.step()
    change = torch.linalg.svdvals((weight - before * (1 - 0.1 * 1e-2)).detach())
    assert change.max() / change.min() < 2


def test_groups_keep_their_own_learning_rates():
    model = tiny()

    def two_groups(model, lr):
        weights = list(model.parameters())
        slow = {"params": weights[:2], "lr": 0.0}
        return torch.optim.SGD([slow, {"params": weights[2:]}], lr)

    before = [weight.detach().clone() for weight in model.parameters()]
    losses(model, optimizer=two_groups, images=64, warmup=1)
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters())]
    assert moved == [False] * 2 + [True] * (len(moved) - 2)


def test_a_cpu_without_bfloat16_stays_in_float32(monkeypatch):
    monkeypatch.setattr(devices, "computes_bf16", lambda: False)
    settings = dict(images=320, lr=5e-3)
    assert losses(tiny(), bf16=True, **settings) == losses(tiny(), **settings)


def test_bf16_differs_from_float32_by_its_rounding_alone(monkeypatch):
    """The weights move on: copies in half precision are not kept from step to step."""
    monkeypatch.setattr(devices, "computes_bf16", lambda: True)  # as on another CPU
    settings = dict(images=3200, lr=5e-3)
    full, half = losses(tiny(), **settings), losses(tiny(), bf16=True, **settings)
    assert half[0] != full[0] and half[0] == pytest.approx(full[0], rel=0.02)
    assert sum(half[-30:]) == pytest.approx(sum(full[-30:]), rel=0.05)
    with torch.autocast("cpu", torch.bfloat16):  # one around all steps, by the caller
        around = losses(tiny(), bf16=True, **settings)
    assert around == half


@pytest.mark.parametrize("what, at", [("loss", 7), ("gradient", 7), ("loss", 1)])
def test_a_run_that_diverges_stops_names_the_step_and_keeps_the_last_good_state(what, at, tmp_path):
    state, model = tmp_path / "state.pt", tiny()

    def loss(batch, generator, step, average):
        right = model.loss(*batch, generator=generator)
        if step + 1 < at:
            return right
        return right * math.nan if what == "loss" else right + (0 * right).sqrt()  # slope 0 / 0

    settings = SETTINGS | dict(state=state, loss=loss, save_every=1)
    with pytest.raises(UserError, match=f"the {what} of step {at} is no number: lower lr"):
        finish(train(model, point_data(), **settings))
    if at > 1:
        saved = load_state(state)
        assert saved["step"] == at - 1
        assert all(value.isfinite().all() for value in saved["model"].values())
    else:
        assert not state.exists()


CHANGED = dict(images=1280, batch=64, lr=1e-3, warmup=32, decay=0.9, clip=0.5, seed=1)
CHANGED |= dict(bf16=True, accumulate=2, plan={"recipe": "b"})


@pytest.mark.parametrize("name", CHANGED)
def test_resuming_with_another_setting_is_refused_and_changes_nothing(name, tmp_path):
    settings = SETTINGS | dict(state=tmp_path / "state.pt", plan={"recipe": "a"})
    finish(train(tiny(), point_data(), **settings))
    model = tiny()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(UserError, match="is of a run with .*, got "):
        list(train(model, point_data(), resume=True, **settings | {name: CHANGED[name]}))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_resuming_with_another_optimizer_is_refused(tmp_path):
    settings = SETTINGS | dict(state=tmp_path / "state.pt")
    finish(train(tiny(), point_data(), **settings))
    other = partial(adamw, weight_decay=0.02)
    with pytest.raises(UserError, match="is of a run with optimizers = "):
        list(train(tiny(), point_data(), resume=True, optimizer=other, **settings))


def test_a_finished_run_yields_its_last_progress_again(tmp_path):
    settings = SETTINGS | dict(state=tmp_path / "state.pt")
    last = finish(train(tiny(), point_data(), **settings))
    (again,) = train(tiny(), point_data(), resume=True, **settings)
    assert (again.step, again.images, again.loss) == (last.step, last.images, last.loss)
    assert same(again.model, last.model)


def test_bad_runs(tmp_path):
    with pytest.raises(UserError, match="images must be at least one batch, 32, got 10"):
        list(train(tiny(), point_data(), images=10, batch=32))
    with pytest.raises(
        UserError, match="batch must be a multiple of the 3 processes times acc.*32"
    ):
        list(train(tiny(), point_data(), images=64, batch=32, accumulate=3))
    with pytest.raises(FileNotFoundError, match="no training state"):
        list(train(tiny(), point_data(), state=tmp_path / "s.pt", resume=True, **SETTINGS))
    finish(train(tiny(), point_data(), state=tmp_path / "s.pt", **SETTINGS))
    other = Model(Denoiser(PointNet(width=8), cosine), Unconditional(), Scaled(2.0), (2,))
    with pytest.raises(UserError, match="no training state of this model"):
        list(train(other, point_data(), state=tmp_path / "s.pt", resume=True, **SETTINGS))
    with pytest.raises(UserError, match="cuda"):
        list(train(tiny(), point_data(), device="cuda:99", **SETTINGS))


def test_a_model_trains_where_it_is_whatever_the_commands_are_told(monkeypatch):
    """MINIDIFF_DEVICE is for commands: a lesson's model, data and judge stay on one device."""
    monkeypatch.setenv("MINIDIFF_DEVICE", "nowhere")
    assert len(losses(tiny(), images=64)) == 2
