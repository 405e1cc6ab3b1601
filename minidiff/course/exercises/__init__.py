"""Exercises: one declaration gives the stub, the task, the hint, the check and the marks.

A lesson's module (`minidiff/course/exercises/lesson01.py`) holds plain functions, the solution and the
typical mistakes, and one call of `exercise` for each exercise. Everything else is derived.
"""

import ast
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ...errors import UserError
from .answers import difference, outputs
from .slips import recognised

__all__ = ["all_exercises", "cell_source", "check", "exercise", "grade", "hint", "solution"]

CORRECT, NOT_YET, NOT_ATTEMPTED = "correct", "not yet", "not attempted"
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
    sick: Callable | None = None

    @property
    def is_value(self):
        """A solution without parameters asks for a value (a prediction), not for a function."""
        return not inspect.signature(self.solution).parameters

    @property
    def stub(self):
        """The code a learner starts from: it runs, and is reported as not attempted."""
        if self.is_value:
            return f"{self.solution.__name__} = ...  # your answer here"
        if self.sick:
            return self.sick_source
        return f"{self.head}    return ...  # your code here"

    @property
    def sick_source(self):
        """The code to be mended, under the name that the mended one is to have."""
        source = inspect.getsource(self.sick).rstrip()
        return source.replace(f"def {self.sick.__name__}(", f"def {self.solution.__name__}(", 1)

    @property
    def head(self):
        """The solution's first line and what it says of itself."""
        name, doc = self.solution.__name__, inspect.getdoc(self.solution)
        head = f"def {name}{inspect.signature(self.solution)}:\n"
        if doc:
            head += "\n".join(f"    {ln}".rstrip() for ln in f'"""{doc}"""'.splitlines()) + "\n"
        return head

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


def exercise(
    name, *, level, task, solution, hint, wrong, inputs=lambda: [()], rtol=1e-4, sick=None
):
    """Declares an exercise in a lesson's module.

    name "LL.N": lesson and number. level 1 to 3. task, hint: markdown, a sentence or two.
    solution: a function; without parameters it stands for a plain value, such as a prediction.
    inputs: a callable that returns a list of argument tuples. It is called afresh for every run,
    so that a generator is never used up and an in-place edit reaches no other run.
    wrong: {function or value: the one sentence that says what is wrong with it}.
    rtol: tolerance relative to the largest expected number of an array.
    sick: a function with a fault, the learner's start in place of an empty one.
    """
    if not re.fullmatch(r"\d\d\.\d+", name):
        raise ValueError(f'exercise: name must look like "01.2" (lesson.number), got {name!r}.')
    if level not in (1, 2, 3):
        raise ValueError(f"exercise {name}: level must be 1, 2 or 3, got {level!r}.")
    new, old = (
        Exercise(name, level, task, solution, inputs, hint, wrong, rtol, sick),
        _declared.get(name),
    )
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
        raise UserError(f"No exercise is called {name!r}; there are: {known}.")
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
    return judge(name, outputs(answer, find(name).inputs()[:inputs]), inputs)


def judge(name, got, inputs=None):
    """Marks what an answer gave, as `outputs` returns it, on its first so many inputs; a Result.

    The answer itself is not needed: it may have been run elsewhere. ValueError where `got` does
    not hold one output for each input.
    """
    ex = find(name)
    expected = outputs(ex.solution, ex.inputs()[:inputs])
    if not isinstance(got, list) or len(got) != len(expected):
        raise ValueError(f"exercise {name} has {len(expected)} inputs: got {got!r:.80}.")
    if any(_untouched(out) for out in got):
        return Result(NOT_ATTEMPTED, "")
    if any(out is None for out in got):
        said = "it returns nothing: end with a `return`, not with a print"
        return Result(NOT_ATTEMPTED, said)
    problem = difference(got, expected, ex.rtol)
    if problem and ex.sick and not difference(got, outputs(ex.sick, ex.inputs()[:inputs]), ex.rtol):
        return Result(NOT_ATTEMPTED, "it still does what the sick code does.")
    if problem is None:
        return Result(CORRECT, "that is it." if ex.is_value else "it agrees with the solution.")
    for mistake, sentence in ex.wrong.items():
        if difference(got, outputs(mistake, ex.inputs()[:inputs]), ex.rtol) is None:
            return Result(NOT_YET, sentence)
    slip = recognised(got, expected, ex.solution, lambda: ex.inputs()[:inputs], ex.rtol)
    return Result(NOT_YET, slip or problem)


def inputs_source(name):
    """Python that defines `inputs`, with no more of the lesson's module than that needs.

    So an answer can be run where the solution is not.
    """
    solution = find(name).solution
    tree = ast.parse(inspect.getsource(inspect.getmodule(solution)))
    calls = [node.value for node in tree.body if isinstance(node, ast.Expr)]
    [call] = [c for c in calls if isinstance(c, ast.Call) and c.args[0].value == name]
    given = [word.value for word in call.keywords if word.arg == "inputs"]
    inputs = ast.unparse(given[0]) if given else "lambda: [()]"
    needed, names = [], _names(ast.parse(inputs))
    while (found := [node for node in tree.body if _defined(node) & names]) != needed:
        needed, names = found, names.union(*map(_names, found))
    return "\n".join([*map(ast.unparse, needed), f"inputs = {inputs}"])


def _names(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _defined(node):
    """The names that a statement of a module defines by `def`, `import` or assignment."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return set().union(*map(_names, getattr(node, "targets", [])))


def _untouched(out):
    return out is ... or (isinstance(out, list) and any(x is ... for x in out))


def _order(name):
    lesson, number = name.split(".")
    return int(lesson), int(number)
