"""What comes from people: taken as it is meant, or refused in one sentence."""

import numpy as np
import pytest
import torch

from minidiff.checks import check_count, check_number, check_prompts


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), torch.tensor(3)])
def test_whole_numbers_of_any_kind(value):
    assert check_count("n", value, 3) == 3 and type(check_count("n", value, 0)) is int


@pytest.mark.parametrize("value", [2, -3, 3.0, "3", None, True, np.bool_(True), [3], np.float64(3)])
def test_what_is_no_whole_number_from_three_on(value):
    with pytest.raises(ValueError) as refused:
        check_count("n", value, 3)
    assert str(refused.value) == f"n must be a whole number, at least 3, got {value!r}"


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), torch.tensor(0.5)])
def test_numbers_of_any_kind(value):
    assert check_number("w", value, 0, 1) == float(value)


@pytest.mark.parametrize(
    "value", [-1e-9, 1.001, float("nan"), 10**400, "0.5", None, True, [0.5], 1j]
)
def test_what_is_no_number_from_nought_to_one(value):
    with pytest.raises(ValueError) as refused:
        check_number("w", value, 0, 1)
    assert str(refused.value) == f"w must be a number from 0 to 1, got {value!r}"


def test_prompts_are_lists_and_samples_a_number():
    for several in ([3, 1], (3, 1), range(3, 0, -2), np.array([3, 1]), torch.tensor([3, 1])):
        assert check_prompts(several) == [3, 1]
    assert check_prompts(["a fox"]) == ["a fox"] and check_prompts([None]) == [None]
    assert check_prompts(2, takes_any=False) == check_prompts([None] * 2, takes_any=False)
    for alone in (3, "a fox", None, b"3", torch.tensor(3), 2.5):
        with pytest.raises(ValueError, match="prompts must be a list, one a picture, got"):
            check_prompts(alone)
    with pytest.raises(ValueError, match="takes no prompts, only how many, got"):
        check_prompts(["a fox", None], takes_any=False)
