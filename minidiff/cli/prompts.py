"""The prompts of `minidiff generate`: where they come from, and what a model makes of them."""

import sys
from pathlib import Path

import torch

from ..conditions import LabelEncoder
from ..errors import UserError, shown


def lines(source):
    """The prompts in a text file, or in standard input for "-": one a line, # begins a comment.

    Blank lines are left out. UserError or FileNotFoundError if there are none.
    """
    name = "standard input" if source == "-" else shown(source)
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        text = data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"--from found no file {name}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"--from takes a text in UTF-8, and {name} is none") from error
    found = [line.strip() for line in text.splitlines()]
    found = [line for line in found if line and not line.startswith("#")]
    if not found:
        raise UserError(f"--from takes one prompt a line, and {name} holds none")
    return found


def default_prompts(encoder):
    """What to generate if nobody says: a sample of each label, or of anything."""
    if isinstance(encoder, LabelEncoder):
        return [str(label) for label in range(encoder.classes)]
    return [encoder.null]


@torch.no_grad()
def check_prompts(model, prompts, batch=64):
    """UserError for the first prompt that the model cannot read, before any work is done."""
    known = list(dict.fromkeys(prompts))
    for first in range(0, len(known), batch):
        model.encoder(known[first : first + batch])


def says_nothing(encoder, prompt):
    """Whether a text has no word, such as "..." or an emoji: it asks for anything at all."""
    reader = getattr(encoder, "tokenizer", encoder)
    return hasattr(reader, "numbers") and reader.numbers(prompt) == reader.numbers("")
