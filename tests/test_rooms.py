"""The rooms of the library lie on floors: each imports only from rooms on floors below its own."""

import ast
from pathlib import Path

import minidiff

PACKAGE = Path(minidiff.__file__).parent
# A room is a file or a folder of `minidiff/`; "" is the package's own front, `__init__.py`.
FLOORS = [
    {"errors"},
    {"checks", "files", "threads"},
    {"schedules", "nets"},
    {"conditions"},
    {"denoiser", "codecs"},
    {"guidance", "rescaling", "samplers"},
    {"sampling", "data"},
    {"model", "training"},
    {"pretrained", "bridge"},
    {"editing", "evaluation"},
    {"recipes", "notebook"},
    {"studio"},
    {""},
    {"course"},
    {"cli"},
    {"__main__"},
]


def room_of(path):
    """The room that a file lies in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py").replace("__init__", "")


def imported(path):
    """The modules that a file imports, wherever in it, as full dotted names."""
    package = ("minidiff", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{module}.{name.name}" for name in node.names)


def arrows(paths):
    """Pairs (room, room that it imports from), for rooms of the library that differ."""
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")}
    for path in paths:
        for name in imported(path):
            if name.split(".")[0] == "minidiff":
                other = (name.split(".") + [""])[1]
                pair = room_of(path), other if other in rooms else ""
                if pair[0] != pair[1]:
                    yield pair


def test_every_room_has_a_floor():
    assert {room_of(path) for path in PACKAGE.rglob("*.py")} == set().union(*FLOORS)
    assert sum(map(len, FLOORS)) == len(set().union(*FLOORS))


def test_a_room_imports_only_from_below():
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    found = set(arrows(PACKAGE.rglob("*.py")))
    assert {pair for pair in found if floor[pair[1]] >= floor[pair[0]]} == set()


def test_imports_of_every_form_are_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    for room in ("one", "two", "three", "four"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
    file = tmp_path / "one" / "file.py"
    file.write_text(
        "import os, minidiff\nfrom . import other\nfrom .. import two\n"
        "def late():\n    from ..three.deep import thing\n    import minidiff.four\n"
    )
    assert set(arrows([file])) == {("one", room) for room in ("", "two", "three", "four")}
