"""What `train` and `evaluate` take."""

from ..values import minutes, whole
from .common import STEPS, batch_of, device_of


def add(command):
    """Add the commands; `command(name, summary, *examples)` makes a parser."""
    new = command(
        "train",
        "Train a recipe from scratch; Ctrl-C stops it so that --resume can go on.",
        "minidiff train digits --out runs/mine --minutes 10",
        "minidiff train my.toml --workers 4",
    )
    new.add_argument(
        "recipe",
        metavar="RECIPE",
        help="a recipe's name, such as digits, or a .toml file: a recipe and changes to it",
    )
    new.add_argument("--out", metavar="DIR", help="its folder (default: runs/RECIPE)")
    new.add_argument("--images", type=whole(1), metavar="N", help="how many to train on in all")
    new.add_argument("--minutes", type=minutes, metavar="M", help="stop after so many minutes")
    new.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    new.add_argument("--seed", type=whole(0), metavar="S", help="default: 0")
    new.add_argument(
        "--workers", type=whole(0), metavar="K", help="processes that draw the data (default: 0)"
    )
    batch_of(new, "images in a step")
    device_of(new)

    new = command(
        "evaluate",
        "Print a model's scores beside the scores of real data.",
        "minidiff evaluate digits --samples 1000 --seeds 3",
    )
    new.add_argument(
        "model", metavar="MODEL", help="a shipped model's name, or a trained one's folder"
    )
    new.add_argument("--samples", type=whole(100, 60_000), default=2048, metavar="N")
    new.add_argument("--seeds", type=whole(1, 1000), default=5, metavar="N", help="repetitions")
    new.add_argument("--steps", type=whole(1, STEPS), metavar="K", help="steps of the sampler")
    device_of(new)
