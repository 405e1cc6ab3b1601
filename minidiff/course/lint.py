"""The rules that a stored lesson keeps, for its readers and for the tests that compare it."""

import ast
import re
import statistics

from minidiff.course import exercises

MAX_LINES, MAX_P90, MAX_MEDIAN, MIN_WORDS_PER_LINE, MAX_KB = 25, 14, 5, 6, 1536
MIN_ALT, MAX_ALT = 20, 320  # characters: it is read out in one go

_ABSOLUTE = re.compile(r"(?<![\w./:])/(?:root|home|tmp|work|usr|opt|Users|var)/[\w.-]+")
_ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
_NO_NUMBER = re.compile(r"\b(?:True|False)\b")
_PROGRESS = re.compile(r"\d+%\|.*\||(?:it/s|s/it)")
# Each of these redraws its output in a way that differs between two runs.
_UNSTABLE = re.compile(r"\b(interact|interactive_output|clear_output|W\.Output|widgets\.Output)\(")
_PROMISES = {
    "what the reader will be able to do": r"you will be able to",
    "what it needs": r"you need",
    "how long it takes": r"\d\s*(s|seconds?|min|minutes?)\b",
}
_WIDGET = "application/vnd.jupyter.widget-view+json"


def findings(path, nb):
    """What is wrong with the lesson `nb` stored at `path`: a list of texts."""
    found = _top(nb.cells) + _totals(path, nb.cells) + _exercises(path, nb.cells)
    found += _order(nb.cells) + _claims(nb.cells) + _alts(nb.cells)
    if "widgets" in nb.metadata:
        found.append("stored widget state")
    for number, cell in enumerate(nb.cells):
        rule = {"markdown": _prose, "code": _code}.get(cell.cell_type)
        if rule:
            found += [f"cell {number}: {text}" for text in rule(cell)]
    if lesson := re.match(r"\d\d", path.name):
        tagged = any("sample" in _tags(cell) for cell in nb.cells)
        if int(lesson[0]) >= 3 and not tagged:
            found.append("no cell is tagged `sample`")
    return found


def _tags(cell):
    return set(cell.metadata.get("tags", []))


