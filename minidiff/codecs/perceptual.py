"""A loss that compares how pictures look: it sharpens a codec's decoder; latents stay what they are."""

import torch
from torch import nn

from .autoencoder import difference, mistakes

STAGES = (2, 5, 9)  # layers of the eye: at 32x32, 16x16 and 8x8


class Sharpened(nn.Module):
    """A codec whose decoder alone is trained, under a fixed eye."""

    def __init__(self, codec, eye):
        super().__init__()
        self.codec, self.eye = codec, eye.requires_grad_(False)
        codec.encoder.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        self.eye.eval()  # or its batch norms would go on learning
        return self

    def loss(self, pictures, prompts=None, generator=None, share=0.004):
        """The codec's `mistakes`, and `share` of the eye's; pictures (B, 3, 64, 64) in 0..1.

        Distances between a network's features come nearer to what people call alike than those
        between pixels do (Johnson et al. 2016, section 3.2; Zhang et al. 2018, LPIPS).
        """
        with torch.no_grad():
            z, log_variance = self.codec.posterior(pictures)
            std = (log_variance.clamp(-20, 10) / 2).exp()
            wanted = looks(self.eye, pictures)
        noise = torch.randn(z.shape, generator=generator).to(z)
        made = self.codec.picture(z + std * noise).float()
        pairs = zip(looks(self.eye, made), wanted)
        unlike = sum(difference(a.float(), b.float()) / b.float().var() for a, b in pairs)
        return mistakes(made, pictures) + share * unlike


def looks(eye, pictures):
    """What the eye sees in pictures (B, 3, 64, 64): its features at each of STAGES."""
    h, seen = 2 * pictures - 1, []
    for number, layer in enumerate(eye.body):
        h = layer(h)
        if number in STAGES:
            seen.append(h)
    return seen
