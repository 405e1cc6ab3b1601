"""Codecs: `encode` from what a person looks at to what the diffusion works on, `decode` back."""

from .autoencoder import Autoencoder
from .details import Details
from .frames import PerFrame
from .pixels import Pixels, Scaled
from .vectors import Vectors

__all__ = ["Autoencoder", "Details", "PerFrame", "Pixels", "Scaled", "Vectors"]
