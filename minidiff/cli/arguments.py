"""What can be said on the command line, and what each value may be."""

import argparse
from pathlib import Path

from ..errors import UserError
from .values import guidance, minutes, size, whole

MOST = 10**6  # samples of one command
STEPS = 10_000


def parse(words):
    """The parsed arguments; UserError for what nobody can mean."""
    for word in words:
        if not word.isascii() and word != word.encode("utf-8", "replace").decode():
            raise UserError(f"every argument must be a text in UTF-8, got {word!r}")
    return parser().parse_args(joined(words))


def joined(words):
    """Joins --guidance and --negative with what follows: argparse would take `-1e3` for an option."""
    words, out = list(words), []
    for word in words:
        waits = out and out[-1] in ("--guidance", "--negative")
        option = word.startswith("--") or word in ("-o", "-n", "-h")
        if waits and word.startswith("-") and not option:
            out[-1] += f"={word}"
        else:
            out.append(word)
    return out


class Parser(argparse.ArgumentParser):
    """argparse whose errors are sentences for `main`, and whose help keeps the examples' lines."""

    def __init__(self, **settings):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message):
        raise UserError(f"{message}; see `{self.prog} --help`")


def parser():
    top = Parser(
        prog="minidiff",
        description="Train, use and measure the course's diffusion models; run its lessons.",
        epilog='for example:\n  minidiff generate "a red fox in snow" -n 4 -o fox.png',
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name, summary, *examples):
        epilog = "\n  ".join(["for example:", *examples])
        return commands.add_parser(name, help=summary, description=summary, epilog=epilog)

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
        "generate",
        "Generate samples into a picture, an animation, an array file or a folder of pictures.",
        'minidiff generate "a red fox in snow" -n 4 --steps 25 --guidance 4 --negative night --seed 7 '
        "-o fox.png",
        'minidiff generate "a red fox in snow" --model scenes-fast -n 16 -o foxes.png',
        "minidiff generate --from prompts.txt -n 100 -o placeholders/",
        'minidiff generate "a red fox in snow" --frames -o fox.gif',
        "minidiff generate 3 1 4 --model digits -n 8 --seed 1 -o digits.png",
        'minidiff generate "a seven moving left" --model clips-digits -n 8 -o sevens.gif',
        'minidiff generate "a thick seven" --model digits-text --guidance 2 --negative thin '
        "-o sevens.npz",
    )
    new.add_argument(
        "prompts", nargs="*", metavar="PROMPT", help="a text or a label, if it takes one"
    )
    new.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="more prompts, one a line, but for # comments; - is standard input",
    )
    new.add_argument(
        "--model",
        default="scenes",
        help="a shipped model's name, or a trained one's folder (default: scenes; for many pictures "
        "or a slow machine scenes-fast, in 4 network calls instead of 32, a little less often right, "
        "with no --guidance and no --negative)",
    )
    new.add_argument(
        "-n", type=whole(1, MOST), default=1, metavar="N", help="samples for each prompt"
    )
    new.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        metavar="S",
        help="of each prompt's first sample; the others have S + 1, S + 2, ... (default: 0)",
    )
    new.add_argument("--steps", type=whole(1, STEPS), metavar="K", help="steps of the sampler")
    new.add_argument("--sampler", metavar="NAME", help="ddim, ddpm, heun, dpmpp_2m, consistency")
    new.add_argument(
        "--guidance", type=guidance, metavar="W", help="how strictly to obey; 1 is none"
    )
    new.add_argument("--negative", metavar="PROMPT", help="what to steer away from; needs guidance")
    new.add_argument("--size", type=size, metavar="WxH", help="of the pictures, such as 96x64")
    new.add_argument(
        "--frames",
        nargs="?",
        type=whole(1, 1000),
        const=True,
        metavar="F",
        help="of pictures: an animation of the steps instead; of clips: how many frames",
    )
    new.add_argument(
        "--first", metavar="FILE", help="of clips: a picture, which becomes the first frame"
    )
    new.add_argument(
        "--enlarge", type=whole(1, 1024), metavar="K", help="screen pixels for each pixel, each way"
    )
    batch_of(new, "samples in memory at a time; less needs less of it")
    new.add_argument(
        "-o",
        dest="out",
        required=True,
        metavar="PATH",
        help=".png: a grid; .npz: arrays; ending in /: a folder, a file for each, which the same "
        "command goes on with if it was interrupted; "
        ".gif or .png with --frames; clips: .gif, .webp or .mp4, .png: film strips, .npz: arrays",
    )
    device_of(new)

    new = command(
        "again",
        "Make a picture or an animation that generate wrote anew, from what it says of itself.",
        "minidiff again fox.png -o same-fox.png",
    )
    new.add_argument("file", metavar="FILE", help="a .png, .gif or .webp that generate wrote")
    new.add_argument("-o", dest="out", metavar="PATH", help="default: FILE-again, beside it")
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

    new = command(
        "lessons",
        "Run and check the stored lessons; hand them out, mark what is handed in; make a site.",
        "minidiff lessons run notebooks/01_noising.ipynb",
        "minidiff lessons student handout",
        "minidiff lessons release course notebooks/01_noising.ipynb",
        "minidiff lessons check handed-in.zip --roster class.csv --feedback pages",
        "minidiff lessons site pages",
    )
    actions = new.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary, folder in [
        ("run", "Run lessons in place and store their outputs.", None),
        ("lint", "Say what would spoil stored lessons for a reader or a test.", None),
        ("student", "Write notebooks for students: stubs, checks, no solutions.", "DIR"),
        ("release", "Write a course for nbgrader: a sheet of exercises a lesson.", "DIR"),
        ("key", "Write answers for teachers: solutions, typical mistakes.", "DIR"),
        ("slides", "Write slides: headings, predictions, pictures.", "DIR"),
        ("site", "Write the lessons as a site that works from a folder.", "DIR"),
    ]:
        new = actions.add_parser(name, help=summary, description=summary)
        if folder:
            new.add_argument("folder", type=Path, metavar=folder, help="written here")
        new.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: all lessons")
    summary = "Mark handed-in notebooks; their answers are run: no sandbox."
    new = actions.add_parser("check", help=summary, description=summary)
    what = "notebooks, scripts, ZIP files, or folders"
    new.add_argument("files", nargs="+", type=Path, metavar="FILE", help=what)
    new.add_argument("-o", dest="out", type=Path, default=Path("marks.csv"), metavar="FILE")
    new.add_argument("--roster", type=Path, metavar="CSV", help="all students; each gets a line")
    new.add_argument("--feedback", type=Path, metavar="DIR", help="a page a student, written here")
    new.add_argument("--jobs", type=whole(1), metavar="N", help="at a time (default: one a core)")
    return top


def device_of(command):
    command.add_argument(
        "--device", metavar="D", help="auto, cpu, cuda or mps (default: $MINIDIFF_DEVICE or cpu)"
    )


def batch_of(command, meaning):
    command.add_argument("--batch", type=whole(1), metavar="B", help=meaning)
