"""`minidiff generate --variations-of`: a picture in a file takes the place of the prompt."""

from pathlib import Path

from PIL import ImageOps
from torch import nn

from ..conditions.pictured import PictureEncoder
from ..data import photos
from ..errors import UserError
from .enlarge import digest

SIDE = 64


def shown_to(model, args):
    """Have the model see the picture in a file; returns the one prompt that stands for it, and its sha256.

    The middle square of the picture is shrunk to what the model's shared space reads. UserError for a
    model that looks at no pictures, for prompts beside it, and for a file that is no picture.
    """
    if not isinstance(model.encoder, PictureEncoder):
        raise UserError(
            f"--variations-of needs a model that sees pictures, and {args.model!r} does not; "
            "leave --model out, or name the folder of minidiff train variations"
        )
    if args.prompts or args.source:
        raise UserError("--variations-of takes the place of prompts: give the one or the others")
    if args.enlarge_to:
        raise UserError("--enlarge-to does not go with --variations-of; use minidiff enlarge after")
    image = ImageOps.fit(photos.read(args.variations_of), (SIDE, SIDE))
    words = f"variations of {Path(args.variations_of).name}"
    model.encoder = Showing(model.encoder, words, photos.tensor(image)[0])
    return words, digest(args.variations_of)


class Showing(nn.Module):
    """An encoder for which these words stand for a picture (3, H, W)."""

    def __init__(self, encoder, words, picture):
        super().__init__()
        self.encoder, self.null = encoder, encoder.null
        self.words, self.picture = words, picture

    def forward(self, prompts):
        return self.encoder([self.picture if each == self.words else each for each in prompts])
