"""Lessons as stored: they are clean, and each rule finds its breach."""

import copy

import nbformat
import pytest
from nbformat import v4

from minidiff.course import exercises, lessons
from minidiff.course.lint import _PROGRESS

PNG = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 640x360 with 1 Axes>"}
VIEW = {lessons.WIDGET: {"model_id": "1f", "version_major": 2, "version_minor": 0}}
SLIDER = VIEW | {"text/plain": "VBox(children=(FloatSlider(value=0.5, ..."}
BAR = VIEW | {"text/plain": "  0%|          | 0/3 [00:00<?, ?it/s]"}
TOP = "# 1 Noise\n\nYou will be able to draw it. You need lesson 00. It takes 10 minutes."


def code(source="1 + 1", *data, tags=(), text=None, hidden=False):
    outputs = [v4.new_output("display_data", d) for d in copy.deepcopy(data)]
    for out in outputs:
        if "image/png" in out.data:
            out.metadata["image/png"] = {"alt": f"What a cell draws in which {source} stands."}
    if text:
        outputs.append(v4.new_output("stream", name="stdout", text=text))
    metadata = {"tags": list(tags)} | ({"jupyter": {"source_hidden": True}} if hidden else {})
    return v4.new_code_cell(source, outputs=outputs, metadata=metadata)


def prose(source):
    return v4.new_markdown_cell(source)


def notebook(*cells):
    """A clean lesson, then `cells`."""
    start = [prose(TOP), prose("word " * 300), code("import torch", PNG, tags=["setup"])]
    start += [code(), code()]
    return lessons.normalise(v4.new_notebook(cells=start + list(cells)))


@pytest.fixture
def stored(tmp_path):
    """Stores a notebook and returns its path."""

    def store(nb, name="90_clean.ipynb"):
        path = tmp_path / name
        path.write_text(nbformat.writes(nb) + "\n", encoding="utf-8", newline="\n")
        return path

    return store


def found(path):
    return [text.removeprefix(f"{path.name}: ") for text in lessons.lint([path])]


