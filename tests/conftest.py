"""What several rooms' tests share."""

import pytest
import tiny as tiny_model

from minidiff.course import site


@pytest.fixture(scope="session")
def built_site(tmp_path_factory):
    """The folder of the site of all lessons, built once."""
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A working folder of its own with an untrained model in the folder "tiny"; returns it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIDIFF_DEVICE", raising=False)
    return tiny_model.saved()
