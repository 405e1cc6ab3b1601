"""The set-up files say the same thing, and the core stays small."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
EVENING = """
    schedules.py denoiser.py guidance.py samplers.py model.py sampling.py
    nets/__init__.py nets/layers.py nets/mlp.py nets/unet.py
    conditions/__init__.py conditions/labels.py conditions/text.py codecs/pixels.py
""".split()


def pins():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def name_of(requirement):
    return re.match(r"[\w-]+", requirement)[0]


def test_requirements_pin_exactly_what_the_project_needs():
    *pinned, last = pins()
    assert last == "-e ."
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", pin) for pin in pinned)
    assert sorted(map(name_of, pinned)) == sorted(map(name_of, project()["dependencies"]))


def test_pins_lie_within_the_ranges():
    from packaging.requirements import Requirement

    ranges = {Requirement(text).name: Requirement(text) for text in project()["dependencies"]}
    for pin in pins()[:-1]:
        name, version = pin.split("==")
        assert ranges[name].specifier.contains(version), pin


def test_the_environment_is_the_pinned_one():
    for pin in pins()[:-1]:
        name, version = pin.split("==")
        assert metadata.version(name).split("+")[0] == version


def test_environment_yml_only_brings_python_and_hands_over_to_pip():
    lines = [line.strip(" -") for line in (ROOT / "environment.yml").read_text().splitlines()]
    inside = lines[lines.index("dependencies:") + 1 :]
    assert re.fullmatch(r"python=3\.\d+", inside[0])
    assert inside[1:] == ["pip", "pip:", "r requirements.txt"]
    assert sys.version_info >= tuple(map(int, project()["requires-python"].strip(">=").split(".")))


def test_every_extra_gives_its_reason():
    text = (ROOT / "pyproject.toml").read_text()
    for extra in project()["optional-dependencies"].values():
        for requirement in extra:
            line = next(line for line in text.splitlines() if f'"{requirement}"' in line)
            assert "#" in line, requirement


def test_readme_gives_the_commands_that_ci_runs():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    install = 'python -m pip install -r requirements.txt -e ".[test]"'
    assert install in readme and install in ci
    assert "python -m pytest" in readme and "python -m pytest" in ci


def test_container_and_hooks_take_the_pinned_versions():
    """The container installs the pins; the hooks are modules of the environment, so nothing else."""
    lines = (ROOT / ".devcontainer" / "devcontainer.json").read_text().splitlines()
    container = json.loads("\n".join(line for line in lines if not line.startswith("//")))
    assert "pip install -r requirements.txt -e '.[test]'" in container["postCreateCommand"]
    [local] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    modules = [hook["entry"].split()[:3] for hook in local["hooks"]]
    assert [words[:2] for words in modules] == [["python", "-m"]] * 3
    assert {words[2] for words in modules} == {"ruff", "minidiff"}
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == project()["version"]


def test_importing_the_library_stays_light():
    """What is slow to import (pictures, widgets, notebooks) is not imported along with it."""
    code = "import minidiff, sys; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"matplotlib", "ipywidgets", "IPython", "nbformat"} & set(loaded.stdout.split())


def test_the_core_is_an_evening_long():
    package = ROOT / "minidiff"
    lines = {file: len(file.read_text().splitlines()) for file in package.rglob("*.py")}
    assert sum(lines[package / name] for name in EVENING) <= 1172
    sheets = {
        file for file in lines if file.match("course/exercises/lesson*.py")
    }  # lists of exercises
    assert max(lines[file] for file in lines if file not in sheets) <= 250, max(
        lines, key=lines.get
    )
    assert max(lines[file] for file in sheets) <= 300


def test_code_is_formatted():
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "minidiff", "tests"],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_names_a_registry_or_a_machine():
    """Built by joining, so that this file does not name them either."""
    words = [
        "py" + "pi.org",
        "files.python" + "hosted",
        "registry.npm" + "js",
        "/ro" + "ot/",
        "/wo" + "rk/",
    ]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    for name in tracked.stdout.split():
        file = ROOT / name
        if (
            file.suffix in {".py", ".md", ".toml", ".txt", ".yml", ".ipynb", ".json", ""}
            and file.is_file()
        ):
            text = file.read_text(errors="ignore")
            assert not [word for word in words if word in text], name
