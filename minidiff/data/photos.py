"""One photograph as data: read from a file, and cut into the crops that a small network learns.

picture = photos.load("chelsea")                   # or the path of any PNG or JPEG
data = photos.crops(picture, hole=mask)            # it never sees what the hole covers
for progress in train(recipes.photos.model(), data, images=24_000, batch=4): ...
filled = editing.fill_window(progress.model.eval(), picture, mask)
"""

import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps, UnidentifiedImageError

from ..checks import check_count
from ..errors import UserError
from .paths import find_datasets

CROP, FACTOR = 64, 4
# The shipped photographs, and of each the hole (top, left, height, width) its network never saw.
HOLES = {
    "chelsea": (24, 118, 32, 32),
    "coffee": (20, 200, 32, 32),
    "grass": (112, 112, 32, 32),
    "gravel": (112, 112, 32, 32),
}


def load(path, side=256):
    """A photograph as (1, 3, H, W) in 0..1: one of HOLES by its name, or any PNG or JPEG by its path.

    A longer side above `side` pixels is shrunk to it, and up to 3 pixels are cut from the right and
    below, so that H and W are multiples of 4. Errors as from `read`.
    """
    side = check_count("side", side, CROP)
    image = read(find_datasets() / "photos" / f"{path}.webp" if path in HOLES else path)
    before = image.size
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    width, height = (n - n % FACTOR for n in image.size)
    if min(width, height) < CROP:
        raise UserError(
            f"{path} must be at least {CROP} pixels high and wide when its longer side has {side}, "
            f"got {before}, which shrinks to {image.size}"
        )
    return tensor(image)[..., :height, :width]


def read(path):
    """The picture in a file, turned as its camera says, as an 8-bit RGB image of Pillow.

    Grey becomes colour, 16-bit grey keeps its range, transparent parts turn white. FileNotFoundError,
    or UserError for what is no picture or too large.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no picture at {path}; by name there are {', '.join(HOLES)}")
    try:
        too_large = dict(action="error", category=Image.DecompressionBombWarning)
        with warnings.catch_warnings(**too_large), Image.open(path) as file:
            return colour(ImageOps.exif_transpose(file))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"{Image.MAX_IMAGE_PIXELS:,}"
        raise UserError(f"{path} has more than {limit} pixels: make it smaller first") from error
    except (UnidentifiedImageError, OSError, SyntaxError) as error:  # Pillow raises all three
        raise UserError(f"{path} is no picture that can be read, such as PNG or JPEG") from error


def tensor(image):
    """An 8-bit RGB image of Pillow as (1, 3, H, W) in 0..1."""
    return (torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255)[None]


def colour(image):
    """Any Pillow image as 8-bit RGB."""
    if image.mode.startswith("I"):  # 16-bit grey, which `convert` would cut off at 255
        grey = (np.asarray(image) / 257).round().clip(0, 255)
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def box(picture, top, left, height, width):
    """A mask (H, W), True in a rectangle of the picture (..., H, W)."""
    mask = torch.zeros(picture.shape[-2:], dtype=torch.bool)
    mask[top : top + height, left : left + width] = True
    return mask


def hole(name, picture):
    """The mask of the hole that the shipped network of this photograph never saw."""
    return box(picture, *HOLES[name])


def crops(picture, hole=None, size=CROP):
    """The training stream: `data(n, generator)` -> n random crops (n, 3, size, size), n times None.

    No crop touches the hole, a mask (H, W). UserError if no place is left.
    """
    hole = torch.zeros(picture.shape[-2:]).bool() if hole is None else hole
    if min(hole.shape) < size or hole.shape != picture.shape[-2:]:
        raise UserError(
            f"picture must be at least {size} pixels high and wide and the hole as large as it, "
            f"got {tuple(picture.shape[-2:])} and {tuple(hole.shape)}"
        )
    touched = F.max_pool2d(hole.float()[None], size, stride=1)[0]  # a place for each corner
    corners = (touched == 0).nonzero()
    if not len(corners):
        raise UserError(f"hole must leave room for a crop of {size} pixels beside it")
    patches = picture[0].unfold(1, size, 1).unfold(2, size, 1)  # a view: (3, places, size, size)

    def data(n, generator):
        rows, columns = corners[torch.randint(len(corners), (n,), generator=generator)].T
        return patches[:, rows, columns].transpose(0, 1).contiguous(), [None] * n

    return data
