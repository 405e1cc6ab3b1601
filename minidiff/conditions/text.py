"""Texts: words to numbers, and a small transformer that reads them."""

import torch
from torch import nn

from ..checks import check_words
from ..errors import UserError


class Tokenizer:
    """Words to numbers: prompts -> ids (B, length), mask (B, length), True on the tokens that count.

    Every prompt begins with a start token, so that no mask is empty, and is padded to `length`.
    Case and punctuation do not matter. UserError for an unknown word (the nearest known ones are
    suggested) and for a prompt of more than `length - 1` words.
    """

    def __init__(self, words, length):
        special = ("<pad>", "<start>")
        self.words, self.length = (*special, *sorted(set(words) - set(special))), length
        self.index = {word: number for number, word in enumerate(self.words)}

    def __call__(self, prompts):
        rows = [self.numbers(prompt) for prompt in prompts]
        mask = torch.tensor([[n < len(row) for n in range(self.length)] for row in rows])
        return torch.tensor([row + [0] * (self.length - len(row)) for row in rows]), mask

    def numbers(self, prompt):
        """The ids of one prompt, start token first, without padding."""
        words = check_words(prompt, self.words[2:])
        if len(words) >= self.length:
            limit = self.length - 1
            raise UserError(f"prompt {prompt!r} has {len(words)} words; the limit is {limit}")
        return [1] + [self.index[word] for word in words]


class TextEncoder(nn.Module):
    """A small transformer that reads a prompt (Vaswani et al. 2017, section 3.1, norms first).

    forward: B prompts -> tokens (B, L, width), mask (B, L). "" is the unconditional prompt.
    """

    null = ""

    def __init__(self, tokenizer, width=64, depth=2, heads=4):
        super().__init__()
        self.tokenizer, self.width, self.depth, self.heads = tokenizer, width, depth, heads
        self.token_embedding = nn.Embedding(len(tokenizer.words), width)
        self.position_embedding = nn.Parameter(0.02 * torch.randn(tokenizer.length, width))
        layer = nn.TransformerEncoderLayer(
            width,
            heads,
            4 * width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, prompts):
        ids, mask = (value.to(self.position_embedding.device) for value in self.tokenizer(prompts))
        tokens = self.layers(
            self.token_embedding(ids) + self.position_embedding, src_key_padding_mask=~mask
        )
        return self.norm(tokens), mask
