"""Words and pictures in one space."""

from ..conditions import SharedSpace, TextEncoder, Tokenizer
from ..data.scenes import MAX_WORDS
from ..data.scenes.captions import vocabulary
from ..data.scenes.twins import twin_data
from .recipe import Recipe


def shared_space(judge):
    """Two encoders with vectors of 64 numbers; it looks with the judge's eye, which stays as it is."""
    space = SharedSpace(TextEncoder(Tokenizer(vocabulary(), MAX_WORDS + 1), 64))
    space.eye.load_state_dict(judge.body.state_dict())
    return space


RECIPES = {
    "contrastive": Recipe(
        shared_space,
        twin_data,
        153_600,
        dict(batch=256, lr=2e-3, warmup=10_000, decay=0.99),
        needs=("scene-judge",),
    )
}