@pytest.mark.parametrize("path", sorted(lessons.NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_every_stored_lesson_is_clean(path):
    assert found(path) == []


def test_the_sample_cell_is_the_same_in_all_lessons():
    assert [text for text in lessons.lint() if "sample" in text] == []


@pytest.mark.parametrize(
    "path", sorted(lessons.NOTEBOOKS.glob("0[1-5]*.ipynb")), ids=lambda p: p.stem
)
def test_a_lesson_has_a_live_control(path):
    outputs = [o for c in nbformat.read(path, as_version=4).cells for o in c.get("outputs", [])]
    views = [o.data["text/plain"] for o in outputs if lessons.WIDGET in o.get("data", {})]
    assert [text for text in views if not _PROGRESS.search(text)]


def test_a_clean_lesson_has_no_findings(stored):
    cells = [
        code("explore(draw)", PNG, SLIDER),
        code("train()", BAR, tags=["nbval-ignore-output"]),
        prose(r"A sum $a$ of \$5, `$HOME`, $$x$$ and ![noise](noise.png)."),
        code("sample()", tags=["sample"]),
    ]
    assert found(stored(notebook(*cells), "93_clean.ipynb")) == []


BREACHES = {
    "skipped by nbval": code("x", tags=["nbval-skip"]),
    "nbval-ignore-output without a progress bar": code("x", PNG, tags=["nbval-ignore-output"]),
    "26 lines of code, more than 25": code("x\n" * 26),
    "ends with ;": code("plt.plot();"),
    "interact is not stable": code("interact(draw, t=1)"),
    "absolute path in source": code("open('/home/me/x')"),
    "absolute path in output": code("p", text="/tmp/x.png\n"),
    "memory address in output": code("o", {"text/plain": "<object at 0x7f3a2b1c>"}),
    "prints True or False where a number belongs": code("print(a < b)", text="True\n"),
    "asserts outside a cell tagged `claim`": code("for x in y:\n    assert x"),
    "a claim that asserts nothing": code("x", tags=["claim"], hidden=True),
    "a claim with an output": code("assert x", text="0.1\n", tags=["claim"], hidden=True),
    "a claim that is not collapsed": code("assert x", tags=["claim"]),
    "widget without a still picture before it": code("explore(draw)", SLIDER, PNG),
    "picture without alt text": prose("![](noise.png)"),
    "picture inlined in markdown": prose("![noise](data:image/png;base64,iVBOR)"),
    "unbalanced $": prose("A price of $5."),
    "tag exercise-90.1 belongs to no declared exercise": code("x", tags=["exercise-90.1"]),
}


@pytest.mark.parametrize("finding", BREACHES)
def test_each_rule_finds_its_breach(stored, finding):
    [text] = found(
        stored(notebook(BREACHES[finding], code("sample()", tags=["sample"])), "92_breach.ipynb")
    )
    assert finding in text
    assert text.startswith(("tag", "cell 5: "))


def test_what_only_a_claim_defines_is_used_by_no_other_cell(stored):
    """Readers do not run claims."""
    claim = code("gap = a - b\nassert gap < 1", tags=["claim"], hidden=True)
    sample = code("sample()", tags=["sample"])
    for cells, said in [
        ((claim, code("gap + 1")), ["cell 6: uses gap, which only a claim defines"]),
        ((claim, code("gap = 2\ngap")), []),
        ((code("gap = 0"), claim, code("gap")), []),
        ((claim, code("%time gap"), code("gap = 1"), code("gap")), []),
    ]:
        assert found(stored(notebook(*cells, sample), "93_claims.ipynb")) == said


def change(nb, **values):
    nb.cells[2].update(values)


def lengthen(nb, lines):
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.source = "x\n" * lines


OTHER_BREACHES = {
    "the first cell is not a markdown title": lambda nb: nb.cells.pop(0),
    "able to do": lambda nb: nb.cells[0].update(source=TOP.replace("be able to", "")),
    "what it needs": lambda nb: nb.cells[0].update(source=TOP.replace("You need", "After")),
    "how long it takes": lambda nb: nb.cells[0].update(source=TOP.replace("10 minutes", "long")),
    "words of prose per line": lambda nb: (nb.cells.pop(1), lengthen(nb, 4)),
    "executed as None, expected 1": lambda nb: change(nb, execution_count=None),
    "executed as 7, expected 1": lambda nb: change(nb, execution_count=7),
    "no stored picture": lambda nb: change(nb, outputs=[]),
    "recorded execution times": lambda nb: change(nb, metadata={"execution": {}}),
    "median code cell 6 lines": lambda nb: lengthen(nb, 6),
    "90th percentile code cell 15 lines": lambda nb: lengthen(nb, 15),
    "stored error": lambda nb: nb.cells[2].outputs.append(v4.new_output("error", ename="E")),
    "stored stderr": lambda nb: nb.cells[2].outputs.append(
        v4.new_output("stream", name="stderr", text="oh")
    ),
    "figure without alt text": lambda nb: nb.cells[2].outputs[0].metadata.clear(),
    "alt text of 8 characters, not 20 to 320": lambda nb: (
        nb.cells[2].outputs[0].metadata["image/png"].update(alt="A curve.")
    ),
    "cell 3: its figure has the alt text of cell 2": lambda nb: nb.cells[3].outputs.append(
        nb.cells[2].outputs[0]
    ),
    "KB stored": lambda nb: nb.cells[2].outputs.append(
        v4.new_output("display_data", {"image/png": "A" * 1_600_000})
    ),
    "stored widget state": lambda nb: nb.metadata.update(widgets={}),
    "not in the form": lambda nb: nb.cells[2].update(id="other"),
    "no code": lambda nb: lengthen(nb, 0),
}


@pytest.mark.parametrize("finding", OTHER_BREACHES)
def test_each_rule_on_the_whole_finds_its_breach(stored, finding):
    nb = notebook()
    OTHER_BREACHES[finding](nb)
    assert any(finding in text for text in found(stored(nb, "92_breach.ipynb")))


def test_sample_cells_must_exist_and_agree(stored):
    one = stored(notebook(code("x = go(noise)", tags=["sample"])), "93_one.ipynb")
    same = stored(notebook(code("x = go(noise)", tags=["sample"])), "94_same.ipynb")
    other = stored(notebook(code("y = go(noise)", tags=["sample"])), "95_other.ipynb")
    none = stored(notebook(), "96_none.ipynb")
    assert lessons.lint([one, same]) == []
    [text] = lessons.lint([one, same, other])
    assert text == "the `sample` cells differ between 93_one.ipynb and 95_other.ipynb"
    assert lessons.lint([none]) == ["96_none.ipynb: no cell is tagged `sample`"]


def test_exercise_cells_are_held_to_their_declaration(stored, monkeypatch):
    monkeypatch.setattr(exercises, "_declared", dict(exercises._declared))
    ex = exercises.exercise(
        "90.1", level=1, task="Halve it.", solution=lambda x: x / 2, hint="", wrong={}
    )
    monkeypatch.setattr(ex.solution, "__name__", "halve")
    tags = ["exercise", "exercise-90.1"]
    untouched = code(ex.cell_source, tags=tags, text="90.1 not attempted yet\n")
    sample = code("go()", tags=["sample"])

    def texts(*cells):
        return found(stored(notebook(sample, *cells)))

    assert texts(prose(ex.task_source), untouched) == []
    assert texts() == ["exercise 90.1: 0 cells are tagged with it, expected 1"]
    assert texts(untouched) == ["exercise 90.1: the cell above does not hold its task"]
    solved = code("halve = 3", tags=tags, text="90.1 correct\n")
    assert texts(prose(ex.task_source), solved) == [
        "exercise 90.1: its cell is not its stub and check",
        "exercise 90.1: its stored output is not 'not attempted yet'",
    ]
    bare = notebook(sample, prose(ex.task_source), untouched)
    bare.cells[2].metadata.pop("tags")
    [text] = found(stored(bare))
    assert text.startswith("no cell is tagged `setup`")


def test_normalising_numbers_and_drops_what_changes_from_run_to_run():
    view = copy.deepcopy(SLIDER)
    cells = [code("a", view), code(" "), code("b", view, tags=["x"])]
    nb = v4.new_notebook(cells=cells, metadata={"widgets": {}, "jupytext": {}})
    nb.cells[2].metadata["execution"] = {"iopub.status.busy": "2030-01-01"}
    nb.cells[2].outputs.append(
        v4.new_output("error", ename="E", evalue="no", traceback=["\x1b[31m/home/me"])
    )
    done = lessons.normalise(nb)
    assert [cell.id for cell in done.cells] == ["cell-00", "cell-01", "cell-02"]
    assert [cell.execution_count for cell in done.cells] == [1, None, 2]
    assert set(done.metadata) == {"kernelspec", "language_info"}
    assert done.cells[2].metadata == {"tags": ["x"]}
    assert done.cells[2].outputs[1].traceback == ["E: no"]
    ids = [done.cells[i].outputs[0].data[lessons.WIDGET].model_id for i in (0, 2)]
    assert ids == ["widget-1", "widget-1"]
    assert lessons.normalise(done) == done
    assert nb.cells[0].outputs[0].data[lessons.WIDGET].model_id == "1f"
