"""Schedules and time grids against their definitions."""

import math

import numpy as np
import pytest
import torch

from minidiff.schedules import (
    ALPHA_MIN,
    DDPM,
    LogSnrTimes,
    cosine,
    flow,
    log_snr,
    log_snr_grid,
    root_times,
    stratified_times,
    uniform_grid,
)

SCHEDULES = [cosine, flow, DDPM(), DDPM(T=100, beta_max=0.12)]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_same_shape_comes_out(schedule, shape):
    alpha, sigma = schedule(torch.rand(shape))
    assert alpha.shape == sigma.shape == shape
    assert alpha.dtype == sigma.dtype == torch.float32


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ends_are_stated(schedule):
    alpha, sigma = schedule(torch.tensor([0.0, 1.0]))
    assert sigma[0] == 0 and alpha[0] == 1
    assert alpha[1] >= ALPHA_MIN * (1 - 1e-3)
    assert 0.99 < sigma[1] <= 1


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_signal_falls_and_noise_rises(schedule):
    alpha, sigma = schedule(torch.linspace(0, 1, 101))
    assert (alpha.diff() < 0).all() and (sigma.diff() > 0).all()
    lam = log_snr(schedule, torch.linspace(0.01, 1, 100))
    assert (lam.diff() < 0).all()


@pytest.mark.parametrize("schedule", [cosine, *SCHEDULES[2:]])
def test_variance_preserved(schedule):
    alpha, sigma = schedule(torch.linspace(0, 1, 101, dtype=torch.float64))
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(101).double())


def test_flow_is_a_straight_line():
    alpha, sigma = flow(torch.linspace(0, 1, 11, dtype=torch.float64))
    assert alpha.diff().diff().abs().max() < 1e-12 and sigma.diff().diff().abs().max() < 1e-12
    assert (alpha + sigma - 1).abs().max() <= ALPHA_MIN


def test_ddpm_table_follows_the_paper():
    schedule = DDPM()
    survived = 1.0
    for step in range(1, schedule.T + 1):
        survived *= 1 - (1e-4 + (step - 1) / (schedule.T - 1) * (0.02 - 1e-4))  # Ho et al., sec. 4
        if step in (1, 2, 500, 1000):
            alpha, sigma = schedule(torch.tensor(step / schedule.T, dtype=torch.float64))
            assert alpha.item() == pytest.approx(math.sqrt(survived), rel=1e-9)
            assert sigma.item() == pytest.approx(math.sqrt(1 - survived), rel=1e-9)


def test_ddpm_between_entries_is_even_in_log_snr():
    """Exact at the entries, on a line in log-SNR between them."""
    schedule, T = DDPM(T=100, beta_max=0.12), 100
    entries = torch.arange(1, T + 1, dtype=torch.float64)
    lam = log_snr(schedule, entries / T)
    torch.testing.assert_close((2 * lam).sigmoid(), schedule.alpha_bar[1:], rtol=1e-12, atol=0)
    for share in (0.25, 0.5, 0.9):
        between = log_snr(schedule, (entries[:-1] + share) / T)
        torch.testing.assert_close(between, torch.lerp(lam[:-1], lam[1:], share))


def test_ddpm_before_its_first_entry_has_a_share_of_its_variance():
    schedule = DDPM()
    t = torch.tensor([0.0, 1e-4, 5e-4, 1e-3], dtype=torch.float64)
    torch.testing.assert_close(schedule(t)[1].square(), 1e-4 * 1000 * t)  # beta of entry 1 is 1e-4


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_log_snr_falls_at_every_one_of_many_steps(schedule):
    ts = uniform_grid(20_000)[:-1]
    assert (log_snr(schedule, ts).diff() > 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64])
def test_times_of_few_digits_are_widened(dtype):
    t = torch.ones(2, dtype=dtype)
    alpha, sigma = cosine(t)
    assert alpha.dtype == sigma.dtype == torch.float32
    assert torch.equal(alpha, cosine(t.float())[0])


def test_ddpm_trains_on_every_entry_but_the_data():
    schedule = DDPM(T=10, beta_max=0.9)
    times = schedule.times(2000, torch.Generator().manual_seed(0))
    assert (times * 10).round().long().unique().tolist() == list(range(1, 11))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("t", [-0.01, 1.01, float("nan")])
def test_time_outside_is_refused(schedule, t):
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
        schedule(torch.tensor([0.5, t]))


def test_ddpm_refuses_betas_that_leave_no_signal():
    with pytest.raises(ValueError, match="below"):
        DDPM(beta_max=0.2)


def test_uniform_grid():
    ts = uniform_grid(4)
    torch.testing.assert_close(ts, torch.tensor([1, 0.75, 0.5, 0.25, 0]))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_log_snr_grid_is_even_in_log_snr(schedule):
    ts = log_snr_grid(schedule, 12, start=0.95, end=0.05, dtype=torch.float64)
    assert len(ts) == 13 and ts[0] == 0.95 and ts[-1] == 0
    steps = log_snr(schedule, ts[:-1]).diff()
    torch.testing.assert_close(steps, steps.mean().expand(11))


@pytest.mark.parametrize("n", [0, -1, 2.5, "3", True, None])
def test_number_of_steps(n):
    for grid in (uniform_grid, lambda n: log_snr_grid(cosine, n)):
        with pytest.raises(ValueError, match="steps must be a whole number, at least 1, got"):
            grid(n)


@pytest.mark.parametrize("n", [np.int64(3), torch.tensor(3)])
def test_whole_numbers_of_any_kind(n):
    assert len(uniform_grid(n)) == len(log_snr_grid(cosine, n)) == 4
    assert uniform_grid(1).tolist() == log_snr_grid(cosine, 1).tolist() == [1, 0]


def test_training_times_cover_the_range_evenly():
    times = stratified_times(1000, torch.Generator().manual_seed(0))
    assert 0 < times.min() and times.max() <= 1
    assert (times.sort().values.diff() - 1e-3).abs().max() < 1e-5
    assert (times.diff() < 0).any() and (times.diff() > 0).any()  # shuffled


def test_root_times_lie_late():
    """Density 2 t: the share of times below a is a squared."""
    times = root_times(1000, torch.Generator().manual_seed(0))
    below = torch.tensor([0.1, 1 / 3, 0.5, 0.9, 1.0])
    share = (times[:, None] <= below).float().mean(0)
    assert (share - below.square()).abs().max() <= 2e-3 and times.min() > 0


def test_log_snr_times_are_uniform_in_log_snr():
    times = LogSnrTimes(cosine, start=0.95, end=0.01)(4000, torch.Generator().manual_seed(0))
    lam = log_snr(cosine, times.double()).sort().values
    even = torch.linspace(*log_snr(cosine, torch.tensor([0.95, 0.01])).tolist(), 4000)
    assert (lam - even).abs().max() < 0.02
