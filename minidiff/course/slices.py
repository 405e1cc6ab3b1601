"""What a cell needs of the cells around it: a slice of a notebook by names.

An answer may use helpers, imports and values from other cells, the lesson's among them. A name means
what its last definition above says; where there is none, one below, for cells can be run in any order.
"""

import ast
import builtins
import re
import symtable
from dataclasses import dataclass
from types import CodeType

from IPython.core.inputtransformer2 import TransformerManager

MOST_CELLS, LONGEST_CELL = 1000, 20_000  # cells, characters: more is nobody's lesson
_END = 10**9
_IMPORTS, _NOT_YET_RUN = ast.Import | ast.ImportFrom, ast.FunctionDef | ast.AsyncFunctionDef
_SURE = _IMPORTS | _NOT_YET_RUN | ast.ClassDef | ast.Assign | ast.AnnAssign


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell, and the names that it has to do with.

    binds: what it defines whatever was there before, `changes`: what it may define or changes in place.
    reads: what it needs when it is run, `later`: what its functions need when they are called.
    """

    node: ast.stmt
    code: CodeType
    binds: frozenset
    changes: frozenset
    reads: frozenset
    later: frozenset


class Notebook:
    """The statements of a hand-in's cells, and of its lesson's, by name.

    cells, lesson: sources. known: the names that are there before any cell is run.
    """

    def __init__(self, cells, lesson, known):
        both = enumerate((lesson[:MOST_CELLS], cells[:MOST_CELLS]))
        self._statements = {
            (part, at, i): statement
            for part, sources in both
            for at, source in enumerate(sources)
            for i, statement in enumerate(statements(source))
        }
        self._known = {*known, *dir(builtins)}
        self._places = {}
        found_all = self._statements.values()
        imported = [found.binds for found in found_all if isinstance(found.node, _IMPORTS)]
        # What is called on a module, `torch.manual_seed(0)`, does not make the module another one.
        modules = self._known.union(*imported)
        for place, found in self._statements.items():
            for name in found.binds | (found.changes - modules):
                self._places.setdefault(name, []).append(place)

    def needed(self, at, source):
        """Statements as code, in the order to run them, before the cell number `at`, of this source."""
        end, chosen, asked = (1, at, _END), set(), set()
        wanted = [(name, end) for name in _wanted(statements(source))]
        while wanted:
            name, before = wanted.pop()
            if (name, before) in asked:
                continue
            asked.add((name, before))
            for place in self._givers(name, before, at):
                found = self._statements[place]
                chosen.add(place)
                wanted += [(other, place) for other in found.reads | found.later]
                wanted += [(other, end) for other in found.later]
        return [self._statements[place].code for place in sorted(chosen)]

    def _givers(self, name, before, at):
        """Where `name` is defined for who stands at `before`, and changed after that."""
        places = self._places.get(name)
        if places is None and name not in self._known:
            places = self._places.get("*", [])  # `from math import *`
        places = places or []
        own = [place for place in places if place[0] == 1 and place[1] != at]
        above = [place for place in own if place < before]
        if above or name in self._known:
            return self._from_last(name, above)
        return self._from_last(name, own or [place for place in places if place[0] == 0])

    def _from_last(self, name, places):
        binding = [i for i, place in enumerate(places) if name in self._statements[place].binds]
        return places[binding[-1] :] if binding else places


def statements(source):
    """The Statements of a cell; none where it is no Python, as then nothing of it can be run."""
    if len(source) > LONGEST_CELL:
        return []
    try:
        timed = re.sub(r"\A%%(time|capture)\b.*\n", "", source)
        tree = ast.parse(TransformerManager().transform_cell(timed))
        return [_statement(node) for node in tree.body]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _statement(node):
    table = symtable.symtable(ast.unparse(node), "cell", "exec")
    bound = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
        bound = {"*"}
    changed = set() if isinstance(node, _NOT_YET_RUN) else set(_changed_in_place(node))
    reads = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    sure = bound if isinstance(node, _SURE) else set()
    code = compile(ast.Module([node], []), "<another cell>", "exec")
    names = sure, (bound | changed) - sure, reads | changed, _later(table)
    return Statement(node, code, *map(frozenset, names))


def _later(table):
    """The global names that functions in a table of symbols read."""
    names = set()
    for child in table.get_children():
        names |= {s.get_name() for s in child.get_symbols() if s.is_global()} | _later(child)
    return names


def _changed_in_place(node):
    """Names whose value a statement changes: `x[0] = 1`, `x.a = 1`, `x.append(1)`, `del x`."""
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript | ast.Attribute) and not isinstance(part.ctx, ast.Load):
            yield from _root(part)
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            if isinstance(part.value.func, ast.Attribute):
                yield from _root(part.value.func)


def _root(node):
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return [node.id] if isinstance(node, ast.Name) else []


def _wanted(cell):
    """What a cell's Statements need of other cells: what they do not define themselves in time."""
    wanted, bound = set(), set()
    for found in cell:
        wanted |= found.reads - bound
        bound |= found.binds
    return wanted | set().union(*(found.later for found in cell)) - bound


def called(answer, source, names):
    """The library's function that `answer` is, or that is all it calls, dotted; None if it does more.

    source: the answer's cell. names: what its names stand for.
    """
    if (library := _in_library(answer)) is not None:
        return library
    for found in statements(source):
        match found.node:
            case ast.FunctionDef(name=name, body=[*doc, ast.Return(ast.Call(func=function))]):
                if name != getattr(answer, "__name__", "") or not _is_text(doc):
                    continue
            case ast.Assign(value=ast.Lambda(body=ast.Call(func=function))):
                pass
            case _:
                continue
        first, *parts = ast.unparse(function).split(".")
        value = names.get(first)
        for part in parts:
            value = getattr(value, part, None)
        return _in_library(value)
    return None


def _is_text(body):
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


def _in_library(value):
    value = getattr(value, "func", value)  # of a partial
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    return f"{module}.{name}" if name and str(module).startswith("minidiff.") else None
