"""Where the data lie: the folder `datasets/` beside the package."""

from pathlib import Path


def find_datasets():
    """The folder `datasets/` that lies beside the package; FileNotFoundError if there is none."""
    folder = Path(__file__).resolve().parents[2] / "datasets"
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the data folder was sought at {folder} and is not there; "
            "install minidiff from its repository with `pip install -e .`"
        )
    return folder
