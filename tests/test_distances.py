"""Each metric against a closed form or against the definition written out the slow way in numpy."""

from statistics import median

import numpy as np
import pytest
import torch

from minidiff.evaluation import distances
from minidiff.evaluation.judges.digits import accuracy


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pairwise(a, b):
    return np.linalg.norm(a.numpy()[:, None] - b.numpy()[None], axis=-1)


def whitened(n, d, seed):
    """Points with mean exactly 0 and covariance exactly the identity."""
    x = normal(n, d, seed=seed)
    x = x - x.mean(0)
    return x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov().view(d, d))).T


# --- energy distance ---


@pytest.mark.parametrize("d", [1, 2, 5])
def test_energy_distance_is_its_definition(d):
    a, b = normal(70, d), 0.5 * normal(50, d, seed=1) + 1
    expected = 2 * pairwise(a, b).mean() - pairwise(a, a).mean() - pairwise(b, b).mean()
    assert distances.energy_distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_energy_distance_of_two_points_each():
    # E|X - Y| = 3 and E|X - X'| = E|Y - Y'| = 0: two copies of one point, 3 apart
    a, b = torch.zeros(2, 1), torch.full((2, 1), 3.0)
    assert distances.energy_distance(a, b) == 6


def test_energy_distance_grows_with_the_shift_and_vanishes_on_itself():
    a, b = normal(400, 2), normal(400, 2, seed=1)
    scores = [distances.energy_distance(a, b + shift) for shift in (0, 0.5, 1, 2, 4)]
    assert scores == sorted(scores) and scores[0] > 0
    assert distances.energy_distance(a, a) == pytest.approx(0, abs=1e-12)


def test_energy_distance_floor_is_the_bias_of_its_docstring():
    n = 500
    expected = 2 / n * np.sqrt(np.pi)  # E|X - X'| of a standard normal in 2-D is sqrt(pi)

    def draw(generator):
        return torch.randn(n, 2, generator=generator)

    scores = [
        distances.energy_distance(normal(n, 2, seed=s), normal(n, 2, seed=s + 99))
        for s in range(30)
    ]
    assert np.mean(scores) == pytest.approx(expected, rel=0.2)
    assert distances.floor(distances.energy_distance, draw) == pytest.approx(expected, rel=0.3)


# --- chamfer ---


def test_chamfer_is_the_sum_of_squares_both_ways():
    a, b = normal(40, 2), normal(60, 2, seed=1)
    d = pairwise(a, b)
    expected = (d.min(0) ** 2).sum() + (d.min(1) ** 2).sum()
    assert distances.chamfer(a, b) == pytest.approx(expected, rel=1e-12)
    assert distances.chamfer(b, a) == pytest.approx(expected, rel=1e-12)
    assert distances.chamfer(a, a) == 0


def test_chamfer_by_hand():
    a = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    b = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    # a to b: 0 and min(1, 4) = 1; b to a: 0 and 4
    assert distances.chamfer(a, b) == 5


# --- Frechet ---


def test_frechet_of_features_with_known_moments():
    d = 6
    mean = torch.arange(d, dtype=torch.float64)
    scale_a, scale_b = torch.linspace(0.5, 2, d).double(), torch.linspace(3, 0.1, d).double()
    a, b = whitened(200, d, 0) * scale_a, whitened(300, d, 1) * scale_b + mean
    # diagonal covariances commute: |mean|^2 + the sum of (sd_a - sd_b)^2
    expected = mean.square().sum() + (scale_a - scale_b).square().sum()
    assert distances.frechet(a, b) == pytest.approx(expected.item(), rel=1e-9)


def test_frechet_of_covariances_that_do_not_commute():
    d = 5
    a, b = (whitened(100, d, s) @ normal(d, d, seed=s + 2) for s in (0, 1))
    cov_a, cov_b = np.cov(a.numpy().T), np.cov(b.numpy().T)
    # A B has the eigenvalues of a positive matrix, though it is not symmetric
    overlap = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real).sum()
    expected = np.trace(cov_a) + np.trace(cov_b) - 2 * overlap
    assert abs(cov_a @ cov_b - cov_b @ cov_a).max() > 1
    assert distances.frechet(a, b) == pytest.approx(expected, rel=1e-9)
    assert distances.frechet(b, a) == pytest.approx(expected, rel=1e-9)


