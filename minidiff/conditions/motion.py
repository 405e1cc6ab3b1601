"""A prompt that says what is to be seen and how it moves, read by two encoders."""

import re

from torch import nn

from ..errors import UserError


class MotionEncoder(nn.Module):
    """Words of motion go to one encoder, all others to another that knows pictures already.

    forward: B prompts -> tokens, mask of what is to be seen, tokens, mask of how it moves. "" is the
    unconditional prompt. UserError as from the two; a word that neither knows is looked for in both.
    """

    null = ""

    def __init__(self, seen, motion):
        super().__init__()
        self.seen, self.motion = seen, motion

    @property
    def tokenizer(self):
        return self.seen.tokenizer

    def forward(self, prompts):
        seen, moving = zip(*map(self.split, prompts))
        return *self.seen(seen), *self.motion(moving)

    def split(self, prompt):
        """The prompt without its words of motion, and these."""
        if not isinstance(prompt, str):
            raise UserError(f"prompt must be a text, got {prompt!r}")
        known = self.motion.tokenizer.index
        words = re.findall(r"\w+", prompt.lower())
        seen, moving = ([word for word in words if (word in known) == moves] for moves in (0, 1))
        return " ".join(seen), " ".join(moving)
