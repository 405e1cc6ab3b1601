"""Noise schedules and time grids.

A schedule is a callable `schedule(t) -> (alpha, sigma)` with `x_t = alpha * x0 + sigma * eps`.
Time t runs from 0 (data) to 1 (noise). Every schedule here has sigma exactly 0 at t = 0 and
alpha at or above ALPHA_MIN at t = 1, so no formula ever divides by zero at the noisy end.
"""

import math

import torch

from .checks import check_count
from .errors import UserError

ALPHA_MIN = 1e-3


def check_times(t):
    """t as a tensor of float32 or float64; UserError unless every entry lies in [0, 1].

    Half precision is widened: it has too few digits to tell one time from the next.
    """
    t = torch.as_tensor(t)
    if t.dtype != torch.float64:
        t = t.float()
    if not t.equal(t.clamp(0, 1)):  # two operations, since a sampler pays them at every step
        raise UserError(f"t must lie in [0, 1], got values from {t.min():g} to {t.max():g}")
    return t


def cosine(t):
    """Cosine schedule: alpha and sigma walk along a quarter circle (Nichol & Dhariwal 2021, eq. 17).

    The angle ends a hair before pi/2, where alpha is ALPHA_MIN. t: any shape; returns two tensors
    of that shape with alpha^2 + sigma^2 = 1. Raises UserError for t outside [0, 1].
    """
    angle = math.acos(ALPHA_MIN) * check_times(t)
    return angle.cos(), angle.sin()


def flow(t):
    """Straight-line schedule of flow matching, `1 - t, t` (Lipman et al. 2023, eq. 22).

    The line ends at alpha = ALPHA_MIN. t: any shape; returns two tensors of that shape. Raises
    UserError for t outside [0, 1].
    """
    t = check_times(t)
    return 1 - (1 - ALPHA_MIN) * t, t


class DDPM:
    """The schedule of DDPM, a table of betas rising on a line (Ho et al. 2020, section 4).

    Holds `beta` (T,) and `alpha_bar` (T + 1,), whose entry 0 is the data (alpha_bar = 1). The time
    t = i / T is entry i, which diffusers counts as i - 1; between two entries log-SNR runs on a
    line, so that any number of steps fits. From the data, where log-SNR is infinite, to entry 1 it
    is the variance that does: that step's noise arrives evenly.
    """

    def __init__(self, T=1000, beta_min=1e-4, beta_max=0.02):
        # float64: 1 - alpha_bar loses half its digits in float32 near the data.
        self.T, self.beta_min, self.beta_max = check_count("T", T, 2), beta_min, beta_max
        self.beta = torch.linspace(beta_min, beta_max, T, dtype=torch.float64)
        self.alpha_bar = torch.cat([torch.ones(1).double(), (1 - self.beta).cumprod(0)])
        if self.alpha_bar[-1] < ALPHA_MIN**2:
            raise UserError(
                f"T and beta leave alpha {self.alpha_bar[-1].sqrt():.1e} at t = 1, below {ALPHA_MIN}"
            )
        self.lam = self.alpha_bar.logit() / 2  # log(alpha / sigma), since sigma^2 = 1 - alpha_bar

    def __call__(self, t):
        """t: any shape; returns alpha and sigma of that shape. UserError outside [0, 1]."""
        t = check_times(t)
        place = self.T * t.cpu().double()
        entry = place.long().clamp(1, self.T - 1)
        lam = torch.lerp(self.lam[entry], self.lam[entry + 1], place - entry)
        first = place < 1
        alpha_bar = torch.where(first, 1 - place * self.beta[0], (2 * lam).sigmoid())
        variance = torch.where(first, place * self.beta[0], (-2 * lam).sigmoid())
        return alpha_bar.sqrt().to(t), variance.sqrt().to(t)

    def times(self, n, generator=None):
        """n training times from {1, ..., T} / T, the ones this table tells apart; shape (n,)."""
        return torch.randint(1, self.T + 1, (n,), generator=generator) / self.T


def log_snr(schedule, t):
    """lam = log(alpha / sigma) at t, the half log signal-to-noise ratio; infinite at t = 0."""
    alpha, sigma = schedule(t)
    return alpha.log() - sigma.log()


def uniform_grid(n, start=1.0, dtype=None):
    """n equal steps from `start` down to 0: a decreasing tensor ts of shape (n + 1,)."""
    n = check_count("steps", n, 1)
    return torch.linspace(start, 0, n + 1, dtype=dtype)


def log_snr_grid(schedule, n, start=1.0, end=2e-3, dtype=None):
    """n steps, the first n - 1 equal in log-SNR from `start` to `end`, the last one to 0.

    Shape (n + 1,), decreasing (Lu et al. 2022, section 4.1: DPM-Solver's own grid).
    """
    n = check_count("steps", n, 1)
    ends = torch.tensor([start, end], dtype=torch.float64)
    wanted = torch.linspace(*log_snr(schedule, ends).tolist(), n, dtype=torch.float64)
    low, high = torch.full_like(wanted, end), torch.full_like(wanted, start)
    for _ in range(60):  # bisection: lam falls as t grows, for every schedule
        middle = (low + high) / 2
        too_clean = log_snr(schedule, middle) > wanted
        low, high = torch.where(too_clean, middle, low), torch.where(too_clean, high, middle)
    ts = torch.cat([low, torch.zeros(1).double()])
    ts[0] = start
    return ts.to(dtype or torch.get_default_dtype())


def stratified_times(n, generator=None):
    """n training times spread evenly over (0, 1], one random shift for all; shape (n,).

    Each time alone is uniform; together they cover the range, so the loss varies less from batch
    to batch (Kingma et al. 2021, appendix I.1). The order is shuffled.
    """
    shift = torch.rand(1, generator=generator)
    return 1 - (torch.randperm(n, generator=generator) + shift) / n


class LogSnrTimes:
    """Training times like `stratified_times`, uniform in log-SNR instead of in t."""

    def __init__(self, schedule, start=1.0, end=2e-3, points=1000):
        self.schedule, self.start, self.end, self.points = schedule, start, end, points
        self.grid = log_snr_grid(schedule, points, start, end)[:-1]

    def __call__(self, n, generator=None):
        """n training times; shape (n,)."""
        place = stratified_times(n, generator) * (self.points - 1)
        index = place.long().clamp(max=self.points - 2)
        return torch.lerp(self.grid[index], self.grid[index + 1], place - index)


def root_times(n, generator=None):
    """n training times in (0, 1] with density 2 t; shape (n,).

    Late times decide what will be painted; at early ones only a little grain is left to remove.
    """
    return stratified_times(n, generator).sqrt()


def logit_normal_times(n, generator=None):
    """Training times with a logit-normal density, few at either end (Esser et al. 2024, eq. 19).

    What a scene shows, and how it is drawn, is settled between noise and picture.
    """
    return torch.special.ndtri(stratified_times(n, generator)).sigmoid()
