"""The tests are tested: each bug planted in a copy of the library fails the tests of its room."""

import pytest
from planted_bugs import BUGS, found


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_is_found(bug):
    assert found(bug, f"tests/{bug.test}")
