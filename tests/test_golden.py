"""Every shipped network still says what it said when it was shipped; see golden.py."""

import golden
import pytest
import torch

from minidiff.course.exercises import all_exercises


def test_every_shipped_network_has_its_stored_answer():
    exercises = [f"exercise {each.name}" for each in all_exercises()]
    wanted = sorted([*golden.names(), "renders", *exercises])
    assert sorted(golden.stored()) == wanted, "run python tests/golden.py"


@pytest.mark.parametrize("name", golden.names())
def test_the_answer_is_the_stored_one(name):
    """Up to half precision and another processor's rounding."""
    wanted, found = golden.stored()[name], golden.answer(name)
    assert wanted.std() > 0.05  # a network that says nothing is held to nothing
    torch.testing.assert_close(found, wanted, rtol=2e-3, atol=3e-3)


@pytest.mark.parametrize("dtype, most", [("float16", 0.01), ("bfloat16", 0.06), ("float64", 2e-3)])
@pytest.mark.parametrize("name", golden.names())
def test_every_shipped_network_in_every_precision(name, dtype, most):
    wanted = golden.stored()[name]
    found = golden.answer(name, getattr(torch, dtype))
    assert (found - wanted).square().mean().sqrt() < most * wanted.std()
