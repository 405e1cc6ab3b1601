"""A prompt that says what is to be seen and how it moves, read by two encoders."""

from torch import nn

from ..checks import check_words


class MotionEncoder(nn.Module):
    """Words of motion go to one encoder, all others to another, which knows pictures already.

    seen, motion: two `TextEncoder`s. forward: B prompts -> tokens, mask of what is to be seen, and
    tokens, mask of how it moves. "" is the unconditional prompt. UserError as from the two.
    """

    null = ""

    def __init__(self, seen, motion):
        super().__init__()
        self.seen, self.motion = seen, motion

    def forward(self, prompts):
        seen, motion = zip(*map(self.split, prompts))
        return *self.seen(seen), *self.motion(motion)

    def split(self, prompt):
        """The prompt without its words of motion, and these."""
        moves = self.motion.tokenizer.words[2:]
        words = check_words(prompt, (*moves, *self.seen.tokenizer.words[2:]))
        seen = " ".join(word for word in words if word not in moves)
        return seen, " ".join(word for word in words if word in moves)

    def numbers(self, prompt):
        """The ids of a prompt, for either encoder."""
        encoders = zip((self.seen, self.motion), self.split(prompt))
        return [encoder.tokenizer.numbers(part) for encoder, part in encoders]
