"""Values on the command line, as argparse takes them: numbers, sizes, minutes."""

import argparse
import math
import re

GUIDANCE = 1e6  # beyond it single precision overflows


def whole(least, most=2**63 - 1):
    """An argparse type: a whole number from `least` to `most`."""

    def number(text):
        if not (text.isascii() and text.isdecimal() and len(text) < 20) or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"must be a whole number, at least {least}, got {short(text)}"
            )
        if int(text) > most:
            raise argparse.ArgumentTypeError(f"must be at most {most}, got {text}")
        return int(text)

    return number


def size(text):
    """An argparse type: width and height in pixels."""
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"must be WIDTHxHEIGHT, such as 96x64, got {short(text)}")
    return int(found[1]), int(found[2])


def number(text):
    """An argparse type: a number, neither infinite nor NaN."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number, got {short(text)}")
    return value


def guidance(text):
    """An argparse type: a number that single precision bears."""
    if abs(number(text)) > GUIDANCE:
        raise argparse.ArgumentTypeError(
            f"must be a number from {-GUIDANCE:g} to {GUIDANCE:g}, got {short(text)}"
        )
    return number(text)


def share(text):
    """An argparse type: a number from 0 to 0.5."""
    if not 0 <= number(text) <= 0.5:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 0.5, got {short(text)}")
    return number(text)


def minutes(text):
    """An argparse type: a number of minutes, not negative."""
    if number(text) < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {short(text)}")
    return number(text)


def short(text):
    """A text as sentences quote it."""
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}..."
