"""What comes from people is taken as it is meant, or refused in a sentence that names it."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from operator import index

from .errors import UserError


def check_count(name, value, least):
    """value as an int, whatever its type; UserError unless it is a whole number, at least `least`.

    NumPy's and PyTorch's integers count, True and False do not.
    """
    try:
        number = None if isinstance(value, bool) else index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise UserError(f"{name} must be a whole number, at least {least}, got {value!r}")
    return number


def check_number(name, value, low, high):
    """value as a float; UserError unless it is a number from `low` to `high`, which NaN is not."""
    try:
        fits = not isinstance(value, (bool, str)) and low <= float(value) <= high
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise UserError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
    return float(value)


def check_prompts(prompts, takes_any=True):
    """The prompts as a list, one for each sample; of a model that takes none, from their number.

    UserError for what is no list, such as one text or one number: is it one picture of that, or
    that many pictures?
    """
    prompts = prompts.tolist() if hasattr(prompts, "tolist") else prompts  # NumPy's and PyTorch's
    several = isinstance(prompts, Iterable) and not isinstance(prompts, (str, bytes))
    prompts = list(prompts) if several else prompts
    if prompts == []:
        raise UserError("prompts must be one or more, got none")
    if takes_any and not several:
        raise UserError(f"prompts must be a list, one a picture, got {prompts!r}: [{prompts!r}]?")
    if not takes_any and not several:
        return [None] * check_count("the number of samples", prompts, 1)
    if not takes_any and any(prompt is not None for prompt in prompts):
        raise UserError(f"this model takes no prompts, only how many, got {prompts[:3]!r}")
    return prompts


def check_words(prompt, known):
    """The words of a prompt, in small letters, without punctuation.

    UserError for what is no text, and for the first word that is not known, with the nearest that are.
    """
    if not isinstance(prompt, str):
        raise UserError(f"prompt must be a text, got {prompt!r}")
    words = re.findall(r"\w+", prompt.lower())
    for word in words:
        if word not in known:
            near = get_close_matches(word, known, n=3, cutoff=0.5)
            near = f"did you mean {' or '.join(near)}?" if near else "it knows " + ", ".join(known)
            raise UserError(f"prompt {prompt!r} has a word this model never saw, {word!r}; {near}")
    return words
