"""The autoencoder of scenes: pictures to latents and back, and the loss that it learns from."""

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import UserError
from ..nets.layers import zero_init


class Residual(nn.Module):
    """Two convolutions around a shortcut, without norms, so that each place sees its surroundings
    alone and tiles decode as the whole does (Lim et al. 2017, section 3.1); (B, C, H, W) -> same."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = zero_init(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x):
        return x + self.conv2(F.silu(self.conv1(x)))


class Autoencoder(nn.Module):
    """Pictures (B, 3, H, W) in 0..1 to latents x0 (B, 8, H / 4, W / 4) and back.

    Both halves work on 2x2 pixels folded into channels, then at a quarter of the size. `encode`
    gives the mean of q(z | picture), standardised per channel; the statistics are buffers, measured
    in training and stored with the weights (Rombach et al. 2022, section 3.1 and appendix G).
    """

    range = None
    factor = 4  # pixels to a latent, each way

    def __init__(self, latents=8, narrow=48, wide=128):
        super().__init__()
        self.latents, self.narrow, self.wide = latents, narrow, wide
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, narrow, 3, padding=1),
            Residual(narrow),  # (B, 48, H / 2, W / 2)
            nn.Conv2d(narrow, 2 * narrow, 3, stride=2, padding=1),
            Residual(2 * narrow),  # (B, 96, H / 4, W / 4)
            Residual(2 * narrow),
            nn.Conv2d(2 * narrow, 2 * latents, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latents, wide, 3, padding=1),
            Residual(wide),  # (B, 128, H / 4, W / 4)
            Residual(wide),
            Residual(wide),
            nn.Conv2d(wide, 2 * wide, 1),
            nn.PixelShuffle(2),
            Residual(wide // 2),  # (B, 64, H / 2, W / 2)
            Residual(wide // 2),
            nn.Conv2d(wide // 2, 12, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.register_buffer("mean", torch.zeros(latents, 1, 1))
        self.register_buffer("std", torch.ones(latents, 1, 1))

    def encode(self, pictures):
        """The latents of pictures (B, 3, H, W), H and W multiples of 4; no gradient flows here."""
        self.check(pictures)
        with torch.no_grad():
            z, _ = self.posterior(pictures)
            return (z - self.mean) / self.std

    def decode(self, x0):
        """Pictures in 0..1 from latents (B, 8, h, w)."""
        return self.picture(self.mean + self.std * x0).clamp(0, 1)

    def posterior(self, pictures):
        """Mean and log-variance of q(z | picture), each (B, 8, H / 4, W / 4)."""
        return self.encoder(2 * pictures - 1).chunk(2, 1)

    def picture(self, z):
        return (self.decoder(z) + 1) / 2

    def loss(self, pictures, prompts=None, generator=None, kl=3e-5):
        """Squared error of colours and of edges, plus a little of the KL divergence from N(0, 1).

        The KL term (Kingma & Welling 2014, eq. 10) keeps the latents from spreading apart; its
        noise makes the decoder forgive small errors in them.
        """
        made, divergence = self.reconstruct(pictures, generator)
        return reconstruction_loss(made, pictures) + kl * divergence

    def reconstruct(self, pictures, generator=None):
        """The pictures (B, 3, H, W) by way of a draw from q(z | picture), and its KL divergence."""
        z, log_variance = self.posterior(pictures)
        std = (log_variance.clamp(-20, 10) / 2).exp()
        # with a generator the noise is drawn on the CPU, and is the same on every device
        noise = (
            torch.randn(z.shape, generator=generator).to(z) if generator else torch.randn_like(z)
        )
        self.update_statistics(z.detach().float())
        divergence = (z.square() + std.square() - 1).float() / 2 - std.float().log()
        return self.picture(z + std * noise).float(), divergence.mean()

    def update_statistics(self, z, share=0.02):
        """Move the stored mean and standard deviation of each channel towards those of a batch."""
        if self.training:
            self.mean.lerp_(z.mean((0, 2, 3))[:, None, None], share)
            self.std.lerp_(z.std((0, 2, 3))[:, None, None], share)

    def check(self, pictures):
        """UserError for what is no batch of colour pictures of a size that folds."""
        shape = tuple(pictures.shape)
        if len(shape) != 4 or shape[1] != 3 or any(n % self.factor or not n for n in shape[2:]):
            raise UserError(
                "pictures must have shape (B, 3, H, W), H and W multiples of "
                f"{self.factor}, got {shape}"
            )


def reconstruction_loss(made, pictures):
    """Squared errors of the colours, of the edges, and of the edges at half the size: a scalar."""
    pairs = [(made, pictures), half_size(made, pictures)]
    return difference(made, pictures) + sum(difference(*map(gradients, pair)) for pair in pairs)


def difference(a, b):
    return (a - b).square().mean()


def gradients(pictures):
    """Differences between neighbours, to the right and below, as (B, 3, 2, H - 1, W - 1)."""
    corner = pictures[..., :-1, :-1]
    return torch.stack([pictures[..., :-1, 1:] - corner, pictures[..., 1:, :-1] - corner], 2)


def half_size(*batches):
    """Each batch of pictures at half its size."""
    return tuple(F.avg_pool2d(pictures, 2) for pictures in batches)
