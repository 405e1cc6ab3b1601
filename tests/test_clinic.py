"""The clinic: its tools find each of the twelve patients, and nothing in the healthy library."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import minidiff
from minidiff.course import clinic, examination
from minidiff.notebook import viz
from minidiff.notebook.gallery import gallery

NUMBERS = range(1, len(clinic.PATIENTS) + 1)
# The tool that the lesson teaches for each patient.
SECTIONS = dict(zip(examination.TOOLS, ([1, 2, 3], [4, 5, 6], [7, 8], [9], [10], [11, 12])))
TOOL_OF = {number: tool for tool, numbers in SECTIONS.items() for number in numbers}


def test_there_are_twelve():
    assert len(clinic.PATIENTS) == 12 and sorted(TOOL_OF) == list(NUMBERS)
    assert len({patient.name for patient in clinic.PATIENTS}) == 12


@pytest.mark.parametrize("tool", examination.TOOLS)
def test_a_tool_finds_nothing_in_the_healthy_library(tool):
    assert examination.findings(clinic.library(0), [tool]) == {tool: []}


@pytest.mark.parametrize("number", NUMBERS)
def test_each_patient_is_found_by_its_tool(number):
    said = examination.findings(clinic.library(number), [TOOL_OF[number]])[TOOL_OF[number]]
    assert said and all("\n" not in sentence for sentence in said)


def test_what_an_illness_does_not_touch_is_not_found_ill():
    """The known answer tells guidance from the rest, and the training loop from sampling."""
    assert examination.findings(clinic.library(4), ["what goes in"]) == {"what goes in": []}
    assert examination.findings(clinic.library(11), ["a known answer"]) == {"a known answer": []}


@pytest.mark.parametrize("patient", clinic.PATIENTS, ids=lambda patient: patient.name)
def test_a_patient_has_its_chart(patient):
    text = (Path(minidiff.__file__).parent / patient.file).read_text(encoding="utf-8")
    assert text.count(patient.right) == 1 and patient.right != patient.wrong
    assert (Path(__file__).parent / patient.test).exists()
    assert "/" in patient.report.split(",")[0]  # owner and name of a repository
    assert patient.symptom


def test_a_copy_is_a_library_of_its_own(capsys):
    sick = clinic.library(4)
    assert sick is clinic.library(4) and sick is not minidiff and clinic.library(0) is minidiff
    x, t = torch.zeros(2, 1), torch.tensor(0.5)

    def guess(value):
        return lambda x, t: torch.full_like(x, value)

    assert minidiff.guide(guess(1.0), guess(0.0), 3.0)(x, t).unique() == 3
    assert sick.guide(guess(1.0), guess(0.0), 3.0)(x, t).unique() == -2
    model = sick.load("digits")
    assert type(model) is sick.Model and type(model) is not minidiff.Model
    clinic.chart(4)
    said = capsys.readouterr().out
    assert clinic.PATIENTS[3].wrong in said and clinic.PATIENTS[3].report in said


def test_the_source_of_the_planted_bugs_imports_no_room():
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); sys.exit('minidiff' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, clinic.__file__], check=True)


def test_a_line_that_is_not_there_is_said(monkeypatch):
    gone = clinic.Patient(*["x"] * 2, "guidance.py", "no such line", "", "", "a/b")
    monkeypatch.setattr(clinic, "PATIENTS", [*clinic.PATIENTS, gone])
    with pytest.raises(ValueError, match="not exactly once in guidance.py"):
        clinic.library(13).guidance.guide  # noqa: B018


def test_a_gallery_holds_pictures_points_and_curves():
    panels = [
        torch.rand(4, 1, 8, 8),
        torch.rand(2, 3, 8, 8),
        (torch.randn(9, 2), torch.randn(5, 2)),
        torch.randn(5, 2),
        {"healthy": (range(3), [3, 2, 1]), "sick": (range(3), [3, 3, 3])},
    ]
    above, below = [f"{n} a symptom" for n in range(5)], ["an illness"] * 5
    figure = gallery(panels, above, below, title="Five")
    texts = [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))]
    assert {"Five", "an illness", *above, "sick"} <= set(texts)
    assert len(viz.png(figure)) > 1000
    with pytest.raises(ValueError, match="must hold 5 texts, got 4 and 5"):
        gallery(panels, above[1:], below)
