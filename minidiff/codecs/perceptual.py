"""A loss that compares how pictures look, beside one that compares their pixels."""

import torch
from torch import nn

from .autoencoder import difference, reconstruction_loss

STAGES = (2, 5, 9)  # layers of the network: at 32x32, 16x16 and 8x8


class Perceptual(nn.Module):
    """A codec in training, watched by a fixed network that knows pictures of its kind."""

    def __init__(self, codec, network):
        super().__init__()
        self.codec, self.network = codec, network.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        self.network.eval()  # or its batch norms would go on learning
        return self

    def loss(self, pictures, prompts=None, generator=None, share=0.004, kl=3e-5):
        """The codec's loss, and `share` of the network's; pictures (B, 3, 64, 64) in 0..1.

        Distances between a network's features come nearer to what people call alike than those
        between pixels do (Johnson et al. 2016, section 3.2; Zhang et al. 2018, LPIPS).
        """
        made, divergence = self.codec.reconstruct(pictures, generator)
        with torch.no_grad():
            wanted = perceptual_features(self.network, pictures)
        pairs = zip(perceptual_features(self.network, made), wanted)
        unlike = sum(difference(a.float(), b.float()) / b.float().var() for a, b in pairs)
        return reconstruction_loss(made, pictures) + kl * divergence + share * unlike


def perceptual_features(network, pictures):
    """What the network makes of pictures (B, 3, 64, 64): its features at each of STAGES."""
    h, seen = 2 * pictures - 1, []
    for number, layer in enumerate(network.body):
        h = layer(h)
        if number in STAGES:
            seen.append(h)
    return seen
