"""Slips are recognised by the numbers that they give, and named in one sentence."""

import pytest
import torch

from minidiff.course.exercises.answers import difference, outputs
from minidiff.course.exercises.slips import recognised
from minidiff.schedules import cosine, flow


def noised(x0, eps, alpha, sigma):
    return alpha * x0 + sigma * eps


def stepped(denoise, schedule, x, t, s):
    (alpha, sigma), (alpha_s, sigma_s) = schedule(t), schedule(s)
    x0_hat = denoise(x, t)
    return alpha_s * x0_hat + sigma_s * (x - alpha * x0_hat) / sigma


def both(x, scale):
    return x * scale, x + scale


def _draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _noised():
    return [(*_draw(2, n, 2), *level) for n, level in ((5, (0.8, 0.6)), (3, (0.7, 0.3)))]


def _stepped():
    def denoise(x, t):
        return torch.tanh(x) * (1 - t)

    return [
        (denoise, schedule, _draw(4, 2), torch.tensor(0.7), torch.tensor(0.3))
        for schedule in (cosine, flow)
    ]


def _value(number):
    return lambda: number


def said(solution, inputs, wrong, rtol=1e-4):
    got, expected = outputs(wrong, inputs()), outputs(solution, inputs())
    assert difference(got, expected, rtol)
    return recognised(got, expected, solution, inputs, rtol)


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda x0, eps, a, s: -a * x0 - s * eps, "the sign of the whole"),
        (lambda x0, eps, a, s: 2 * (a * x0 + s * eps), "twice as large"),
        (lambda x0, eps, a, s: (a * x0 + s * eps) ** 2, "the square of what is asked"),
        (lambda x0, eps, a, s: (a * x0 + s * eps).mT, "transposed"),
        (lambda x0, eps, a, s: (a * x0 + s * eps).flatten(), "their shape is (10,) instead of (5"),
        (lambda x0, eps, a, s: (a * x0 + s * eps).flip(0), "reverse order along axis 0"),
        (lambda x0, eps, a, s: (a * x0 + s * eps).roll(1, 0), "shifted by one along axis 0"),
        (lambda x0, eps, a, s: (a * x0 + s * eps).mean(1), "averaged over axis 1"),
        (lambda x0, eps, a, s: s * x0 + a * eps, "are exchanged"),
        (lambda x0, eps, a, s: a * x0 - s * eps, "the sign of `eps` is wrong"),
        (lambda x0, eps, a, s: a * x0, "`eps` plays no part, or its term is missing"),
        (lambda x0, eps, a, s: a * x0 + eps, "`sigma` plays no part, as if it were 1"),
        (lambda x0, eps, a, s: a * x0 + s**0.5 * eps, "`sigma` counts as its root"),
        (lambda x0, eps, a, s: a * x0 + a * s * eps, "`eps` has `alpha` as a factor too much"),
        (lambda x0, eps, a, s: a * x0 + 3 * s * eps, "`eps` is 3 times what it should be"),
        (lambda x0, eps, a, s: a * x0 + (s + 0.1) * eps, "`eps` has the wrong factor"),
        (lambda x0, eps, a, s: s**2 * x0 + a * s * eps, "`x0` and `eps` have the wrong factors"),
        (lambda x0, eps, a, s: a * (a * x0 + s * eps), "all of it has `alpha` as a factor too"),
        (lambda x0, eps, a, s: a * x0.sin() + s * eps, None),
    ],
)
def test_a_slip_in_a_formula(wrong, words):
    found = said(noised, _noised, wrong)
    assert found is None if words is None else words in found


def test_a_slip_in_a_step():
    def with_one(change):
        return lambda denoise, schedule, x, t, s: stepped(*change(denoise, schedule, x, t, s))

    for change, words in [
        (lambda d, c, x, t, s: (d, c, x, s, t), "`t` and `s` are exchanged"),
        (lambda d, c, x, t, s: (d, cosine, x, t, s), "not always cosine"),
        (lambda d, c, x, t, s: (d, lambda t: c(t)[::-1], x, t, s), "alpha and sigma are exchanged"),
        (lambda d, c, x, t, s: (lambda x, _: d(x, s), c, x, t, s), "`denoise` is always asked at"),
        (lambda d, c, x, t, s: (lambda x, t: -d(x, t), c, x, t, s), "`denoise` says has the wrong"),
    ]:
        assert words in said(stepped, _stepped, with_one(change))


def test_a_slip_in_one_of_several_values():
    def inputs():
        return [(_draw(3), 2.0), (_draw(4), 0.5)]

    assert said(both, inputs, lambda x, k: both(x, k)[::-1]) == (
        "the values are right, but in reverse order."
    )
    assert said(both, inputs, lambda x, k: (x * k, x - k)).startswith("value 2: the sign of")
    assert said(both, inputs, lambda x, k: (x * k,)) == "the last value is missing."
    assert "too many values at the end" in said(both, inputs, lambda x, k: (*both(x, k), x))


def test_of_values_only_what_does_not_give_a_choice_away():
    for right, wrong, words in ((20, 40, "twice"), (39, 40, "1 too large"), (4, 8, None)):
        found = said(_value(right), lambda: [()], wrong)
        assert (found is None) if words is None else words in found


def test_no_loop_is_given_arguments_that_it_may_never_end_with():
    def covered(total, step):
        at = 0
        while at < total:
            at += step
        return at

    inputs = lambda: [(10, 3), (7, 2)]  # noqa: E731
    assert said(covered, inputs, lambda total, step: total // step) is None


def test_some_calls_may_leave_an_argument_to_its_default():
    def scaled(x, scale=3.0):
        return scale * x

    def inputs():
        return [(_draw(3), 2.0), (_draw(4),)]

    assert said(scaled, inputs, lambda x, scale=3.0: scale * x.sin()) is None
    assert "`x`" in said(scaled, inputs, lambda x, scale=3.0: scale * x**2)
