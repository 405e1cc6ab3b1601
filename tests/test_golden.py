"""Every shipped network still says what it said when it was shipped; see golden.py."""

import golden
import pytest
import torch


def test_every_shipped_network_has_its_stored_answer():
    assert sorted(golden.stored()) == sorted([*golden.names(), "renders"]), (
        "run python tests/golden.py"
    )


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
