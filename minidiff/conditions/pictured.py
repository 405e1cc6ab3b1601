"""A prompt may be a picture: the network hears its vector, put into tokens, beside the words."""

import torch
from torch import nn

from ..errors import UserError

HIDDEN = 256


class PictureEncoder(nn.Module):
    """Words as before, and the vector of a picture as K more tokens (Ramesh et al. 2022, section 2.1).

    text: a `TextEncoder` of L tokens. space: a `SharedSpace`. forward: B prompts -> tokens
    (B, L + K, text.width), mask (B, L + K). A prompt is a text, a picture (3, 64, 64) in 0..1, or a
    vector (space.width,) of length one. "" is the unconditional prompt. UserError for anything else.
    """

    null = ""

    def __init__(self, text, space, count=8):
        super().__init__()
        self.text, self.space, self.count = text, space, count
        self.translate = nn.Sequential(
            nn.Linear(space.width, HIDDEN),
            nn.GELU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.GELU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.GELU(),
            nn.Linear(HIDDEN, count * text.width),
            nn.Unflatten(1, (count, text.width)),
        )

    def forward(self, prompts):
        vectors, told = self.vectors(prompts)
        words = ["" if is_told else each for each, is_told in zip(prompts, told.tolist())]
        tokens, mask = self.text(words)
        more = self.translation(vectors).to(tokens.dtype)  # which autocast may have halved
        shown = told[:, None].expand(-1, self.count)
        return torch.cat([tokens, more], 1), torch.cat([mask, shown], 1)

    def translation(self, vectors):
        """Unit vectors (B, space.width) as tokens (B, K, text.width)."""
        # of unit variance, as networks like their inputs
        scaled = vectors * self.space.width**0.5
        return self.translate(scaled.to(self.space.log_scale.dtype))

    def miss(self, vectors, captions, told):
        """How far the first tokens of translations are from those that tell: mean squares (B,).

        told: which tokens of each caption, at most K of them.
        """
        told = torch.tensor(told, device=vectors.device)
        with torch.no_grad():
            tokens, _ = self.text(captions)
            wanted = tokens[torch.arange(len(tokens))[:, None], told]
        return (self.translation(vectors)[:, : told.shape[1]] - wanted).square().mean((1, 2))

    @torch.no_grad()
    def vectors(self, prompts):
        """The vectors (B, D) that the prompts give or show, 0 for words; and which do (B,)."""
        shown = {k: torch.as_tensor(each) for k, each in enumerate(prompts) if is_numbers(each)}
        for given in shown.values():
            if given.shape not in [(self.space.width,), (3, 64, 64)]:
                wanted = f"a text, a picture (3, 64, 64) or a vector ({self.space.width},)"
                raise UserError(f"a prompt must be {wanted}, got shape {tuple(given.shape)}")
        device = self.space.log_scale.device
        found = torch.zeros(len(prompts), self.space.width, device=device)
        pictures = [k for k, given in shown.items() if given.ndim == 3]
        if pictures:
            seen = torch.stack([shown.pop(k) for k in pictures]).to(device)
            found[pictures] = self.space.of_pictures(seen)
        for k, vector in shown.items():
            found[k] = vector.to(found)
        told = torch.tensor([is_numbers(each) for each in prompts], device=device)
        return found, told


def is_numbers(prompt):
    """Whether a prompt is an array or a list; the rest is for the encoder of words to judge."""
    return hasattr(prompt, "shape") or isinstance(prompt, (list, tuple))
