"""Point clouds against their definitions, and the mixture's exact denoiser against brute force."""

import math

import pytest
import torch

from minidiff.data import points
from minidiff.denoiser import noising
from minidiff.schedules import cosine, flow

CLOUDS = [
    points.swiss_roll,
    points.moons,
    points.checkerboard,
    points.spiral,
    points.eight_gaussians(),
]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_seeded_clouds(cloud):
    a = cloud(500, torch.Generator().manual_seed(0))
    assert a.shape == (500, 2) and a.dtype == torch.float32
    assert torch.equal(a, cloud(500, torch.Generator().manual_seed(0)))
    assert not torch.equal(a, cloud(500, torch.Generator().manual_seed(1)))
    assert cloud(1, torch.Generator().manual_seed(0)).isfinite().all()


def test_swiss_roll_is_standardised_and_lies_on_its_spiral():
    cloud = points.swiss_roll(100_000, torch.Generator().manual_seed(0))
    assert cloud.mean().item() == pytest.approx(0, abs=0.02)
    assert cloud.std().item() == pytest.approx(2, rel=0.01)
    mean, std = points.roll_scale()
    raw = cloud.double() * std / 2 + mean
    radius = raw.norm(dim=1)  # on t (cos t, sin t) the radius is the angle
    assert radius.min() >= 1.5 * math.pi - 1e-3 and radius.max() <= 4.5 * math.pi + 1e-3
    assert (raw - points.roll(radius)).abs().max() < 1e-3
    middle = ((radius > 2.5 * math.pi) & (radius < 3.5 * math.pi)).double().mean().item()
    assert middle == pytest.approx(2 / 8, abs=0.01)  # the hole: 2 boxes of 8 instead of 3 of 9


def test_checkerboard_fills_the_dark_squares():
    column, row = (points.checkerboard(4000, torch.Generator().manual_seed(0)).floor().long() + 2).T
    assert ((column + row) % 2 == 0).all() and len((4 * column + row).unique()) == 8


def test_spiral_is_evenly_dense_along_the_arm():
    radius = points.spiral(50_000, torch.Generator().manual_seed(0), noise=0.0).norm(dim=1)
    assert (radius < 1).double().mean().item() == pytest.approx(1 / 4, abs=0.01)


def test_moons_have_two_arms_of_radius_one():
    cloud = points.moons(1000, torch.Generator().manual_seed(0), noise=0.0)
    cloud = cloud + torch.tensor([0.5, 0.25])
    upper = cloud.norm(dim=1)
    lower = (cloud - torch.tensor([1.0, 0.5])).norm(dim=1)
    assert torch.minimum((upper - 1).abs(), (lower - 1).abs()).max() < 1e-5


@pytest.mark.parametrize("schedule", [cosine, flow])
@pytest.mark.parametrize("t", [0.05, 0.5, 1.0])
def test_exact_denoiser_is_the_posterior_mean(schedule, t):
    """E[x0 | x] by a sum over many draws of x0, weighed by how likely each makes x."""
    mixture = points.Mixture([[-1.0], [2.0]], [0.3, 0.6], [0.3, 0.7])
    g = torch.Generator().manual_seed(0)
    x0 = mixture(400_000, g).double()
    alpha, sigma = (value.double() for value in schedule(torch.tensor(t)))
    x = noising(schedule, mixture(5, g), t, torch.randn(5, 1, generator=g))
    logs = -((x.double() - alpha * x0.T) ** 2) / (2 * sigma**2)
    wanted = logs.softmax(1) @ x0
    exact = mixture.denoiser(schedule)(x, torch.tensor(t))
    torch.testing.assert_close(exact.double(), wanted, atol=0.03, rtol=0.03)


def test_exact_denoiser_takes_a_time_per_point():
    mixture, x = points.eight_gaussians(), torch.randn(4, 2)
    t = torch.tensor([0.1, 0.4, 0.7, 1.0])
    together = mixture.denoiser(cosine)(x, t)
    one_by_one = [mixture.denoiser(cosine)(x[i : i + 1], t[i]) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(one_by_one))
