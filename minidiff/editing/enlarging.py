"""A picture at twice the size, painted by the second stage of a cascade."""

import torch
import torch.nn.functional as F
from torch import nn

from ..checks import check_number
from ..codecs import Details
from ..codecs.tiles import by_tiles
from ..denoiser import append_dims
from ..errors import UserError
from ..model import Model
from ..samplers import last
from ..sampling import generator_at, seeds_from, start_noise, walk
from .inpainting import encoded, listed

# in pixels of the small picture, of which a place of the network sees 47 each way
TILE, MARGIN = 256, 48


class Beside(nn.Module):
    """A denoiser of large pictures that is shown the small ones: `denoise(x, t, *cond) -> x0_hat`.

    denoiser: of an `Enlarger`. small (B, C, H, W), strength (B,): what it is shown, and how much
    noise lies over that. Large pictures are denoised tile by tile, without a seam.
    """

    def __init__(self, denoiser, small, strength):
        super().__init__()
        self.denoiser, self.small, self.strength = denoiser, small, strength

    @property
    def schedule(self):
        return self.denoiser.schedule

    def forward(self, x, t, *cond):
        times = len(x) // len(self.small)  # both halves of guidance come as one batch
        small, strength = self.small.repeat(times, 1, 1, 1), self.strength.repeat(times)

        def convert(both):
            folded, small = both.split([x.shape[1] * 4, self.small.shape[1]], 1)
            return self.denoiser(F.pixel_shuffle(folded, 2), t, *cond, small, strength)

        both = torch.cat([F.pixel_unshuffle(x, 2), small], 1)  # at the small picture's size
        return by_tiles(convert, both, 1, 2, TILE, MARGIN)


def under_noise(small, strength, eps):
    """Small pictures (B, C, H, W) with noise over them, of the standard deviations `strength` (B,).

    Returns both as a network takes them.
    """
    strength = strength.to(small)
    return small + append_dims(strength, small) * eps.to(small), strength


def beside(model, pictures, strength=0.05, seed=0):
    """The model that paints `pictures` (B, C, H, W) in 0..1 at twice their size, from B prompts.

    strength: the standard deviation of noise that is laid over them, so that it need not copy their
    faults (Ho et al. 2022, section 4); that noise comes from `seed`, as `enlarge`'s. UserError for a
    model that does not enlarge.
    """
    if not hasattr(model.denoiser.net, "told"):
        raise UserError('model must be one that enlarges, such as minidiff.load("enlarge")')
    check_number("strength", strength, 0, 1)
    small = encoded(model, pictures)
    generators = [generator_at(each, 2) for each in seeds_from(seed, len(small))]
    eps = torch.stack([torch.randn(small.shape[1:], generator=each) for each in generators])
    small, told = under_noise(small, torch.full((len(small),), float(strength)), eps)
    shape = (small.shape[1], *(2 * side for side in small.shape[2:]))
    settings = dict(w=model.w, steps=model.steps, sampler=model.sampler, grid=model.grid)
    denoiser = Beside(model.denoiser, small, told)
    return Model(denoiser, model.encoder, Details(small, told), shape, **settings)


@torch.no_grad()
def enlarge(
    model, pictures, prompts=None, *, seed=0, strength=0.05, w=None, steps=None, sampler=None
):
    """Pictures (B, 3, H, W) in 0..1 at twice their size, (B, 3, 2 H, 2 W), of any H and W.

    model: one that enlarges. prompts: what they show, by default nothing. seed: picture k is enlarged
    as seed + k enlarges it alone; another seed invents other details. UserError for what does not fit.
    """
    height, width = pictures.shape[-2:]
    multiple = model.factors[1]
    room = [-width % multiple, -height % multiple]
    padded = F.pad(pictures, (0, room[0], 0, room[1]), mode="replicate") if any(room) else pictures
    prompts, seeds = listed(model, prompts, len(pictures)), seeds_from(seed, len(pictures))
    larger = beside(model, padded, strength, seed)
    ts = larger.grid(larger.steps if steps is None else steps)
    x = larger.schedule(ts[0])[1] * start_noise(larger.shape, seeds).to(model.device, model.dtype)
    painted = last(walk(larger, larger.prompted(prompts, w), x, ts, seeds, sampler))
    return larger.codec.decode(painted)[..., : 2 * height, : 2 * width].to(pictures)
