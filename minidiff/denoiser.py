"""Noising, and the denoiser: a network read as an estimate of the data.

A denoiser is a callable `denoise(x, t, *cond) -> x0_hat`, the best guess of the data given x_t:
x (B, *), t () or (B,), x0_hat (B, *).
"""

import torch
from torch import nn

from .errors import UserError
from .schedules import check_times, stratified_times

# What the network is trained to output, as (a, b) in `target = a * x0 + b * eps`.
TARGETS = {
    "eps": lambda alpha, sigma: (0, 1),  # Ho et al. 2020, eq. 14
    "x0": lambda alpha, sigma: (1, 0),
    "v": lambda alpha, sigma: (-sigma, alpha),  # Salimans & Ho 2022, appendix D
    "flow": lambda alpha, sigma: (-1, 1),  # Lipman et al. 2023: dx/dt on the straight line
}


def append_dims(value, x):
    """Shape a schedule value, () or (B,), so that it multiplies x (B, *), of any precision."""
    return value.to(x.device).reshape(-1, *[1] * (x.ndim - 1)) if value.ndim else value


def noising(schedule, x0, t, eps):
    """One jump of the forward process: x_t = alpha * x0 + sigma * eps (Ho et al. 2020, eq. 4).

    x0 and eps (B, *), t () or (B,); returns x_t (B, *). UserError if shapes disagree.
    """
    t = check_times(t)
    if eps.shape != x0.shape:
        raise UserError(f"eps must have the shape of x0, {tuple(x0.shape)}, got {tuple(eps.shape)}")
    if t.ndim and t.shape != x0.shape[:1]:
        raise UserError(f"t must be a number or have shape ({len(x0)},), got {tuple(t.shape)}")
    alpha, sigma = schedule(t)
    return (append_dims(alpha, x0) * x0 + append_dims(sigma, x0) * eps).to(x0.dtype)


class Denoiser(nn.Module):
    """A network and its schedule, read as an estimate of the data.

    net: `net(x, t, *cond) -> out`, x and out (B, *), t (B,).
    schedule: `schedule(t) -> alpha, sigma`.
    target: what `out` stands for, a key of TARGETS.
    times: `times(n, generator) -> t (n,)`, the training times.
    """

    def __init__(self, net, schedule, target="v", times=stratified_times):
        super().__init__()
        if target not in TARGETS:
            raise UserError(f"target must be one of {', '.join(TARGETS)}, got {target!r}")
        self.net, self.schedule, self.target, self.times = net, schedule, target, times

    def forward(self, x, t, *cond):
        """x0_hat (B, *) from x (B, *) at t, () or (B,), in [0, 1].

        Solves the 2x2 system `x = alpha x0 + sigma eps`, `out = a x0 + b eps` for x0. At t = 0,
        where x is the data, it is x itself; for the target x0 it is `out` there as everywhere.
        """
        check_batch(x)
        t = torch.as_tensor(t)
        alpha, sigma = (append_dims(value, x) for value in self.schedule(t))  # which checks t
        sigma = sigma.clamp(min=1e-20)  # 0 would leave target x0 with 0 / 0 and others as they are
        a, b = TARGETS[self.target](alpha, sigma)
        out = self.net(x, times_for(x, t), *cond)
        determinant = alpha * b - sigma * a
        return ((b / determinant) * x - (sigma / determinant) * out).to(x.dtype)

    def loss(self, x0, *cond, generator=None):
        """Squared error of the target at random times, a value per sample; x0 (B, *) -> (B,)."""
        check_batch(x0)
        return self.loss_at(x0, *self.draw_noise(x0.shape, generator), *cond)

    def draw_noise(self, shape, generator=None):
        """The randomness of one training step: times t (B,) and noise eps `shape`, on the CPU."""
        return self.times(shape[0], generator), torch.randn(shape, generator=generator)

    def loss_at(self, x0, t, eps, *cond):
        """The loss (B,) for given times and noise (Ho et al. 2020, eq. 14, for any target)."""
        eps = eps.to(x0)
        alpha, sigma = (append_dims(value, x0) for value in self.schedule(t))
        a, b = TARGETS[self.target](alpha, sigma)
        out = self.net(noising(self.schedule, x0, t, eps), times_for(x0, t), *cond)
        return (out - (a * x0 + b * eps)).square().flatten(1).mean(1)


def times_for(x, t):
    """t, () or (B,), as a network takes it: (B,), on x's device, in float32, or float64 as x."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    return t.to(x.device, dtype).expand(len(x))


def check_batch(x):
    """UserError unless x is a floating-point batch (B, *) with at least one entry."""
    if not torch.is_tensor(x) or not x.is_floating_point():
        got = x.dtype if torch.is_tensor(x) else type(x).__name__
        raise UserError(f"x must be a floating-point tensor, got {got}")
    if x.ndim < 2 or not len(x):
        raise UserError(f"x must be a non-empty batch of shape (B, *), got {tuple(x.shape)}")
