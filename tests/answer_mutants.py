"""Wrong versions of a reference solution, made by rule from its source.

Each is the solution with one slip: another operator or number, a term or a root lost, arguments or
alpha and sigma exchanged, a schedule ignored, an index off by one, a line forgotten.
"""

import ast
import copy
import inspect
import re
import textwrap
from dataclasses import dataclass

OPERATORS = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult], ast.BitAnd: [ast.BitOr], ast.BitOr: [ast.BitAnd],
    ast.And: [ast.Or], ast.Or: [ast.And],
}  # fmt: skip
COMPARISONS = {
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq],
}  # fmt: skip
OTHER = {"alpha": "sigma", "sigma": "alpha", "alpha_s": "sigma_s", "sigma_s": "alpha_s"}
CALLS = {  # what is taken for what
    "sum": "mean", "mean": "sum", "any": "all", "all": "any", "max": "min", "min": "max",
    "argmax": "argmin", "argmin": "argmax", "std": "var", "square": "abs", "abs": "square",
    "zeros": "ones", "ones": "zeros", "cat": "stack", "stack": "cat", "log2": "log", "ceil": "floor",
    "round": "int", "lower": "upper", "sqrt": "square", "norm": "sum", "softmax": "log_softmax",
    "view": "flatten", "chunk": "unbind", "repeat_interleave": "repeat", "diff": "cumsum",
}  # fmt: skip
SPOILT = [  # what a slip makes of the whole, for solutions in which little else can go wrong
    ("operator", "1 - ({})"), ("constant", "({}) + 1"), ("constant", "({}) - 1"),
    ("factor", "({}) / 2"), ("factor", "3 * ({})"), ("root", "({}) ** 2"), ("root", "({}) ** 0.5"),
    ("axis", "({}).mT"), ("axis", "({}).flip(0)"), ("axis", "({}).flip(-1)"),
    ("index", "({}).roll(1, 0)"), ("index", "({}).roll(1, -1)"), ("index", "({})[1:]"),
    ("index", "({})[:-1]"), ("index", "({})[:1]"), ("index", "({})[::-1]"), ("call", "({}).mean()"),
    ("call", "({}).sum(0)"), ("call", "({}).cumsum(0)"), ("call", "({}).abs()"), ("call", "({}).sort()[0]"),
    ("line", "[*({}), 0]"), ("line", "[0, *({})]"), ("operator", "not ({})"), ("call", "({}).sum()"),
]  # fmt: skip
FEW = 48
MEASURES = re.compile(r"(alpha|sigma|beta|std|share|ratio|scale)(_\w+)?")  # what slips a square
ROOTS = {"sqrt", "square"}
VALUES = [
    ("sign", lambda v: -v), ("factor", lambda v: 2 * v), ("factor", lambda v: v / 2),
    ("factor", lambda v: 3 * v), ("factor", lambda v: v / 3), ("factor", lambda v: 10 * v),
    ("root", lambda v: v**2), ("root", lambda v: abs(v) ** 0.5), ("operator", lambda v: 1 - v),
    ("operator", lambda v: 1 / v if v else 1), ("factor", lambda v: 1.01 * v), *(
        ("constant", lambda v, by=by: v + by)
        for by in (1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 7, -7, 10, -10, 0.5, -0.5, 20, 50, 100, 1000)
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A wrong version: the kind of its slip, what was changed into what, its source or its value."""

    kind: str
    what: str
    source: str


def mutants(ex):
    """Every wrong version of an exercise's solution that the rules make."""
    if ex.is_value:
        return _wrong_values(ex)
    tree = ast.parse(textwrap.dedent(inspect.getsource(ex.solution)))
    made = _changed(tree, lambda node: _slips(node, tree.body[0]))
    if len(made) < FEW:  # many only raise an error
        made += _changed(tree, _spoilt)
    return list({mutant.source: mutant for mutant in made}.values())


def _changed(tree, slips):
    made, seen = [], {ast.dump(tree)}
    for number, node in enumerate(ast.walk(tree)):
        for kind, slip in slips(node):
            changed = copy.deepcopy(tree)
            target = next(n for k, n in enumerate(ast.walk(changed)) if k == number)
            before, after = ast.unparse(target), slip(target)
            changed = ast.fix_missing_locations(_Put(target, after).visit(changed))
            if ast.dump(changed) not in seen:
                seen.add(ast.dump(changed))
                text = ast.unparse(after) if after else "nothing"
                where = "" if len(before) > 12 else f" in line {node.lineno}.{node.col_offset}"
                made.append(Mutant(kind, f"{before} -> {text}{where}", ast.unparse(changed)))
    return made


class _Put(ast.NodeTransformer):
    def __init__(self, target, after):
        self.target, self.after = target, after

    def visit(self, node):
        return self.after if node is self.target else super().generic_visit(node)


def _slips(node, function):
    """(kind, a function from the node to what stands in its place) for each slip possible there."""
    match node:
        case ast.BinOp():
            yield from _in_arithmetic(node)
        case ast.BoolOp():
            for op in OPERATORS[type(node.op)]:
                yield "operator", _set(op=op())
        case ast.Compare():
            for op in COMPARISONS.get(type(node.ops[0]), []):
                yield "comparison", _set(ops=[op(), *node.ops[1:]])
        case ast.IfExp():
            yield "condition", lambda n: n.body
            yield "condition", lambda n: n.orelse
        case ast.If():
            yield "condition", _set(test=ast.Constant(True))
            yield "condition", _set(test=ast.Constant(False))
        case ast.UnaryOp():
            yield "sign", lambda n: n.operand
        case ast.Constant(value=bool()):
            yield "constant", lambda n: ast.Constant(not n.value)
        case ast.Constant(value=int() | float()):
            for add in (1, -1):
                yield "constant", lambda n, add=add: ast.Constant(n.value + add)
            if node.value:
                yield "constant", lambda n: ast.Constant(2 * n.value)
        case ast.Call():
            yield from _in_a_call(node)
        case ast.Subscript(ctx=ast.Load()):
            yield "index", lambda n: n.value
        case ast.Slice(lower=None, step=None):
            yield "index", _set(lower=ast.Constant(1))
        case ast.Tuple(elts=[_, _]):
            yield "exchanged", lambda n: ast.Tuple(n.elts[::-1], n.ctx)
        case ast.Name(ctx=ast.Load()):
            yield from _in_a_name(node, function)
        case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Tuple):
            yield "sign", _set(value=ast.UnaryOp(ast.USub(), node.value))
            yield "factor", _set(value=ast.BinOp(ast.Constant(2), ast.Mult(), node.value))
        case ast.AugAssign() | ast.Assign() if node.col_offset > 4:
            yield "line", lambda n: ast.Pass()
        case ast.For():
            yield "line", _set(body=node.body[:1])


def _spoilt(node):
    if isinstance(node, ast.Return):
        for kind, how in SPOILT:
            yield (
                kind,
                lambda n, how=how: ast.parse(f"return {how.format(ast.unparse(n.value))}").body[0],
            )


def _set(**fields):
    def change(node):
        changed = copy.copy(node)
        for name, value in fields.items():
            setattr(changed, name, value)
        return changed

    return change


def _in_arithmetic(node):
    for op in OPERATORS.get(type(node.op), []):
        yield "operator", _set(op=op())
    kind = {ast.Pow: "root", ast.Add: "term", ast.Sub: "term"}.get(type(node.op), "factor")
    yield kind, lambda n: n.left
    if not isinstance(node.op, ast.Pow):
        yield kind, lambda n: n.right
    if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult)):
        yield "exchanged", lambda n: ast.BinOp(n.right, n.op, n.left)
    for side in ("left", "right"):
        operand = getattr(node, side)
        if isinstance(operand, ast.Name) and MEASURES.fullmatch(operand.id):
            power = ast.BinOp(operand, ast.Pow(), ast.Constant(2))
            yield "root", _set(**{side: power})


