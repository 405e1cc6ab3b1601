"""What answers give, as plain data, and how it differs from what is expected.

Plain is what can be sent from one process to another as text: arrays of numbers, texts, None, `...`,
lists of these, and the two classes below for all the rest.
"""

import base64
import inspect
import itertools
import json
from dataclasses import dataclass

import numpy as np
import torch

_LONGEST_GENERATOR = 10_000  # an answer that yields for ever is cut here


@dataclass(frozen=True)
class Raised:
    """An error in place of an output."""

    kind: str
    text: str


@dataclass(frozen=True)
class Other:
    """A value of a kind that no exercise asks for, by the name of its type."""

    kind: str


def outputs(answer, inputs):
    """What `answer`, a function or a value, gives on each tuple of arguments, errors included."""
    got, answer = [], ... if answer is None else answer
    for args in inputs:
        # Seeded, so that an answer that draws from torch's global generator can be compared too.
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(0)
        try:
            got.append(plain(answer(*args) if callable(answer) else answer))
        except NotImplementedError:
            got.append(...)
        except Exception as error:  # noqa: BLE001 (whatever a learner may raise is reported)
            got.append(Raised(type(error).__name__, str(error)))
        finally:
            torch.set_rng_state(before)
    return got


def plain(value):
    """Tensors and numbers as arrays of floats, sequences and generators as lists."""
    if value is None or value is ...:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().double().numpy()
    if isinstance(value, (bool, int, float, np.ndarray, np.generic)):
        array = np.asarray(value)
        return array.astype(float) if array.dtype.kind in "biuf" else Other(type(value).__name__)
    if isinstance(value, (tuple, list)) or inspect.isgenerator(value):
        return [plain(item) for item in itertools.islice(value, _LONGEST_GENERATOR)]
    return Other(type(value).__name__)


def to_text(value):
    """Plain data, as `plain` makes them, as JSON."""
    return json.dumps(value, default=_as_dict)


def from_text(text):
    """What `to_text` was given; from a text that may be anything. ValueError, TypeError if it is."""
    return json.loads(text, object_hook=_from_dict)


def _as_dict(value):
    if isinstance(value, np.ndarray):
        return {"floats": base64.b64encode(value.astype("<f8")).decode(), "shape": value.shape}
    if isinstance(value, Raised):
        return {"raised": value.kind, "text": value.text}
    return {"other": value.kind} if isinstance(value, Other) else {"stub": True}


def _from_dict(found):
    match found:
        case {"floats": str(text), "shape": [*shape]}:
            return np.frombuffer(base64.b64decode(text), "<f8").reshape(shape)
        case {"raised": str(kind), "text": str(text)}:
            return Raised(kind, text)
        case {"other": str(kind)}:
            return Other(kind)
        case {"stub": True}:
            return ...
    raise ValueError(f"no output looks like {found!r:.80}")


def difference(got, expected, rtol):
    """One sentence on how the first output that differs does, or None; rtol as in `exercise`."""
    return next((p for g, e in zip(got, expected) if (p := _difference(g, e, rtol))), None)


def _difference(got, expected, rtol):
    if isinstance(got, Raised):
        if isinstance(expected, Raised) and got == expected:
            return None
        return f"it raised {got.kind}: {got.text.splitlines()[0] if got.text else 'no message'}"
    if isinstance(expected, Raised):
        return "it returned a value where an error is expected."
    if isinstance(expected, list):
        if isinstance(got, np.ndarray) and got.ndim:
            got = [np.asarray(one) for one in got]  # one tensor of them all
        if not isinstance(got, list):
            return f"it returned one value where a sequence of {len(expected)} is expected."
        if len(got) != len(expected):
            return f"it returned {len(got)} values where {len(expected)} are expected."
        return difference(got, expected, rtol)
    if isinstance(expected, np.ndarray):
        return _far(got, expected, rtol)
    # A value that answers a question says no more than this, or it would give the answer away.
    return None if type(got) is type(expected) and got == expected else "it is another value."


def _far(got, expected, rtol):
    if not isinstance(got, np.ndarray):
        kind = got.kind if isinstance(got, Other) else type(got).__name__
        kind = "sequence" if isinstance(got, list) else kind
        return f"it returned a {kind} where a number or tensor is expected."
    if got.shape != expected.shape:
        return f"it returned shape {got.shape} where {expected.shape} is expected."
    if np.isnan(got).any() and not np.isnan(expected).any():
        return "it returned NaN: is there a division by zero or the root of a negative number?"
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    if np.allclose(got, expected, rtol=0, atol=rtol * scale, equal_nan=True):
        return None
    with np.errstate(invalid="ignore"):  # infinite on both sides
        apart = np.abs(got - expected)
    worst = apart[~np.isnan(apart)].max(initial=0.0)
    return f"it differs from the expected values by up to {worst:.3g}."
