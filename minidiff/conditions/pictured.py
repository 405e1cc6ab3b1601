"""A prompt may be a picture: the network hears its vector beside the words."""

import torch
from torch import nn

from ..errors import UserError


class PictureEncoder(nn.Module):
    """Words as before, and the vector of a picture as one more token (Ramesh et al. 2022, section 2.1).

    text: a `TextEncoder`. space: a `SharedSpace`. forward: B prompts -> tokens (B, L + 1, text.width),
    mask (B, L + 1). A prompt is a text, a picture (3, 64, 64) in 0..1, or a vector (space.width,) of
    length one. "" is the unconditional prompt. UserError for anything else.
    """

    null = ""

    def __init__(self, text, space):
        super().__init__()
        self.text, self.space = text, space
        self.project = nn.Linear(space.width, text.width)

    def forward(self, prompts):
        tokens, mask = self.text([each if isinstance(each, str) else "" for each in prompts])
        vectors, told = self.vectors(prompts)
        # of unit variance, as networks like their inputs
        more = self.project(vectors * self.space.width**0.5)[:, None].to(tokens.dtype)
        return torch.cat([tokens, more], 1), torch.cat([mask, told[:, None]], 1)

    @torch.no_grad()
    def vectors(self, prompts):
        """The vectors (B, D) that the prompts give or show, 0 for words; and which do (B,)."""
        found = torch.zeros(len(prompts), self.space.width, device=self.project.weight.device)
        told = torch.zeros(len(prompts), dtype=torch.bool, device=found.device)
        for k, prompt in enumerate(prompts):
            if isinstance(prompt, str):
                continue
            told[k], given = True, torch.as_tensor(prompt, device=found.device)
            if given.shape == (self.space.width,):
                found[k] = given
            elif given.ndim == 3:
                found[k] = self.space.of_pictures(given[None])[0]
            else:
                wanted = f"a text, a picture (3, 64, 64) or a vector ({self.space.width},)"
                raise UserError(f"a prompt must be {wanted}, got shape {tuple(given.shape)}")
        return found, told