def _code_cells(cells):
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def _code_lines(cell):
    lines = (line.strip() for line in cell.source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def _shown(out):
    data = out.get("data", {})
    texts = [out.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
    return "".join(texts + out.get("traceback", []))


def _is_picture(out):
    return any(kind.startswith("image/") for kind in out.get("data", {}))


def alt_of(out):
    """What the stored picture `out` shows, as its figure says it; "" where nothing is said."""
    told = [out.get("metadata", {}).get(kind) for kind in out.get("data", {}) if "image/" in kind]
    alts = [some.get("alt") for some in told if isinstance(some, dict)]
    return " ".join(" ".join(alt.split()) for alt in alts if isinstance(alt, str))


def _top(cells):
    if not cells or cells[0].cell_type != "markdown" or not cells[0].source.startswith("# "):
        return ["the first cell is not a markdown title"]
    top = cells[0].source.lower()
    return [
        f"the top does not say {p}" for p, said in _PROMISES.items() if not re.search(said, top)
    ]


def _totals(path, cells):
    """Sizes of the whole: short cells, more prose than code, pictures, a small file."""
    sizes = [n for n in map(_code_lines, _code_cells(cells)) if n]
    if not sizes:
        return ["no code"]
    found, kb = [], path.stat().st_size // 1024
    median, p90 = statistics.median(sizes), sorted(sizes)[int(0.9 * (len(sizes) - 1))]
    words = sum(len(re.findall(r"\w+", c.source)) for c in cells if c.cell_type == "markdown")
    if median > MAX_MEDIAN:
        found.append(f"median code cell {median:g} lines, more than {MAX_MEDIAN}")
    if p90 > MAX_P90:
        found.append(f"90th percentile code cell {p90} lines, more than {MAX_P90}")
    if words / sum(sizes) < MIN_WORDS_PER_LINE:
        found.append(f"{words / sum(sizes):.1f} words of prose per line of code")
    if not any(_is_picture(out) for cell in _code_cells(cells) for out in cell.outputs):
        found.append("no stored picture: a reader with no kernel sees nothing")
    if kb > MAX_KB:
        found.append(f"{kb} KB stored, more than {MAX_KB}")
    return found


def _order(cells):
    """nbval compares only cells with an execution count: a stripped lesson would pass unseen."""
    found, expected = [], 0
    for number, cell in enumerate(cells):
        if cell.cell_type == "code" and cell.source.strip():
            expected += 1
            if cell.execution_count != expected:
                count = cell.execution_count
                found.append(f"cell {number}: executed as {count}, expected {expected}")
    return found


def _alts(cells):
    """Every stored figure says what it shows, and no two say the same."""
    found, told = [], {}
    for number, cell in enumerate(cells):
        for alt in [alt_of(out) for out in cell.get("outputs", []) if _is_picture(out)]:
            if not alt:
                found.append(f"cell {number}: figure without alt text")
            elif not MIN_ALT <= len(alt) <= MAX_ALT:
                expected = f"{MIN_ALT} to {MAX_ALT}"
                found.append(f"cell {number}: alt text of {len(alt)} characters, not {expected}")
            elif alt in told:
                found.append(f"cell {number}: its figure has the alt text of cell {told[alt]}")
            told[alt] = number
    return found


def _claims(cells):
    """What the prose claims is asserted in silent, collapsed cells, which readers do not need."""
    found, known, claimed = [], set(), set()
    for number, cell in enumerate(cells):
        if cell.cell_type != "code" or not (tree := _parsed(cell.source)):
            continue
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        made = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(tree))
        if "claim" in _tags(cell):
            claimed |= made - known
            if not asserts:
                found.append(f"cell {number}: a claim that asserts nothing")
            if cell.outputs:
                found.append(f"cell {number}: a claim with an output")
            if not cell.metadata.get("jupyter", {}).get("source_hidden"):
                found.append(f"cell {number}: a claim that is not collapsed")
            continue
        if asserts:
            found.append(f"cell {number}: asserts outside a cell tagged `claim`")
        if borrowed := {name.id for name in names} & claimed - made:
            found.append(f"cell {number}: uses {min(borrowed)}, which only a claim defines")
        known |= made
        claimed -= made
    return found


def _parsed(source):
    """The source as a tree, or None for what is no Python, such as a notebook's own commands."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return None


def _prose(cell):
    found, source = [], cell.source
    if any(not alt.strip() for alt in re.findall(r"!\[(.*?)\]\(", source)):
        found.append("picture without alt text")
    if "data:image" in source:
        found.append("picture inlined in markdown")
    maths = re.sub(r"```.*?```|`[^`\n]*`|\\\$", "", source, flags=re.DOTALL)
    if maths.count("$$") % 2 or maths.replace("$$", "").count("$") % 2:
        found.append("unbalanced $")
    return found


def _code(cell):
    found, tags, outputs = [], _tags(cell), cell.outputs
    if (lines := _code_lines(cell)) > MAX_LINES:
        found.append(f"{lines} lines of code, more than {MAX_LINES}")
    if "nbval-skip" in tags or "NBVAL_SKIP" in cell.source:
        found.append("skipped by nbval")
    ignored = "nbval-ignore-output" in tags or "NBVAL_IGNORE_OUTPUT" in cell.source
    if ignored and not any(_PROGRESS.search(_shown(out)) for out in outputs):
        found.append("nbval-ignore-output without a progress bar")
    if cell.source.rstrip().endswith(";"):
        found.append("ends with ;, which nbval does not honour: end with a figure, or assign to _")
    if unstable := _UNSTABLE.search(cell.source):
        found.append(f"{unstable[1]} is not stable under nbval: use explore")
    if _ABSOLUTE.search(cell.source):
        found.append("absolute path in source")
    if "execution" in cell.metadata:
        found.append("recorded execution times")
    for i, out in enumerate(outputs):
        if out.output_type == "error" and "raises-exception" not in tags:
            found.append(f"stored error {out.get('ename')}")
        if out.get("name") == "stderr":
            found.append("stored stderr")
        if _WIDGET not in out.get("data", {}) and _NO_NUMBER.search(_shown(out)):
            found.append("prints True or False where a number belongs")
        if _ADDRESS.search(_shown(out)):
            found.append("memory address in output")
        if _ABSOLUTE.search(_shown(out)):
            found.append("absolute path in output")
        live = _WIDGET in out.get("data", {}) and not _PROGRESS.search(_shown(out))
        if live and not any(map(_is_picture, outputs[:i])):
            found.append("widget without a still picture before it")
    return found


def _exercises(path, cells):
    """Every exercise of the lesson: its task, then its stub and check, stored untouched."""
    lesson, found = re.match(r"\d\d", path.name), []
    declared = [ex for ex in exercises.all_exercises() if lesson and ex.name[:2] == lesson[0]]
    if declared and not any("setup" in _tags(cell) for cell in cells):
        found.append("no cell is tagged `setup`: a check runs on it and the exercise's cells alone")
    for ex in declared:
        tagged = [i for i, c in enumerate(cells) if {"exercise", f"exercise-{ex.name}"} <= _tags(c)]
        if len(tagged) != 1:
            found.append(f"exercise {ex.name}: {len(tagged)} cells are tagged with it, expected 1")
            continue
        cell, above = cells[tagged[0]], cells[tagged[0] - 1]
        if cell.source.strip() != ex.cell_source:
            found.append(f"exercise {ex.name}: its cell is not its stub and check")
        said = "".join(out.get("text", "") for out in cell.outputs)
        if not re.fullmatch(rf"{ex.name} not attempted( yet|: .*sick code.*)\n", said):
            found.append(f"exercise {ex.name}: its stored output is not 'not attempted yet'")
        if above.cell_type != "markdown" or ex.task_source not in above.source:
            found.append(f"exercise {ex.name}: the cell above does not hold its task")
    known = {f"exercise-{ex.name}" for ex in declared} | {"exercise"}
    strange = {t for cell in cells for t in _tags(cell) if t.startswith("exercise")} - known
    return found + [f"tag {tag} belongs to no declared exercise" for tag in sorted(strange)]
