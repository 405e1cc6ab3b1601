"""Arguments of an exercise, changed as slips change them: exchanged, squared, left out."""

import functools
import inspect
import itertools
import re

import numpy as np
import torch

from ...schedules import cosine, flow

_ON_NUMBERS = {
    "`{}` plays no part, or its term is missing.": lambda a: 0 * a,
    "`{}` plays no part, as if it were 1.": lambda a: 0 * a + 1,
    "the sign of `{}` is wrong.": lambda a: -a,
    "`{}` counts twice.": lambda a: 2 * a,
    "`{}` counts by half.": lambda a: a / 2,
    "`{}` counts as its square: a root is missing, or a square too much.": lambda a: a**2,
    "`{}` counts as its root: a square is missing, or a root too much.": lambda a: a**0.5,
    "`{}` divides where it should multiply, or the other way round.": lambda a: 1 / a,
    "1 - `{0}` stands where `{0}` should, or the other way round.": lambda a: 1 - a,
    "`{}` is off by one: 1 too large.": lambda a: a + 1,
    "`{}` is off by one: 1 too small.": lambda a: a - 1,
}
_WHOLE = re.compile("off by one|plays no part|twice")
_ON_TENSORS = {
    "`{}` is transposed.": lambda a: a.mT,
    "`{}` is shifted by one.": lambda a: a.roll(1, 0),
    "`{}` is shifted by one the other way.": lambda a: a.roll(-1, 0),
}
_ON_LEVELS = {
    "alpha and sigma are exchanged.": lambda alpha, sigma: (sigma, alpha),
    "sigma is not sqrt(1 - alpha^2) on every schedule: take the schedule's own.": (
        lambda alpha, sigma: (alpha, (1 - alpha**2) ** 0.5)
    ),
    "alpha and sigma count as their squares.": lambda alpha, sigma: (alpha**2, sigma**2),
    "alpha and sigma count as their roots.": lambda alpha, sigma: (alpha**0.5, sigma**0.5),
    "alpha plays no part.": lambda alpha, sigma: (0 * alpha + 1, sigma),
    "sigma plays no part.": lambda alpha, sigma: (alpha, 0 * sigma + 1),
    "the noise is missing.": lambda alpha, sigma: (alpha, 0 * sigma),
    "the noise has the wrong sign.": lambda alpha, sigma: (alpha, -sigma),
    "alpha stands where sigma should, too.": lambda alpha, sigma: (alpha, alpha),
    "sigma stands where alpha should, too.": lambda alpha, sigma: (sigma, sigma),
}
_ON_ANSWERS = {
    "what `{}` says has the wrong sign.": lambda out, x: -out,
    "what `{}` says is not used.": lambda out, x: 0 * out,
    "what `{}` says counts twice.": lambda out, x: 2 * out,
    "what goes into `{0}` stands where its answer should.": lambda out, x: x,
}


def changes(parameters, inputs, coarse=False):
    """(sentence, what it makes of a tuple of arguments) for each slip that these allow.

    coarse: without those that ask for exact numbers to be told apart.
    """
    first = min(inputs, key=len)  # what every call has; others may give more
    places = _places(parameters, first)
    kinds = {name: _kind(_at(first, place)) for name, place in places.items()}
    for a, b in itertools.combinations(places, 2):
        if kinds[a] == kinds[b] and not _inside(a, b):
            yield f"`{a}` and `{b}` are exchanged.", _exchange(places[a], places[b])
    for name, place in places.items():
        if kinds[name] == "schedule":
            yield from _of_a_schedule(place, places, kinds)
        elif kinds[name] == "function":
            yield from _of_a_function(name, place, places, kinds)
        elif kinds[name] in ("number", "tensor", "numbers") and not coarse:
            on = _ON_NUMBERS | (_ON_TENSORS if kinds[name] == "tensor" else {})
            if isinstance(_at(first, place), int):  # a count, a place: what else could it be?
                on = {sentence: on[sentence] for sentence in on if _WHOLE.search(sentence)}
            for sentence, change in on.items():
                yield sentence.format(name), _change(place, functools.partial(_on_all, change))
    for a, b in itertools.permutations(places, 2):
        if {kinds[a], kinds[b]} <= {"number", "tensor"} and not _inside(a, b):
            yield f"`{b}` stands where `{a}` should.", _replace(places[a], places[b])


