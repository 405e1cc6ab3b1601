"""What `lessons` takes."""

from pathlib import Path

from ..values import whole


def add(command):
    """Add the command; `command(name, summary, *examples)` makes a parser."""
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
