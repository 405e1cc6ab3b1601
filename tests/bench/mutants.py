"""Change one thing in the library at random and see whether the tests of its own room notice.

    python tests/bench/mutants.py [--each 4] [--seed 0] [--jobs 1] [room ...]

A mutant has one operator, comparison, number, condition or argument that is not what it was. What
only words errors is left alone. First each room's tests run on the library as it is, which they must
pass. Prints each survivor with its line, and how many of how many were killed.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = {  # its own tests
    "schedules.py": ["schedules"],
    "denoiser.py": ["denoiser"],
    "guidance.py": ["guidance", "denoiser"],
    "samplers.py": ["samplers"],
    "model.py": ["model"],
    "sampling.py": ["sampling"],
    "checks.py": ["checks"],
    "files.py": ["files"],
    "nets": ["nets", "clip_nets"],
    "conditions": ["conditions", "clip_nets"],
    "codecs": ["codecs", "perceptual", "clip_nets"],
    "editing": ["editing", "photos", "clip_files"],
    "training": ["training", "checkpoints"],
    "recipes": ["recipes", "pretrained", "failures", "perceptual", "judge"],
    "evaluation": ["distances", "judge", "scene_judge", "memorisation", "clips"],
    "data": ["points", "mnist", "digit_captions", "scenes", "clips"],
    "pretrained": ["pretrained"],
    "cli": ["cli", "generate", "clip_files"],
    "notebook": ["viz", "widgets", "painting", "clip_files"],
    "course": ["lessons", "marking", "classroom", "site", "exercises"],
}
SWAPPED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or,
    ast.Or: ast.And, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def places(tree):
    """The nodes that can be changed: not in words, errors, annotations or decorators."""
    stack, found = [tree], []
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Raise, ast.JoinedStr, ast.ImportFrom, ast.Import)):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.AnnAssign):
            stack += [node.value] if node.value else []
            continue
        plain = isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in SWAPPED
        compared = isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED
        number = isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float))
        turned = isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub))
        called = isinstance(node, ast.Call) and any(k.arg for k in node.keywords)
        if plain or compared or number or turned or called or isinstance(node, ast.IfExp):
            found.append(node)
        stack += [child for child in ast.iter_child_nodes(node)]
    return found


def changed(node):
    """What stands in the node's place; the node itself is changed where that is enough."""
    if isinstance(node, (ast.BinOp, ast.BoolOp)):
        node.op = SWAPPED[type(node.op)]()
    elif isinstance(node, ast.Compare):
        node.ops[0] = SWAPPED[type(node.ops[0])]()
    elif isinstance(node, ast.Constant):
        value = node.value
        node.value = not value if isinstance(value, bool) else 2 * value if value else 1
    elif isinstance(node, ast.IfExp):
        node.body, node.orelse = node.orelse, node.body
    elif isinstance(node, ast.Call):
        node.keywords.remove(next(k for k in node.keywords if k.arg))
    return node.operand if isinstance(node, ast.UnaryOp) else node


def mutant(source, number):
    """The source with its place of that number changed, the line's number, and both its versions."""
    tree = ast.parse(source)
    target = places(tree)[number]
    before = copy.deepcopy(target)

    class Put(ast.NodeTransformer):
        def visit(self, node):
            return changed(node) if node is target else super().generic_visit(node)

    made = ast.fix_missing_locations(Put().visit(tree))
    after = next(n for n in [changed(copy.deepcopy(before))])
    return ast.unparse(made), target.lineno, f"{ast.unparse(before)}  ->  {ast.unparse(after)}"


def checkout(folder):
    """A copy of the library and its tests; what is large is linked."""
    heavy = {".safetensors", ".woff2", ".ttf"}
    for path in (ROOT / "minidiff").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            here = folder / path.relative_to(ROOT)
            here.parent.mkdir(parents=True, exist_ok=True)
            os.symlink(path, here) if path.suffix in heavy else shutil.copy(path, here)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("datasets", "notebooks", "pyproject.toml", "README.md"):
        os.symlink(ROOT / name, folder / name)


def passes(folder, tests, seconds=400):
    """Whether these tests pass there."""
    here = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    files = [f"tests/test_{name}.py" for name in tests]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-o", "addopts=-p no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *files], cwd=folder, env=here, capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def tried(room, each, seed):
    """Lines that say how `each` mutants of a room fared, and how many were killed."""
    files = sorted((ROOT / "minidiff" / room).rglob("*.py")) or [ROOT / "minidiff" / room]
    sources = {path: path.read_text(encoding="utf-8") for path in files}
    every = [
        (path, k) for path, text in sources.items() for k in range(len(places(ast.parse(text))))
    ]
    chosen = random.Random(f"{seed} {room}").sample(every, min(each, len(every)))
    lines, killed = [], 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        checkout(folder)
        if not passes(folder, ROOMS[room]):
            raise SystemExit(f"the tests of {room} fail on the library as it is")
        for path, number in chosen:
            text, line, what = mutant(sources[path], number)
            here = folder / path.relative_to(ROOT)
            here.write_text(text, encoding="utf-8")
            survives = passes(folder, ROOMS[room])
            here.write_text(sources[path], encoding="utf-8")
            killed += not survives
            if survives:
                lines.append(f"  {path.relative_to(ROOT)}:{line}: {what}")
    return room, killed, len(chosen), lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rooms", nargs="*", metavar="room", help=", ".join(ROOMS))
    parser.add_argument("--each", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    total = killed = 0
    with ThreadPoolExecutor(args.jobs) as pool:
        results = pool.map(lambda room: tried(room, args.each, args.seed), args.rooms or ROOMS)
        for room, dead, of, lines in results:
            print(f"{room}: {dead} of {of} killed", *lines, sep="\n", flush=True)
            total, killed = total + of, killed + dead
    print(f"{killed} of {total} killed")
    sys.exit(killed < 0.9 * total)


if __name__ == "__main__":
    main()