def test_frechet_ignores_rotation_and_is_zero_on_itself():
    a, b = normal(200, 4), 2 * normal(200, 4, seed=1) + 1
    rotation = torch.linalg.qr(normal(4, 4, seed=2)).Q
    expected = distances.frechet(a, b)
    assert distances.frechet(a @ rotation, b @ rotation) == pytest.approx(expected, rel=1e-9)
    assert distances.frechet(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_of_a_feature_that_is_always_zero():
    a, b = normal(50, 3), normal(50, 3, seed=1)
    silent = torch.tensor([1.0, 1.0, 0.0])
    expected = distances.frechet(a[:, :2], b[:, :2])
    assert distances.frechet(a * silent, b * silent) == pytest.approx(expected, rel=1e-6)


def test_frechet_in_one_dimension():
    a, b = 2 * whitened(30, 1, 0), 5 * whitened(30, 1, 1) + 1
    assert distances.frechet(a, b) == pytest.approx(1 + (5 - 2) ** 2)


# --- precision and recall ---


def test_precision_recall_of_identical_and_disjoint_sets():
    a = normal(100, 3)
    assert distances.precision_recall(a, a) == (1, 1)
    assert distances.precision_recall(a, a + 100) == (0, 0)


def test_precision_without_recall():
    # real data on two far-apart islands, of which the fake ones know a single one
    island = normal(200, 2)
    real = torch.cat([island, island + 100])
    precision, recall = distances.precision_recall(real, normal(400, 2, seed=1) * 0.5)
    assert precision > 0.95
    assert 0.2 < recall <= 0.5
    assert distances.precision_recall(normal(400, 2, seed=1) * 0.5, real) == (recall, precision)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_recall_is_its_definition(k):
    real, fake = normal(60, 2), normal(50, 2, seed=1) + 1

    def share_inside(points, support):
        radii = np.sort(pairwise(support, support), axis=1)[:, k]  # column 0 is the point itself
        return np.mean([(row <= radii).any() for row in pairwise(points, support)])

    expected = share_inside(fake, real), share_inside(real, fake)
    assert distances.precision_recall(real, fake, k) == pytest.approx(expected)
    assert 0 < min(expected) and max(expected) < 1


# --- accuracy ---


def test_accuracy_counts_across_chunks():
    def judge(images):  # reads the class off the first pixel
        return torch.nn.functional.one_hot(images[:, 0, 0, 0].long(), 10)

    labels = torch.arange(2500) % 10
    images = labels.float().view(-1, 1, 1, 1).expand(-1, 1, 28, 28)
    assert accuracy(judge, images, labels) == 1
    wrong = labels.clone()
    wrong[:500] = (wrong[:500] + 1) % 10
    assert accuracy(judge, images, wrong) == 0.8


# --- the floor ---


def test_floor_is_the_median_of_fresh_pairs():
    drawn = []

    def draw(generator):
        drawn.append(torch.rand(5, 2, generator=generator))
        return drawn[-1]

    value = distances.floor(distances.chamfer, draw, pairs=7)
    assert len(drawn) == 14 and len({x.sum().item() for x in drawn}) == 14
    pairs = zip(drawn[::2], drawn[1::2], strict=True)
    assert value == median(distances.chamfer(a, b) for a, b in pairs)
    assert distances.floor(distances.chamfer, draw, pairs=7) == value


# --- common ground ---

CLOUD_METRICS = [
    distances.energy_distance,
    distances.chamfer,
    distances.frechet,
    distances.precision_recall,
]


@pytest.mark.parametrize("metric", CLOUD_METRICS)
def test_chunks_change_nothing(metric, monkeypatch):
    a, b = normal(30, 2), normal(41, 2, seed=1)
    whole = metric(a, b)
    monkeypatch.setattr(distances, "CHUNK", 7)
    assert metric(a, b) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("metric", CLOUD_METRICS)
def test_float32_far_from_the_origin_is_summed_in_float64(metric):
    a, b = (x.float() + 1000 for x in (normal(50, 2), normal(50, 2, seed=1)))
    exact = metric(a.double() - 1000, b.double() - 1000)
    assert metric(a, b) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("metric", CLOUD_METRICS)
@pytest.mark.parametrize(
    "a, b, words",
    [
        (torch.zeros(9, 2), torch.zeros(9, 3), "(9, 3)"),
        (torch.zeros(9), torch.zeros(9), "(9,)"),
        (torch.zeros(9, 1, 2), torch.zeros(9, 2), "(9, 1, 2)"),
        (torch.zeros(9, 0), torch.zeros(9, 0), "(9, 0)"),
        (torch.zeros(1, 2), torch.zeros(9, 2), "1 and 9"),
        (torch.zeros(9, 2), torch.zeros(0, 2), "9 and 0"),
        (torch.full((9, 2), torch.nan), torch.zeros(9, 2), "NaN"),
        (torch.zeros(9, 2), torch.full((9, 2), -torch.inf), "infinity"),
    ],
)
def test_bad_clouds(metric, a, b, words):
    with pytest.raises(ValueError) as error:
        metric(a, b)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: distances.frechet(normal(8, 8), normal(90, 8)), "8 and 90"),
        (lambda: distances.precision_recall(normal(3, 2), normal(9, 2)), "k = 3"),
        (lambda: distances.precision_recall(normal(9, 2), normal(9, 2), k=0), "k = 0"),
        (lambda: distances.floor(distances.chamfer, lambda g: normal(9, 2), pairs=0), "got 0"),
        (lambda: accuracy(None, torch.zeros(0, 1, 28, 28), torch.zeros(0)), "0 and 0"),
        (lambda: accuracy(None, torch.zeros(2, 1, 28, 28), torch.zeros(3)), "2 and 3"),
        (lambda: accuracy(None, torch.ones(2, 1) / 0, torch.zeros(2)), "infinity"),
    ],
)
def test_bad_calls(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value) and "\n" not in str(error.value)
