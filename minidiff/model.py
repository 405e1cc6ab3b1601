"""A model: denoiser, encoder and codec under one roof, and the way from a prompt to a picture."""

import torch
from torch import nn

from . import sampling
from .checks import check_count, check_prompts
from .conditions import Unconditional
from .errors import UserError
from .guidance import clip, given, guide_at_once
from .samplers import ddim, last
from .schedules import uniform_grid


class Model(nn.Module):
    """The parts of a generator as plain attributes, callable with prompts or labels.

    denoiser: `denoise(x, t, *cond) -> x0_hat`, with its `schedule` as an attribute. encoder: prompts
    -> cond. codec: `encode` and `decode`, pixels <-> x0. shape: of one x0, without batch. w, steps,
    sampler, grid (steps -> ts): the defaults it is measured and shipped with. learned_w: the guidance
    that a call of the denoiser has in it already, so that it takes no other; None if it has none. What
    else the parts may say of themselves stands in `null`, `range` and `factors`.
    """

    def __init__(
        self,
        denoiser,
        encoder,
        codec,
        shape,
        w=1.0,
        steps=50,
        sampler=ddim,
        grid=uniform_grid,
        learned_w=None,
    ):
        super().__init__()
        self.denoiser, self.encoder, self.codec = denoiser, encoder, codec
        self.shape, self.w, self.learned_w = tuple(shape), w, learned_w
        self.steps, self.sampler, self.grid = steps, sampler, grid

    @property
    def schedule(self):
        return self.denoiser.schedule

    @property
    def null(self):
        """The prompt that says nothing, the encoder's `null`; None unless it has another."""
        return getattr(self.encoder, "null", None)

    @property
    def range(self):
        """The codec's `range` (low, high), what x0 of pixels keeps to; None if it says nothing."""
        return getattr(self.codec, "range", None)

    @property
    def factors(self):
        """The `factor` of codec and network: pixels to a latent, latents to a place; 1 if unsaid."""
        net = getattr(self.denoiser, "net", None)
        return getattr(self.codec, "factor", 1), getattr(net, "factor", 1)

    @property
    def device(self):
        return next(self.parameters(), torch.empty(0)).device

    @property
    def dtype(self):
        return next(self.parameters(), torch.empty(0)).dtype

    def loss(self, pictures, prompts, generator=None):
        """The training loss (B,) of a batch of pictures (B, *) and its B prompts."""
        x0 = self.codec.encode(pictures)
        return self.denoiser.loss(x0, *self.encoder(prompts), generator=generator)

    def draw_noise(self, pictures, generator=None):
        """The randomness of `loss` on pictures of the usual size: times t (B,), noise (B, *shape)."""
        return self.denoiser.draw_noise((len(pictures), *self.shape), generator)

    def loss_at(self, pictures, prompts, t, eps):
        """`loss` for given times and noise."""
        return self.denoiser.loss_at(self.codec.encode(pictures), t, eps, *self.encoder(prompts))

    def listed(self, prompts):
        """The prompts as a list, one for each sample; for a model that takes none, of their number."""
        return check_prompts(prompts, takes_any=not isinstance(self.encoder, Unconditional))

    def prompted(self, prompts, w=None, negative=None):
        """The denoiser of (x, t) that these prompts steer, one prompt a sample.

        w: guidance, 1 for none. negative: a prompt to steer away from, in place of the empty one.
        """
        prompts, w = self.listed(prompts), self.w if w is None else w
        if self.learned_w is not None and (w != 1 or negative is not None):
            asked = f"w = {w:g}" if w != 1 else f"negative {negative!r}"
            raise UserError(
                f"w is fixed in this model, which learned to paint as with w = {self.learned_w:g} "
                f"and nothing negative, got {asked}"
            )
        cond = self.encoder(prompts)
        if w == 1:
            denoise = given(self.denoiser, *cond)
        else:
            away = self.null if negative is None else negative
            denoise = guide_at_once(self.denoiser, cond, self.encoder([away] * len(prompts)), w)
        return clip(denoise, *self.range) if self.range else denoise

    def noise(self, n, seed=0):
        """Standard normal start noise (n, *shape); row k is the start of the picture of seed + k."""
        return sampling.start_noise(self.shape, sampling.seeds_from(seed, check_count("n", n, 1)))

    @torch.no_grad()
    def forward(self, prompts, *, seed=0, w=None, negative=None, steps=None, sampler=None):
        """Generate: B prompts or labels, or a number of samples if the model takes no prompts.

        Returns decoded samples (B, *), pictures in 0..1. Sample k is what seed + k gives alone.
        """
        way = dict(w=w, negative=negative, sampler=sampler)
        ts = self.grid(self.steps if steps is None else steps)
        walks = sampling.trajectories(self, prompts, seed, ts=ts, **way)
        ((_, walk),) = walks  # one chunk
        return self.codec.decode(last(walk))
