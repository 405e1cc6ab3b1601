"""Words and pictures in one space."""

from ..conditions import SharedSpace, TextEncoder, Tokenizer
from ..data.scenes import MAX_WORDS
from ..data.scenes.captions import vocabulary
from ..data.scenes.twins import twin_data
from ..training import channels_last
from .recipe import Recipe


def shared_space():
    """Two encoders with vectors of 64 numbers, 0.6 million numbers in all."""
    return SharedSpace(TextEncoder(Tokenizer(vocabulary(), MAX_WORDS + 1), 64))


RECIPES = {
    "contrastive": Recipe(
        shared_space,
        twin_data,
        360_000,
        dict(batch=128, lr=2e-3, warmup=10_000, decay=0.998, prepare=channels_last, bf16=True),
    )
}
