"""Conditions: from prompts or labels to `tokens (B, L, D), mask (B, L)`.

An encoder is a callable `encoder(prompts) -> cond`, a tuple handed to the network as it is. Its
`null` is the prompt that says nothing, the one guidance compares with.
"""

from .labels import LabelEncoder, Unconditional
from .motion import MotionEncoder
from .shared_space import SharedSpace, info_nce
from .text import TextEncoder, Tokenizer

__all__ = [
    "LabelEncoder", "MotionEncoder", "SharedSpace", "TextEncoder", "Tokenizer", "Unconditional", "info_nce",
]  # fmt: skip
