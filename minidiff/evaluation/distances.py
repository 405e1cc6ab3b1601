"""How far generated samples lie from real ones: plain functions from two point clouds to a number.

A finite sample of real data is never at distance 0 from another one, so every score belongs beside
its `floor`. All sums run in float64 on the CPU: the distances are differences of large numbers.
"""

from statistics import median

import torch

from ..errors import UserError

CHUNK = 1024  # rows of a distance matrix held at a time: 1024 x 60,000 float64 are 0.5 GB


def energy_distance(a, b):
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| of points a (N, D) and b (M, D); 0 only for equal samples.

    All pairs count, each point with itself too (the V-statistic), so it is never negative; on two
    samples of one law it is about (1/N + 1/M) E|X - X'|, which is its floor. In the data's unit.
    Szekely and Rizzo 2013, "Energy statistics: a class of statistics based on distances".
    """
    a, b = clouds(a, b)

    def mean_distance(x, y):
        return sum(rows.sum() for rows in distances(x, y)) / (len(x) * len(y))

    return (2 * mean_distance(a, b) - mean_distance(a, a) - mean_distance(b, b)).item()


def chamfer(a, b):
    """The SUM of squared nearest-neighbour distances from a (N, D) to b (M, D) and from b to a.

    It grows with N and M: compare only at equal sizes. In the square of the data's unit.
    KAIST CS492(D), "Diffusion models and their applications", assignment 1.
    """
    a, b = clouds(a, b)
    return sum(nearest(x, y).square().sum() for x, y in [(a, b), (b, a)]).item()


def frechet(features_a, features_b):
    """The squared Frechet distance of the Gaussians fitted to features (N, D) and (M, D); N, M > D.

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)) with covariances A and B: Heusel et al. 2017,
    "GANs trained by a two time-scale update rule", eq. 6; sampling noise alone makes it positive.

    For digits: the judge's features of 2048 generated digits, their labels drawn at random from the
    training labels, against 2048 random training images; the floor takes both from the training
    images. Most of that floor is the chance mixture of classes, so equal labels on both sides give
    one that is five times lower, and sharper.
    """
    a, b = clouds(features_a, features_b)
    if min(len(a), len(b)) <= a.shape[1]:
        raise UserError(
            f"frechet needs more samples than their {a.shape[1]} features, "
            f"got {len(a)} and {len(b)}: fewer give no full covariance"
        )
    cov_a, cov_b = a.T.cov().view(a.shape[1], -1), b.T.cov().view(b.shape[1], -1)
    # A B is not symmetric, but sqrt(A) B sqrt(A) is and has the same eigenvalues
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = vectors * values.clamp(min=0).sqrt() @ vectors.T
    overlap = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt().sum()
    shift = (a.mean(0) - b.mean(0)).square().sum()
    return (shift + cov_a.trace() + cov_b.trace() - 2 * overlap).item()


def precision_recall(real, fake, k=3):
    """The shares of fake inside real's support and of real inside fake's, from features (N, D).

    A support is the union of balls around its samples, each reaching to the sample's k-th nearest
    neighbour. Kynkaanniemi et al. 2019, "Improved precision and recall metric", eq. 1 and 2.
    """
    real, fake = clouds(real, fake)
    if not 1 <= k < min(len(real), len(fake)):
        raise UserError(
            f"k must be at least 1 and below both sample sizes, got k = {k} "
            f"with {len(real)} and {len(fake)} samples"
        )

    def share_inside(points, support):
        # each sample is its own first neighbour, at distance 0
        radii = torch.cat([rows.kthvalue(k + 1).values for rows in distances(support, support)])
        return torch.cat([(rows <= radii).any(1) for rows in distances(points, support)])

    precision, recall = share_inside(fake, real), share_inside(real, fake)
    return precision.double().mean().item(), recall.double().mean().item()


def feature_scores(made, real):
    """Frechet distance, precision and recall from features made (N, 64) and real (N, 64)."""
    precision, recall = precision_recall(real, made)
    return {"Frechet": frechet(made, real), "precision": precision, "recall": recall}


def floor(metric, draw, pairs=20):
    """The median of `metric(real, real)` over that many pairs: the score of a perfect generator.

    draw: a function of a `torch.Generator` that gives a fresh real sample, as large as the
    generated one; pair i draws both of its samples from one generator seeded with i.
    """
    if pairs < 1:
        raise UserError(f"pairs must be at least 1, got {pairs}")
    generators = (torch.Generator().manual_seed(seed) for seed in range(pairs))
    return median(metric(draw(generator), draw(generator)) for generator in generators)


def clouds(a, b):
    """Both as float64 points on the CPU: finite, (N, D) and (M, D), two or more of each."""
    a, b = (torch.as_tensor(x).detach().cpu().double() for x in (a, b))
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or a.shape[1] == 0:
        raise UserError(
            "the two samples must have shapes (N, D) and (M, D) with one D, "
            f"got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if min(len(a), len(b)) < 2:
        raise UserError(f"each sample needs at least 2 points, got {len(a)} and {len(b)}")
    if not (a.isfinite().all() and b.isfinite().all()):
        raise UserError("the samples must be finite, got NaN or infinity among them")
    return a, b


def distances(a, b):
    """Yield the (N, M) matrix of Euclidean distances, some rows at a time."""
    for rows in a.split(CHUNK):
        # the default mode goes through |a|^2 - 2ab + |b|^2, which cancels for near neighbours
        yield torch.cdist(rows, b, compute_mode="donot_use_mm_for_euclid_dist")


def nearest(a, b):
    """The distance from each of a (N, D) to the nearest of b (M, D): (N,)."""
    return torch.cat([rows.amin(1) for rows in distances(a, b)])
