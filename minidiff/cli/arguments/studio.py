"""What `studio` takes."""

from ..values import whole


def add(command):
    """Add the command; `command(name, summary, *examples)` makes a parser."""
    new = command(
        "studio",
        "Open the studio in JupyterLab: paint, vary, blend, fill, enlarge and keep pictures.",
        "minidiff studio",
        'minidiff studio "a blue bus in the desert" --folder my-pictures',
    )
    new.add_argument("prompt", nargs="?", default="a red fox in snow", metavar="PROMPT")
    new.add_argument("--folder", metavar="DIR", help="where it works (default: a new one)")
    new.add_argument("--port", type=whole(1, 65535), default=8888, help="default: 8888")
    new.add_argument("--no-browser", action="store_true", help="open no browser")
