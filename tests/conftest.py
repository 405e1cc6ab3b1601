"""What several rooms' tests share."""

import pytest

from minidiff.course import site


@pytest.fixture(scope="session")
def built_site(tmp_path_factory):
    """The folder of the site of all lessons, built once."""
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder
