"""What made a picture: that a machine did, and all that `minidiff generate` needs to make it again.

A PNG holds it as a text chunk, a GIF and an MP4 as comment, a WebP as description, in JSON; an
index.csv has it in columns, an .npz in arrays, by the same names.
"""

import json
from dataclasses import dataclass

from PIL import Image

CHUNK = "minidiff"  # the name of the PNG's text chunk
DESCRIPTION = 0x010E  # the number of a WebP's tag
MACHINE = {"generated_by": "minidiff, a machine"}  # no camera and no hand; it stands first


@dataclass(frozen=True)
class Record:
    """The settings that all pictures of a command share; None for what they do without.

    weights: the sha256 of the model's files, joined by +. guidance: w. size: WxH in pixels, before
    `enlarge`, the screen pixels for each of them, and `enlarge_to`, the longer side that a second stage
    paints. variations_of: the file of the picture that was shown in place of a prompt, and its sha256.
    """

    model: str
    weights: str
    negative: str | None
    steps: int
    sampler: str
    guidance: float
    size: str | None
    enlarge: int | None
    enlarge_to: int | None = None
    variations_of: str | None = None
    sha256: str | None = None

    def settings(self):
        """They by name."""
        return dict(vars(self))

    def text(self, prompts, seed, n=1, **more):
        """In JSON, in ASCII: how to make n pictures of each prompt, of the seeds seed, seed + 1, ..."""
        asked = {"prompts": prompts, "n": n, "seed": seed}
        return json.dumps(MACHINE | asked | self.settings() | more)


def made_by(path):
    """The text of the record in a PNG or a GIF file, None if there is none in it."""
    try:
        with Image.open(path) as file:
            text = (
                file.info.get(CHUNK) or file.info.get("comment") or file.getexif().get(DESCRIPTION)
            )
    except (OSError, ValueError, SyntaxError):  # what Pillow raises for a file that is no picture
        return None
    return text.decode("ascii", "replace") if isinstance(text, bytes) else text
