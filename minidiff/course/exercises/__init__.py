"""Exercises: one declaration gives the stub, the task, the hint, the check and the marks.

A lesson's module (`minidiff/course/exercises/lesson01.py`) holds plain functions, the solution and the
typical mistakes, and one call of `exercise` for each exercise. Everything else is derived.
"""

import importlib.util
import inspect
import itertools
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

__all__ = ["all_exercises", "cell_source", "check", "exercise", "grade", "hint", "solution"]

CORRECT, NOT_YET, NOT_ATTEMPTED = "correct", "not yet", "not attempted"
_LONGEST_GENERATOR = 10_000  # an answer that yields for ever is cut here
_declared = {}


@dataclass(frozen=True)
class Exercise:
    """One exercise as declared; `task_source` and `cell_source` are its two notebook cells."""

    name: str
    level: int
    task: str
    solution: Callable
    inputs: Callable
    hint: str
    wrong: dict = field(default_factory=dict)
    rtol: float = 1e-4

    @property
    def is_value(self):
        """A solution without parameters asks for a value (a prediction), not for a function."""
        return not inspect.signature(self.solution).parameters

    @property
    def stub(self):
        """The code a learner starts from: it runs, and is reported as not attempted."""
        name, doc = self.solution.__name__, inspect.getdoc(self.solution)
        if self.is_value:
            return f"{name} = ...  # your answer here"
        head = f"def {name}{inspect.signature(self.solution)}:\n"
        if doc:
            head += "\n".join(f"    {ln}".rstrip() for ln in f'"""{doc}"""'.splitlines()) + "\n"
        return head + "    return ...  # your code here"

    @property
    def cell_source(self):
        return f'{self.stub}\n\ncheck("{self.name}", {self.solution.__name__})'

    @property
    def task_source(self):
        return f"**Exercise {self.name}** {'★' * self.level}{'☆' * (3 - self.level)} {self.task}"


@dataclass(frozen=True)
class Result:
    """A mark: `status` is "correct", "not yet" or "not attempted", `message` one sentence."""

    status: str
    message: str


@dataclass(frozen=True)
class _Raised:
    kind: str
    text: str


def exercise(name, *, level, task, solution, hint, wrong, inputs=lambda: [()], rtol=1e-4):
    """Declares an exercise in a lesson's module.

    name "LL.N": lesson and number. level 1 to 3. task, hint: markdown, a sentence or two.
    solution: a function; without parameters it stands for a plain value, such as a prediction.
    inputs: a callable that returns a list of argument tuples. It is called afresh for every run,
    so that a generator is never used up and an in-place edit reaches no other run.
    wrong: {function or value: the one sentence that says what is wrong with it}.
    rtol: tolerance relative to the largest expected number of an array.
    """
    if not re.fullmatch(r"\d\d\.\d+", name):
        raise ValueError(f'exercise: name must look like "01.2" (lesson.number), got {name!r}.')
    if level not in (1, 2, 3):
        raise ValueError(f"exercise {name}: level must be 1, 2 or 3, got {level!r}.")
    new, old = Exercise(name, level, task, solution, inputs, hint, wrong, rtol), _declared.get(name)
    # The same function again is a reloaded module; another one is a name given twice.
    if old and (old.solution.__module__, old.solution.__name__) != (
        solution.__module__,
        solution.__name__,
    ):
        raise ValueError(f"exercise {name} is declared twice, for {old.solution.__name__} too.")
    _declared[name] = new
    return new


def find(name):
    """The exercise called `name`; its lesson's module is imported on demand."""
    lesson = re.match(r"\d\d", str(name))
    module = f"{__name__}.lesson{lesson[0]}" if lesson else None
    if name not in _declared and module and importlib.util.find_spec(module):
        importlib.import_module(module)
    if name not in _declared:
        names = [ex.name for ex in all_exercises()]
        near = [known for known in names if known[:2] == str(name)[:2]]
        known = ", ".join(near or names) or "none yet"
        raise ValueError(f"No exercise is called {name!r}; there are: {known}.")
    return _declared[name]


def all_exercises():
    """Every exercise of every lesson's module, in order."""
    for module in pkgutil.iter_modules(__path__):
        if re.fullmatch(r"lesson\d\d", module.name):
            importlib.import_module(f"{__name__}.{module.name}")
    return [_declared[name] for name in sorted(_declared, key=_order)]


