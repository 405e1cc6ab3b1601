"""Numbers that come from people: each is taken as meant, or refused in a sentence that names it."""

from operator import index


def check_count(name, value, least):
    """value as an int, whatever its type; ValueError unless it is a whole number, at least `least`.

    NumPy's and PyTorch's integers count, True and False do not.
    """
    try:
        number = None if isinstance(value, bool) else index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise ValueError(f"{name} must be a whole number, at least {least}, got {value!r}")
    return number


def check_number(name, value, low, high):
    """value as a float; ValueError unless it is a number from `low` to `high`, which NaN is not."""
    try:
        fits = not isinstance(value, (bool, str)) and low <= float(value) <= high
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
    return float(value)
