"""What answers give, as data: run where the solution is not, sent as text, judged elsewhere."""

import pytest
import torch

from minidiff.course.exercises import all_exercises, grade, inputs_source, judge
from minidiff.course.exercises.answers import Raised, from_text, outputs, plain, to_text


@pytest.mark.parametrize("ex", all_exercises(), ids=lambda ex: ex.name)
def test_answers_can_be_run_where_the_solution_is_not(ex):
    """Inputs from their source alone, the outputs through text, and judged: as if all were here."""
    source, made = inputs_source(ex.name), {}
    functions = [ex.solution, *(mistake for mistake in ex.wrong if callable(mistake))]
    assert not [f.__name__ for f in functions if f.__name__ in source]
    exec(source, made)  # noqa: S102
    for answer in (ex.solution() if ex.is_value else ex.solution, next(iter(ex.wrong)), None):
        got = from_text(to_text(outputs(answer, made["inputs"]())))
        assert judge(ex.name, got) == grade(ex.name, answer)


def test_plain_outputs_survive_their_way_as_text():
    values = [torch.arange(6).view(2, 3), 7, True, "a\ud800", None, ..., {}, [1.5, ["x", ...]]]
    got = [*map(plain, values), Raised("KeyError", "'a'")]
    back = from_text(to_text(got))
    assert repr(back) == repr(got)
    assert [type(value).__name__ for value in back[:3]] == 3 * ["ndarray"]


@pytest.mark.parametrize(
    "text",
    [
        '{"floats": "AAAA", "shape": [1]}',
        '{"floats": "", "shape": ["a"]}',
        '{"floats": 1, "shape": []}',
        '{"raised": 1, "text": ""}',
        '{"other": []}',
        '{"a": 1}',
        "{",
    ],
)
def test_what_is_no_output_is_refused(text):
    with pytest.raises((ValueError, TypeError)):
        from_text(text)


@pytest.mark.parametrize("got", [[], [None], 7, None, [plain(1)] * 3])
def test_a_mark_needs_an_output_for_each_input(got):
    with pytest.raises(ValueError, match="exercise 01.2 has 4 inputs: got"):
        judge("01.2", got)
