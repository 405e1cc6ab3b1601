"""A picture and how it came about: each is painted from its settings alone, again and again the same.

    fox = Shot("a red fox in snow", seed=7)
    paint(fox)                                       # (3, 64, 64) in 0..1
    paint(vary(fox, seed=1, angle=20))               # nearly the same fox
    paint(enlarge(again(fox)))                       # another fox, at 128 pixels
    save(fox, "fox.png")                             # its settings travel in the file

A shot that is made from others holds them, so that its whole history makes it anew.
"""

from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import torch

from .. import editing, pretrained
from ..checks import check_number
from ..errors import UserError
from ..samplers import last
from ..sampling import start_noise, walk

FAST, SLOW, ENLARGER, PAINTS_ALIKE = "scenes-fast", "scenes", "enlarge", "variations"
LARGEST = 512  # pixels of a side


@dataclass(frozen=True)
class Shot:
    """The settings of one picture.

    guidance, negative, steps: None for the model's own. way: how it is made, one of WAYS; of: the shots
    that it is made of. amount: an angle in degrees for "vary", a strength for "restart", a share for
    "blend". mask: for "fill", rows of 0 and 1, apart by spaces, 1 where new is wanted; of any size that
    the picture's is a multiple of.
    """

    prompt: str
    seed: int = 0
    model: str = FAST
    guidance: float | None = None
    negative: str | None = None
    steps: int | None = None
    width: int = 64
    height: int = 64
    way: str = "paint"
    of: tuple = ()
    amount: float = 0.0
    mask: str = ""

    def plain(self):
        """The settings as numbers, texts and lists, which JSON holds; `from_plain` is the way back."""
        return asdict(self)

    def short(self):
        """The settings in a line, those that are not the model's own."""
        told = [f"seed {self.seed}", self.model]
        told += [f"w {self.guidance:g}"] if self.guidance is not None else []
        told += [f"not {self.negative}"] if self.negative else []
        told += [f"{self.steps} step{'s' * (self.steps > 1)}"] if self.steps else []
        told += [f"{self.way} {self.amount:g}".removesuffix(" 0")] if self.way != "paint" else []
        return ", ".join(told)


def from_plain(settings):
    """The Shot of plain settings; UserError for what are none."""
    try:
        parents = tuple(from_plain(each) for each in settings.get("of", ()))
        return Shot(**{**settings, "of": parents})
    except (TypeError, AttributeError) as error:
        raise UserError(f"settings of a shot cannot be read: {settings!r}") from error


@lru_cache(maxsize=4)
def load(name):
    """A shipped model, loaded once."""
    return pretrained.load(name).requires_grad_(False)


def again(shot):
    """Another picture for the same prompt: four seeds on, beside the four that were painted."""
    return replace(shot, seed=shot.seed + 4)


def vary(shot, seed, angle=20.0):
    """Nearly the same picture: its start noise turned by `angle` degrees towards that of another seed."""
    check_number("angle", angle, 0, 90)
    return replace(plainly(shot), seed=seed, way="vary", of=(shot,), amount=float(angle))


def restart(shot, seed, strength=0.6, prompt=None):
    """The picture as a start: noised up to the time `strength`, and walked down with a prompt."""
    check_number("strength", strength, 0, 1)
    told = shot.prompt if prompt is None else prompt
    return replace(
        plainly(shot), prompt=told, seed=seed, way="restart", of=(shot,), amount=strength
    )


def resemble(shot, seed):
    """A picture that means the same: painted from the vector of what the picture shows, not from it."""
    if size_of(shot) != (64, 64):
        raise UserError("shot must have 64x64 pixels to be varied by meaning")
    return replace(plainly(shot), seed=seed, way="resemble", of=(shot,))


def fill(shot, mask, seed, prompt=None):
    """The picture with a hole painted anew; mask: as a Shot's."""
    told = shot.prompt if prompt is None else prompt
    return replace(plainly(shot), prompt=told, seed=seed, way="fill", of=(shot,), mask=mask)


def blend(first, second, share=0.5):
    """Between two pictures: their noises on the great circle, and the mean of what their prompts say."""
    check_number("share", share, 0, 1)
    if size_of(first) != size_of(second) or first.model != second.model:
        raise UserError("first and second must be of one model and one size to be blended")
    return replace(plainly(first), way="blend", of=(first, second), amount=float(share))


def enlarge(shot, seed=0):
    """The picture at twice its size."""
    width, height = (2 * side for side in size_of(shot))
    if max(width, height) > LARGEST:
        raise UserError(f"shot must have at most {LARGEST // 2} pixels a side to be enlarged")
    return replace(plainly(shot), seed=seed, way="enlarge", of=(shot,), width=width, height=height)