def left_out(parameters, inputs):
    """(name, the change that sets it to 0) of each number and tensor; tensors first."""
    first = min(inputs, key=len)
    places = _places(parameters, first)
    values = {name: _at(first, place) for name, place in places.items()}
    kinds = {name: _kind(value) for name, value in values.items() if not isinstance(value, int)}
    for wanted in ("tensor", "function", "number"):
        for name in (n for n, kind in kinds.items() if kind == wanted):
            change = functools.partial(_on_all, lambda a: 0 * a)
            if wanted == "function":
                change = functools.partial(_then, change=lambda out, x: 0 * out)
            yield name, _change(places[name], change)


def numbers(parameters, args):
    """{name: number} of the arguments, one or one a row; of schedules alpha and sigma at each time."""
    places = _places(parameters, args)
    found = {
        name: np.asarray(value, dtype=float)
        for name, place in places.items()
        if _kind(value := _at(args, place)) == "number" or _is_row(value)
    }
    for name in ("t", "s"):
        if "schedule" in places and name in found:
            levels = _at(args, places["schedule"])(torch.as_tensor(_at(args, places[name])))
            found |= {
                f"{word} at {name}": np.asarray(a) for word, a in zip(("alpha", "sigma"), levels)
            }
    return found


def part_of(solution, k):
    """The solution, but only value number k of the several that it gives."""

    @functools.wraps(solution)
    def part(*args):
        made = solution(*args)
        return (made if isinstance(made, (tuple, list)) else list(made))[k]

    return part


def _places(parameters, args):
    """{name: (number of the argument, number in it or None)}; pairs of numbers are taken apart."""
    found = {name: (k, None) for k, name in enumerate(parameters[: len(args)])}
    for k, (name, value) in enumerate(zip(parameters, args)):
        if isinstance(value, tuple) and all(_kind(part) == "number" for part in value):
            found |= {f"{name}[{j}]": (k, j) for j in range(len(value))}
    return found


def _inside(a, b):
    return a.startswith(f"{b}[") or b.startswith(f"{a}[")


def _kind(value):
    if isinstance(value, torch.Tensor):
        if value.dtype == torch.bool:
            return "truths"
        return "tensor" if value.ndim else "number"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    if isinstance(value, (list, tuple)) and value:
        kinds = {_kind(part) for part in value}
        return "numbers" if kinds <= {"number", "tensor", "numbers"} else "list"
    if callable(value):
        return "schedule" if _is_schedule(value) else "function"
    return type(value).__name__


def _is_schedule(value):
    try:
        return len(inspect.signature(value).parameters) == 1 and len(value(torch.tensor(0.5))) == 2
    except Exception:  # noqa: BLE001 (whatever it is, it is none)
        return False


def _is_row(value):
    return isinstance(value, torch.Tensor) and value.ndim == 1 and value.is_floating_point()


def _at(args, place):
    k, j = place
    return args[k] if j is None else args[k][j]


def _put(args, place, value):
    k, j = place
    if j is not None:
        value = (*args[k][:j], value, *args[k][j + 1 :])
    return (*args[:k], value, *args[k + 1 :])


def _change(place, change):
    return lambda args: _put(args, place, change(_at(args, place)))


def _replace(place, by):
    return lambda args: _put(args, place, _at(args, by))


def _exchange(a, b):
    return lambda args: _put(_put(args, a, _at(args, b)), b, _at(args, a))


def _on_all(change, value):
    if isinstance(value, (list, tuple)):
        return type(value)(_on_all(change, part) for part in value)
    try:
        return change(value)
    except (ZeroDivisionError, RuntimeError, IndexError):
        return float("nan") * value


def _then(function, change):
    return lambda x, *rest: change(function(x, *rest), x)


def _of_a_schedule(place, places, kinds):
    for sentence, change in _ON_LEVELS.items():
        yield sentence, _change(place, lambda s, c=change: lambda t: c(*s(t)))
    for other in (cosine, flow):
        said = f"use the schedule that is given, not always {other.__name__}."
        yield said, _change(place, lambda _, other=other: other)
    for name in (n for n in ("t", "s") if n in places):
        said = f"alpha and sigma are those of `{name}` everywhere: there are two times."
        yield (
            said,
            lambda args, n=name: _put(
                args, place, lambda _, s=_at(args, place), t=_at(args, places[n]): s(t)
            ),
        )


def _of_a_function(name, place, places, kinds):
    for sentence, change in _ON_ANSWERS.items():
        yield sentence.format(name), _change(place, functools.partial(_then, change=change))
    for time in (n for n in ("t", "s") if n in places):
        yield (
            f"`{name}` is always asked at `{time}`: there are two times.",
            lambda args, n=time: _put(
                args,
                place,
                lambda x, _, f=_at(args, place), t=_at(args, places[n]): f(x, t),
            ),
        )
