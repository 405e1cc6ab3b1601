"""Any command line: a sentence or a result, never a traceback, and nothing changed by a failure."""

import pytest
from bench.commands import campaign


@pytest.mark.parametrize("seed", [1, 2])
def test_random_command_lines(seed):
    said = []
    seen = campaign(25, seed, say=lambda words, kinds: said.append((kinds, words)))
    wrong = [(kinds, words) for kinds, words in said if len(kinds) > 1]
    assert not wrong
    assert seen["exit 0"] > 2 and seen["exit 2"] > 2