def _in_a_call(node):
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if called and not isinstance(node.func.value, ast.Name):
        yield "root" if called in ROOTS else "call", lambda n: n.func.value
    elif len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
        yield "root" if called in ROOTS else "call", lambda n: n.args[0]
    if isinstance(node.func, ast.Name) and node.func.id == "schedule":
        for other in ("cosine", "flow"):
            yield "schedule ignored", _set(func=ast.Name(other, ast.Load()))
        yield "alpha for sigma", lambda n: ast.parse(f"{ast.unparse(n)}[::-1]", mode="eval").body
    if called in CALLS:
        other = ast.Attribute(node.func.value, CALLS[called], ast.Load())
        yield "call", _set(func=other)
    if isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield "call", _set(func=ast.Name(CALLS[node.func.id], ast.Load()))
    if len(node.args) > 1:
        yield "argument", _set(args=[node.args[1], node.args[0], *node.args[2:]])
    if node.keywords:
        yield "argument", _set(keywords=node.keywords[1:])
    if isinstance(node.func, ast.Name) and node.func.id == "range":
        for by in (1, -1):
            last = ast.BinOp(node.args[-1], ast.Add(), ast.Constant(by))
            yield "index", _set(args=[*node.args[:-1], last])


def _in_a_name(node, function):
    local = [arg.arg for arg in function.args.args]
    stored = [n.id for n in ast.walk(function) if isinstance(n, ast.Name)]
    local += [n for n in stored if n not in local]
    known = dict.fromkeys(local)
    if OTHER.get(node.id) in known:
        yield "alpha for sigma", lambda n: ast.Name(OTHER[n.id], n.ctx)
    if f"{node.id}_s" in known:
        yield "time", lambda n: ast.Name(f"{n.id}_s", n.ctx)
    parameters = [arg.arg for arg in function.args.args]
    if node.id in parameters:
        at = parameters.index(node.id)
        for other in {parameters[at - 1], parameters[(at + 1) % len(parameters)]} - {node.id}:
            yield "argument", lambda n, other=other: ast.Name(other, n.ctx)


def _wrong_values(ex):
    """Other numbers or words than the right ones; a list of numbers is wrong in one at a time."""
    right = ex.solution()
    if isinstance(right, str):
        words = re.findall(r"[a-z]+", ex.task.lower())
        spelled = [right.upper(), right[:-1], right[::-1], right * 2, ""]
        wrong = [("word", word) for word in dict.fromkeys([*spelled, *words]) if word != right]
        return [Mutant(kind, f"{right} -> {word!r}", repr(word)) for kind, word in wrong[:20]]
    several = [right] if isinstance(right, (int, float)) else list(right)
    made = {}
    for at, value in enumerate(several):
        for kind, change in VALUES:
            wrong = [*several[:at], change(value), *several[at + 1 :]]
            wrong = wrong[0] if isinstance(right, (int, float)) else wrong
            if wrong != right and (isinstance(wrong, (int, float)) or tuple(wrong) != right):
                made.setdefault(repr(wrong), kind)
    if len(several) > 1:
        made.setdefault(repr(several[::-1]), "exchanged")
    return [Mutant(kind, f"{right} -> {wrong}", wrong) for wrong, kind in made.items()]
