"""A model: denoiser, encoder and codec under one roof, and the way from a prompt to a picture."""

import torch
from torch import nn

from .guidance import clip, given, guide
from .samplers import ddim, last
from .sampling import check_count
from .schedules import uniform_grid


class Model(nn.Module):
    """The parts of a generator as plain attributes, callable with prompts or labels.

    denoiser: `Denoiser`. encoder: prompts -> cond. codec: pixels <-> x0. shape: of one x0, without
    batch. w, steps, sampler, grid (steps -> ts): the defaults it is measured and shipped with.
    """

    def __init__(
        self, denoiser, encoder, codec, shape, w=1.0, steps=50, sampler=ddim, grid=uniform_grid
    ):
        super().__init__()
        self.denoiser, self.encoder, self.codec = denoiser, encoder, codec
        self.shape, self.w = tuple(shape), w
        self.steps, self.sampler, self.grid = steps, sampler, grid

    @property
    def schedule(self):
        return self.denoiser.schedule

    @property
    def device(self):
        return next(self.denoiser.parameters()).device

    def loss(self, pictures, prompts, generator=None):
        """The training loss of a batch of pictures (B, *) and its B prompts."""
        x0 = self.codec.encode(pictures)
        return self.denoiser.loss(x0, *self.encoder(prompts), generator=generator)

    def draw_noise(self, pictures, generator=None):
        """The randomness of `loss` on pictures of the usual size: times t (B,), noise (B, *shape)."""
        return self.denoiser.draw_noise((len(pictures), *self.shape), generator)

    def loss_at(self, pictures, prompts, t, eps):
        """`loss` for given times and noise."""
        return self.denoiser.loss_at(self.codec.encode(pictures), t, eps, *self.encoder(prompts))

    def prompted(self, prompts, w=None, negative=None):
        """The denoiser of (x, t) that these prompts steer, one prompt a sample.

        w: guidance, 1 for none. negative: a prompt to steer away from, in place of the empty one.
        """
        w = self.w if w is None else w
        away = self.encoder.null if negative is None else negative
        denoise = given(self.denoiser, *self.encoder(prompts))
        if w != 1:
            null = given(self.denoiser, *self.encoder([away] * len(prompts)))
            denoise = guide(denoise, null, w)
        return clip(denoise, *self.codec.range) if self.codec.range else denoise

    def noise(self, n, seed=0):
        """Standard normal start noise (n, *shape) for a seed; sample i does not depend on n."""
        check_count("n", n, 1)
        check_count("seed", seed, 0)
        generator = torch.Generator().manual_seed(seed)
        return torch.stack([torch.randn(self.shape, generator=generator) for _ in range(n)])

    @torch.no_grad()
    def forward(self, prompts, *, seed=0, w=None, negative=None, steps=None, sampler=None):
        """Generate: B prompts or labels, or a number of samples if the model takes no prompts.

        Returns decoded samples (B, *), pictures in 0..1. The same seed gives the same result.
        """
        if isinstance(prompts, int) and self.encoder.null is None:
            prompts = [None] * prompts
        ts = self.grid(self.steps if steps is None else steps)
        noise = self.noise(len(prompts), seed).to(self.device)
        denoise = self.prompted(prompts, w, negative)
        x = self.schedule(ts[0])[1] * noise
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2**32 - 1 - seed)  # a sampler's own noise: not the start's again
            x0 = last((sampler or self.sampler)(denoise, self.schedule, x, ts))
        return self.codec.decode(x0)
