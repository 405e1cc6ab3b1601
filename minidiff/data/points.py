"""Clouds of points in the plane: `draw(n, generator) -> (n, 2)`, and a mixture with exact answers."""

import math
from functools import cache

import torch

from ..denoiser import append_dims


def roll(t):
    """The spiral t (cos t, sin t) that the Swiss roll is rolled along, (n,) -> (n, 2)."""
    return torch.stack([t * t.cos(), t * t.sin()], 1)


@cache
def roll_scale():
    """Mean and standard deviation over both coordinates of `roll`, by the midpoint rule."""
    boxes = [(weight, math.pi * (1.5 + start)) for start, weight in enumerate((3, 2, 3))]
    middles = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000 * math.pi
    points = torch.cat([roll(start + middles).repeat(weight, 1) for weight, start in boxes])
    return points.mean().item(), points.std(correction=0).item()


def swiss_roll(n, generator=None):
    """The Swiss roll of the KAIST CS492(D) diffusion assignment: (n, 2), standard deviation 2.

    scikit-learn's `make_swiss_roll(noise=0, hole=True)`, first and third coordinate, minus the
    scalar mean, over the scalar standard deviation, times 2.
    """
    # scikit-learn cuts its hole by leaving out the middle of 3 x 3 boxes of (angle, height);
    # from the side that makes the middle stretch of the spiral a third rarer.
    box = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])[torch.randint(8, (n,), generator=generator)]
    t = math.pi * (1.5 + box + torch.rand(n, generator=generator))
    mean, std = roll_scale()
    return 2 * (roll(t) - mean) / std


def moons(n, generator=None, noise=0.05):
    """Two interleaving half circles of radius 1 with a little Gaussian noise; (n, 2), centred."""
    lower = torch.randint(2, (n, 1), generator=generator)
    angle = math.pi * torch.rand(n, 1, generator=generator)
    upper_moon = torch.cat([angle.cos(), angle.sin()], 1)
    lower_moon = torch.cat([1 - angle.cos(), 0.5 - angle.sin()], 1)
    points = torch.where(lower == 1, lower_moon, upper_moon) - torch.tensor([0.5, 0.25])
    return points + noise * torch.randn(n, 2, generator=generator)


def checkerboard(n, generator=None):
    """The dark squares of a 4 x 4 board over [-2, 2]^2, evenly filled; (n, 2)."""
    column = torch.randint(4, (n,), generator=generator)
    row = 2 * torch.randint(2, (n,), generator=generator) + column % 2
    corner = torch.stack([column, row], 1) - 2
    return corner + torch.rand(n, 2, generator=generator)


def spiral(n, generator=None, turns=2.0, noise=0.02):
    """An Archimedean spiral with evenly spaced points, outer radius 2, slightly noisy; (n, 2)."""
    radius = torch.rand(n, generator=generator).sqrt()  # arc length grows with the radius
    angle = 2 * math.pi * turns * radius
    points = 2 * radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    return points + noise * torch.randn(n, 2, generator=generator)


class Mixture:
    """A Gaussian mixture, whose best denoiser has a closed form.

    means (K, D), stds (K,) one isotropic standard deviation a part, weights (K,) summing to 1.
    """

    def __init__(self, means, stds, weights=None):
        self.means, self.stds = torch.as_tensor(means), torch.as_tensor(stds)
        even = torch.full((len(self.means),), 1 / len(self.means))
        self.weights = even if weights is None else torch.as_tensor(weights)

    def __call__(self, n, generator=None):
        """n samples, (n, D)."""
        part = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator)
        return self.means[part] + self.stds[part, None] * noise

    def denoiser(self, schedule):
        """The exact E[x0 | x_t], a denoiser of (x, t), x (B, D) and t () or (B,).

        x_t is a mixture again, part k being N(alpha mean_k, alpha^2 std_k^2 + sigma^2). Given the
        part, x0 | x_t is Gaussian (Bishop 2006, eq. 2.116); Bayes' rule weighs the parts.
        """
        means, stds, weights = (v.double() for v in (self.means, self.stds, self.weights))

        def denoise(x, t):
            x_ = x.double()[:, None]  # (B, 1, D)
            alpha, sigma = (append_dims(v.double(), x_) for v in schedule(torch.as_tensor(t)))
            variance = (alpha * stds[:, None]) ** 2 + sigma**2  # (K, 1) or (B, K, 1)
            away = x_ - alpha * means  # (B, K, D)
            logs = -(away**2 / variance + variance.log()).sum(-1) / 2 + weights.log()
            shrink = alpha * stds[:, None] ** 2 / variance
            guesses = means + shrink * away
            return (logs.softmax(-1)[..., None] * guesses).sum(1).to(x.dtype)

        return denoise


def eight_gaussians(radius=2.0, std=0.15):
    """Eight equal Gaussians on a circle, the usual toy mixture."""
    angle = torch.arange(8) * math.pi / 4
    return Mixture(radius * torch.stack([angle.cos(), angle.sin()], 1), torch.full((8,), std))