def plainly(shot):
    """Its settings without how it was made."""
    return replace(shot, way="paint", of=(), amount=0.0, mask="")


def size_of(shot):
    return shot.width, shot.height


def grid(shot, across, values, down=None, others=(None,)):
    """Rows of shots that differ in one setting across and, if named, in another one down.

    across, down: names of settings of a Shot, such as "steps" and "seed".
    """
    for name in filter(None, (across, down)):
        if name not in ("prompt", "seed", "model", "guidance", "negative", "steps"):
            raise UserError(f"across and down must be settings such as seed or steps, got {name!r}")
    rows = [replace(shot, **{down: other}) if down else shot for other in others]
    return [[replace(row, **{across: value}) for value in values] for row in rows]


@torch.no_grad()
def paint(shot):
    """The picture (3, H, W) in 0..1, painted alone, so that it is the same each time.

    UserError for settings that the model does not take.
    """
    if shot.way not in WAYS:
        raise UserError(f"way must be one of {', '.join(WAYS)}, got {shot.way!r}")
    model = load(shot.model)
    factor, multiple = model.factors[0], model.factors[0] * model.factors[1]
    if shot.way != "enlarge" and any(n % multiple or not 0 < n <= 256 for n in size_of(shot)):
        raise UserError(
            f"width and height must be multiples of {multiple} up to 256, "
            f"got {shot.width} and {shot.height}"
        )
    return WAYS[shot.way](
        model, shot, (model.shape[0], shot.height // factor, shot.width // factor)
    )


def walked(model, shot, shape):
    """From its noise to the picture: the way of a new, a varied or a blended one."""
    ts = model.grid(shot.steps or model.steps)
    x = model.schedule(ts[0])[1] * noise_of(shot, shape)
    return model.codec.decode(last(walk(model, denoiser_of(model, shot), x, ts, [shot.seed])))[0]


def noise_of(shot, shape):
    """The noise (1, *shape) that a shot starts from."""
    if shot.way == "blend":
        first, second = (noise_of(each, shape) for each in shot.of)
        return editing.slerp(first, second, shot.amount)
    noise = start_noise(shape, [shot.seed])
    if shot.way == "vary":
        angle = torch.deg2rad(torch.tensor(shot.amount))
        # a sum of squares of 1: what two independent noises give is as large as they are
        noise = angle.cos() * noise_of(shot.of[0], shape) + angle.sin() * noise
    return noise


def denoiser_of(model, shot):
    """The denoiser that a shot's prompt steers; of two that are blended the mean, by their share."""
    if shot.way == "blend":
        first, second = (denoiser_of(model, each) for each in shot.of)
        return lambda x, t: torch.lerp(first(x, t), second(x, t), shot.amount)
    return model.prompted([shot.prompt], shot.guidance, shot.negative)


def restarted(model, shot, shape):
    way = dict(seed=shot.seed, steps=shot.steps, w=shot.guidance)
    before = paint(shot.of[0])[None]
    return editing.image_to_image(model, before, shot.amount, [shot.prompt], **way)[0]


def alike(model, shot, shape):
    return load(PAINTS_ALIKE)([paint(shot.of[0])], seed=[shot.seed])[0]


def filled(model, shot, shape):
    before = paint(shot.of[0])[None]
    mask = mask_of(shot.mask, before.shape[-2:])
    steps = shot.steps or model.steps
    return editing.fill(model, before, mask, [shot.prompt], seed=shot.seed, steps=steps)[0]


def enlarged(model, shot, shape):
    before = paint(shot.of[0])[None]
    return editing.enlarge(load(ENLARGER), before, [shot.prompt], seed=shot.seed)[0]


def mask_of(text, size):
    """A mask (H, W) from rows of 0 and 1; UserError for what is none, or does not divide the size."""
    rows = text.split()
    if not rows or any(set(row) - {"0", "1"} or len(row) != len(rows[0]) for row in rows):
        raise UserError(f"mask must be rows of 0 and 1, all of one length, got {text!r}")
    height, width = size
    if height % len(rows) or width % len(rows[0]):
        raise UserError(f"mask must divide {height}x{width}, got {len(rows)}x{len(rows[0])}")
    mask = torch.tensor([[char == "1" for char in row] for row in rows])
    return mask.repeat_interleave(height // len(rows), 0).repeat_interleave(
        width // len(rows[0]), 1
    )


WAYS = {
    "paint": walked,
    "vary": walked,
    "blend": walked,
    "restart": restarted,
    "resemble": alike,
    "fill": filled,
    "enlarge": enlarged,
}
