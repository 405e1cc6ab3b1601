"""Recognises the slip in a wrong answer: what usual slip gives just these numbers?

Tried in turn: another form, the right numbers spoilt as a whole, the solution with its arguments
exchanged or changed, one term with another factor, everything with another factor.
"""

import inspect
import itertools

import numpy as np

from . import arguments
from .answers import Raised, difference, outputs

_NAMED = {-1: "has the wrong sign", 0: "is missing", 2: "counts twice", 0.5: "counts by half"}
_POWERS = {1: "`{}`", 2: "`{}` squared", 0.5: "the root of `{}`"}
_SMALL = 10  # numbers below stand for a seed or a choice as often as for an amount


def recognised(got, expected, solution, inputs, rtol):
    """One sentence that names the slip, or None where none is known that gives these numbers.

    got, expected: plain outputs, one for each input. inputs: gives them afresh, as in `exercise`.
    """
    if any(isinstance(one, Raised) for one in [*got, *expected]):
        return None
    parameters = [*inspect.signature(solution).parameters]
    if not parameters and not all(isinstance(e, np.ndarray) and abs(e) >= _SMALL for e in expected):
        return None
    if all(isinstance(e, list) for e in expected):
        return _in_sequences(got, expected, solution, inputs, rtol)
    if not all(isinstance(one, np.ndarray) for one in [*got, *expected]):
        return None
    if any(np.isnan(g).sum() > np.isnan(e).sum() for g, e in zip(got, expected)):
        return None  # numbers that are none tell nothing of where they come from
    found = _as_a_whole(got, expected, rtol)
    if found or not parameters or "while " in inspect.getsource(solution):
        return (
            found  # a loop without an end is not to be met with arguments that it was not made for
        )
    return _with_arguments(got, solution, parameters, inputs, rtol) or _in_a_factor(
        got, expected, solution, parameters, inputs, rtol
    )


def _in_sequences(got, expected, solution, inputs, rtol):
    """A slip in the order of several values, at their end, or in one of them."""
    if not all(isinstance(g, list) for g in got):
        return None
    orders = {
        "the values are right, but in reverse order.": lambda e: e[::-1],
        "the last value is missing.": lambda e: e[:-1],
        "the first value is missing.": lambda e: e[1:],
    }
    for sentence, order in orders.items():
        if difference(got, [order(e) for e in expected], rtol) is None:
            return sentence
    if all(len(g) > len(e) for g, e in zip(got, expected)):
        starts = [g[: len(e)] for g, e in zip(got, expected)]
        ends = [g[-len(e) :] for g, e in zip(got, expected)]
        for cut, place in ((starts, "end"), (ends, "start")):
            if difference(cut, expected, rtol) is None:
                return f"there are too many values at the {place}."
    lengths = {len(one) for one in [*got, *expected]}
    if len(lengths) > 1:
        return None
    [count] = lengths
    for k in range(count):
        parts = [g[k] for g in got], [e[k] for e in expected]
        if difference(*parts, rtol) is not None:
            part = arguments.part_of(solution, k)
            said = recognised(*parts, part, inputs, rtol)
            return said and (f"value {k + 1}: {said}" if count > 1 else said)
    return None


def _as_a_whole(got, expected, rtol):
    """A slip that turns right numbers into these, whatever the arguments are."""
    for sentence, spoil in _spoilt(max(e.ndim for e in expected), _are_truths(expected)):
        try:
            with np.errstate(all="ignore"):
                spoiled = [np.asarray(spoil(e)) for e in expected]
        except (ValueError, IndexError):  # it has too few axes
            continue
        if difference(got, spoiled, rtol) is None:
            return sentence
    shapes = [(g.shape, e.shape) for g, e in zip(got, expected) if g.shape != e.shape]
    if any(g.size != e.size for g, e in zip(got, expected)):
        return None
    if shapes and not difference([g.ravel() for g in got], [e.ravel() for e in expected], rtol):
        return "the numbers are right, but their shape is {} instead of {}.".format(*shapes[0])
    in_order = [[np.sort(one.ravel()) for one in some] for some in (got, expected)]
    if any(e.size > 1 and np.ptp(e) > 0 for e in expected) and not difference(*in_order, rtol):
        if not _are_truths(expected):
            return "the numbers are the right ones, but not in the right places."
    return None if shapes else _at_an_end(got, expected, rtol)


def _spoilt(axes, truths):
    """(sentence, what it makes of the right numbers)."""
    if truths:
        yield "it is the other way round: True and False are exchanged.", lambda e: 1 - e
    yield "the sign of the whole is turned round.", lambda e: -e
    yield "it is twice as large as it should be.", lambda e: 2 * e
    yield "it is half as large as it should be.", lambda e: e / 2
    yield "it is the square of what is asked for: take its root.", lambda e: e**2
    yield "it is the root of what is asked for: square it.", lambda e: e**0.5
    yield "it is upside down: 1 over what is asked for.", lambda e: 1 / e
    yield "it is what is missing to 1: 1 minus what is asked for.", lambda e: 1 - e
    yield "it is off by one: 1 too large.", lambda e: e + 1
    yield "it is off by one: 1 too small.", lambda e: e - 1
    yield "it is the logarithm of what is asked for.", np.log
    yield "the logarithm is missing.", np.exp
    yield "it is transposed: two axes are exchanged.", lambda e: e.swapaxes(-1, -2)
    yield "it is one number for all: each has its own.", lambda e: e.mean()
    yield "it is one sum over everything: each has its own.", lambda e: e.sum()
    for axis in range(axes):
        where = f"axis {axis}"
        yield f"it is in reverse order along {where}.", lambda e, k=axis: np.flip(e, k)
        for by in (1, -1):
            yield f"it is shifted by one along {where}.", lambda e, k=axis, by=by: np.roll(e, by, k)
        yield f"it is averaged over {where}.", lambda e, k=axis: e.mean(k)
        yield f"it is summed over {where}.", lambda e, k=axis: e.sum(k)


def _are_truths(expected):
    return all(np.isin(e, (0, 1)).all() for e in expected) and any(e.ndim for e in expected)


def _at_an_end(got, expected, rtol):
    """Right but for the first or the last along an axis."""
    for axis in range(min(e.ndim for e in expected)):
        for place, inner in (("first", slice(1, None)), ("last", slice(-1))):
            cut = (slice(None),) * axis + (inner,)
            if all(e[cut].size for e in expected):
                if not difference([g[cut] for g in got], [e[cut] for e in expected], rtol):
                    return f"only the {place} along axis {axis} is wrong."
    return None


def _with_arguments(got, solution, parameters, inputs, rtol):
    """A slip that is the solution with its arguments exchanged, changed or left out."""
    few = _are_truths(got)  # many a slip gives the same few truths
    for sentence, change in arguments.changes(parameters, inputs(), coarse=few):
        changed = outputs(solution, [change(args) for args in inputs()])
        broken = any(isinstance(one, Raised) for one in changed)
        if not broken and difference(got, changed, rtol) is None:
            return sentence
    return None


def _in_a_factor(got, expected, solution, parameters, inputs, rtol):
    """One term, or everything, multiplied by what it should not be."""
    if any(g.shape != e.shape for g, e in zip(got, expected)):
        return None
    known = [arguments.numbers(parameters, args) for args in inputs()]
    found = _factor(got, expected, known, rtol)
    if found is not None:
        return f"all of it {found}."
    terms = {}
    for name, without in arguments.left_out(parameters, inputs()):
        rest = outputs(solution, [without(args) for args in inputs()])
        if any(getattr(r, "shape", None) != e.shape for r, e in zip(rest, expected)):
            continue
        apart = [[one - r for one, r in zip(some, rest)] for some in (got, expected)]
        if not all(np.isfinite(part).all() for some in apart for part in some):
            continue
        terms[name] = apart[1]
        if (found := _factor(*apart, known, rtol)) is not None:
            return f"the term with `{name}` {found}."
    for pair in itertools.combinations(terms, 2):
        wrong = [g - e for g, e in zip(got, expected)]
        if _spanned(wrong, [terms[name] for name in pair], expected, rtol):
            return "the parts are right, but `{}` and `{}` have the wrong factors.".format(*pair)
    return None


def _factor(got, right, known, rtol):
    """What multiplies the right numbers, in words; None where it is no factor, input by input."""
    fits = [(_fit(g, r, rtol), r, names) for g, r, names in zip(got, right, known)]
    fits = [found for found in fits if found[0] is not ...]  # nought has any factor
    if not fits or any(factor is None for factor, _, _ in fits):
        return None
    factors = [factor for factor, _, _ in fits]
    first = factors[0].flat[0]
    same = all(np.allclose(factor, first, rtol=10 * rtol, atol=10 * rtol) for factor in factors)
    if same and len(factors) + len(factors[0]) > 2:
        named = next((word for c, word in _NAMED.items() if abs(first - c) < 10 * rtol), None)
        return named or f"is {first:.3g} times what it should be"
    for name, (power, words) in itertools.product(known[0], _POWERS.items()):
        for sign, verb in ((1, "has {} as a factor too much"), (-1, "lacks {} as a factor")):
            with np.errstate(all="ignore"):
                wanted = [names.get(name, np.nan) ** (sign * power) for _, _, names in fits]
            if all(_match(f, w, rtol) for f, w in zip(factors, wanted)):
                return verb.format(words.format(name))
    # any number is another one times some factor: it takes several to see one
    several = all(np.count_nonzero(r) > factor.size for factor, r, _ in fits)
    return "has the wrong factor" if several else None


def _fit(got, right, rtol):
    """The factor from right to got, one for all or one a row; None if none; ... if right is 0."""
    scale = max(np.abs(got).max(initial=0), np.abs(right).max(initial=0))
    if not np.abs(right).max(initial=0) > 0:
        return ... if scale == 0 else None
    for rows in (1, len(right)) if right.ndim > 1 and right[0].size > 1 else (1,):
        g, r = got.reshape(rows, -1), right.reshape(rows, -1)
        with np.errstate(all="ignore"):
            factor = (g * r).sum(1) / (r * r).sum(1)
            fits = np.allclose(g, factor[:, None] * r, rtol=0, atol=rtol * scale)
        if fits and (r.size > rows or rows == 1):
            return factor
    return None


def _match(factor, wanted, rtol):
    wanted = np.ravel(wanted)
    return len(wanted) in (1, len(factor)) and np.allclose(factor, wanted, rtol=20 * rtol)


def _spanned(wrong, terms, expected, rtol):
    """Whether what is wrong is a sum of these terms, each times a number, on every input."""
    for k, part in enumerate(wrong):
        columns = np.stack([term[k].ravel() for term in terms], 1)
        if len(columns) < 4:
            continue
        fitted = columns @ np.linalg.lstsq(columns, part.ravel(), rcond=None)[0]
        scale = np.abs(expected[k]).max(initial=0)
        if not np.allclose(fitted, part.ravel(), rtol=0, atol=10 * rtol * scale):
            return False
    return any(part.size > 3 for part in wrong)
