"""Checks refuse wrong answers, made by rule: a few of each exercise; bench/checks.py tries them all."""

import inspect
import sys
import warnings
from collections import Counter
from pathlib import Path

import pytest
from answer_mutants import mutants

from minidiff.course.exercises import all_exercises

sys.path.insert(0, str(Path(__file__).parent / "bench"))
import checks  # noqa: E402 (it lies there)

# without a time limit here, no version may run for ever
ALL = [ex for ex in all_exercises() if "while " not in inspect.getsource(ex.solution)]


@pytest.mark.parametrize("lesson", sorted({ex.name[:2] for ex in ALL}))
def test_wrong_versions_are_refused(lesson):
    with warnings.catch_warnings(action="ignore"):  # a wrong version may do odd things
        tried = list(checks.tried([ex for ex in ALL if ex.name[:2] == lesson], each=3))
    accepted = [
        f"{ex.name} {mutant.what}"
        for ex, mutant, kind, _, reason in tried
        if kind == checks.ACCEPTED and not reason
    ]
    assert len(tried) >= 9 and not accepted


def test_a_mutant_is_the_source_with_one_slip():
    [ex] = [ex for ex in ALL if ex.name == "01.2"]
    made = {mutant.what: mutant for mutant in mutants(ex)}
    assert len(made) == len(mutants(ex)) >= 20
    dropped = made["1 - alpha_bar -> 1"]
    assert dropped.kind == "term"
    assert dropped.source.endswith("return alpha_bar ** 0.5 * x0 + 1 ** 0.5 * eps")


def test_every_solution_has_twenty_wrong_versions():
    assert {ex.name: n for ex in all_exercises() if (n := len(mutants(ex))) < 20} == {}


def test_what_is_accepted_with_a_reason_is_still_made():
    """No reason for a version that the rules make no more."""
    known = checks.reasons()
    made = {ex.name: {mutant.what for mutant in mutants(ex)} for ex in all_exercises()}
    stale = Counter(
        f"{name}: {what}" for name, some in known.items() for what in some if what not in made[name]
    )
    assert not stale
