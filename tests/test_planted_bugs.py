"""The tests are tested: each bug planted in a copy of the library fails a test of its room."""

import pytest
from planted_bugs import BUGS, Copy


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    with Copy(tmp_path_factory.mktemp("copy")) as copy:
        yield copy


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_is_found_by_a_test_that_passes_without_it(copy, bug):
    failed = copy.failing(f"tests/{bug.test}", bug)
    assert failed
    assert copy.failing(failed) is None