def check(name, answer):
    """Prints one line: whether `answer`, a function or a value, solves the exercise."""
    result = grade(name, answer)
    print(f"{name} {result.status}" + (f": {result.message}" if result.message else " yet"))


def hint(name):
    """Prints the exercise's hint."""
    print(find(name).hint)


def solution(name):
    """Prints the exercise's reference solution."""
    print(inspect.getsource(find(name).solution).rstrip())


def cell_source(name):
    """The source of the exercise's cell in its lesson: the stub, a blank line, the check."""
    return find(name).cell_source


def task_source(name):
    """The markdown above that cell: name, level as stars, task."""
    return find(name).task_source


def grade(name, answer, inputs=None):
    """Marks `answer` without printing, on its first so many inputs (default: all); a Result."""
    ex = find(name)
    got = _outputs(ex, answer, inputs)
    if any(_untouched(out) for out in got):
        return Result(NOT_ATTEMPTED, "")
    expected = _outputs(ex, ex.solution, inputs)
    problem = _first_problem(got, expected, ex.rtol)
    if problem is None:
        return Result(CORRECT, "that is it." if ex.is_value else "it agrees with the solution.")
    for mistake, sentence in ex.wrong.items():
        if _first_problem(got, _outputs(ex, mistake, inputs), ex.rtol) is None:
            return Result(NOT_YET, sentence)
    return Result(NOT_YET, problem)


def _order(name):
    lesson, number = name.split(".")
    return int(lesson), int(number)


def _outputs(ex, answer, inputs):
    """What `answer` gives on each of the first `inputs` inputs, exceptions included."""
    outputs = []
    for args in ex.inputs()[:inputs]:
        # Seeded, so that an answer that draws from torch's global generator can be compared too.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            try:
                outputs.append(_plain(answer(*args) if callable(answer) else answer))
            except NotImplementedError:
                outputs.append(None)
            except Exception as error:  # noqa: BLE001 (whatever a learner may raise is reported)
                outputs.append(_Raised(type(error).__name__, str(error)))
    return outputs


def _plain(value):
    """Tensors and numbers as arrays, sequences and generators as lists, the rest as it is."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().double().numpy()
    if isinstance(value, (bool, int, float, np.ndarray, np.generic)):
        return np.asarray(value)
    if isinstance(value, (tuple, list)) or inspect.isgenerator(value):
        return [_plain(item) for item in itertools.islice(value, _LONGEST_GENERATOR)]
    return value


def _untouched(out):
    return out is None or out is ... or (isinstance(out, list) and any(x is ... for x in out))


def _first_problem(got, expected, rtol):
    return next((p for g, e in zip(got, expected) if (p := _problem(g, e, rtol))), None)


def _problem(got, expected, rtol):
    """One sentence on how `got` departs from `expected`, or None."""
    if isinstance(got, _Raised):
        if isinstance(expected, _Raised) and got == expected:
            return None
        return f"it raised {got.kind}: {got.text.splitlines()[0] if got.text else 'no message'}"
    if isinstance(expected, _Raised):
        return "it returned a value where an error is expected."
    if isinstance(expected, list):
        if not isinstance(got, list):
            return f"it returned one value where a sequence of {len(expected)} is expected."
        if len(got) != len(expected):
            return f"it returned {len(got)} values where {len(expected)} are expected."
        return _first_problem(got, expected, rtol)
    if isinstance(expected, np.ndarray) and expected.dtype.kind in "biuf":
        if not isinstance(got, np.ndarray) or got.dtype.kind not in "biuf":
            kind = "sequence" if isinstance(got, list) else type(got).__name__
            return f"it returned a {kind} where a number or tensor is expected."
        if got.shape != expected.shape:
            return f"it returned shape {got.shape} where {expected.shape} is expected."
        if np.isnan(got).any() and not np.isnan(expected).any():
            return "it returned NaN: is there a division by zero or the root of a negative number?"
        got, expected = got.astype(float), expected.astype(float)
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
        if np.allclose(got, expected, rtol=0, atol=rtol * scale, equal_nan=True):
            return None
        with np.errstate(invalid="ignore"):  # infinite on both sides
            worst = np.nanmax(np.abs(got - expected))
        return f"it differs from the expected values by up to {worst:.3g}."
    # A value that answers a question says no more than this, or it would give the answer away.
    return None if type(got) is type(expected) and got == expected else "it is another value."
