"""A remedy for guidance that spreads too far, apart from the core (Lin et al. 2024, section 3.4)."""

import torch

from .checks import check_number
from .denoiser import append_dims


def guidance_rescale(guided, plain, share=0.7):
    """Bring the spread of each guided x0_hat, about its mean, back towards that of the plain one.

    share: 0 leaves `guided` as it is, 1 gives it the standard deviation that `plain` has over the
    entries of a sample (Lin et al. 2024, section 3.4). Made for pictures; calls `plain` once more.
    UserError unless share is a number from 0 to 1.
    """
    check_number("share", share, 0, 1)

    def denoise(x, t):
        x0_hat, wanted = guided(x, t), plain(x, t).flatten(1).std(1, correction=0)
        # About the mean, where the paper scales all: there estimates have mean 0, pixels have not.
        middle, std = x0_hat.flatten(1).mean(1), x0_hat.flatten(1).std(1, correction=0)
        # The least spread keeps a blank estimate blank, where 0 / 0 or rounding would rule.
        factor = 1 + share * (wanted / std.clamp(min=1e-4) - 1)
        return torch.lerp(append_dims(middle, x0_hat), x0_hat, append_dims(factor, x0_hat))

    return denoise
