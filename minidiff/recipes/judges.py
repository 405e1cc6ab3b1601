"""The judges: they are trained apart from and before any generator.

The digits' judge learns from MNIST (seven minutes of a CPU core), the scenes' judge from all scenes,
those held out from the generators included, and from `failures`, of which it is to say "nothing".
"""

from functools import partial

import torch
import torch.nn.functional as F

from ..data import mnist
from ..errors import UserError
from ..evaluation.judges.digits import Judge
from ..training import adamw, channels_last, trained
from .failures import Suspicious, scenes_of_all_kinds
from .recipe import Recipe


def jitter(images, generator, *, turn=0.2, zoom=0.12, shift=2.5):
    """Each image turned (radians), zoomed (ratio) and shifted (pixels) by up to that much."""
    angle, size, *move = torch.rand(4, len(images), generator=generator) * 2 - 1
    angle, size = turn * angle, torch.exp(zoom * size)
    cos, sin = size * angle.cos(), size * angle.sin()
    dx, dy = (2 * shift / images.shape[-1] * m for m in move)
    affine = torch.stack([cos, -sin, dx, sin, cos, dy], 1).view(-1, 2, 3)
    grid = F.affine_grid(affine.to(images.device), images.shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def jittered(judge):
    """The judge's loss: cross entropy of images moved a little, (n,)."""

    def loss(batch, generator, step, average):
        images, labels = batch
        return F.cross_entropy(judge(jitter(images, generator)).float(), labels, reduction="none")

    return loss


def pictures_of(images, labels):
    """The stream of these images (N, 1, 28, 28) in 0..1 and labels (N,)."""

    def data(n, generator):
        index = torch.randint(len(images), (n,), generator=generator)
        return images[index], labels[index]

    return data


def mnist_pictures():
    images, labels = mnist.load("train")
    return pictures_of(images / 255, labels)


def train_judge(images, labels, *, seed=0, epochs=10, **settings):
    """A Judge trained on images (N, 1, 28, 28) in 0..1 and labels (N,), in eval mode.

    settings: of `train`, where they differ from the recipe's. The same seed gives the same judge on
    the same machine, and the global random state is left as it was.
    """
    settings = dict(JUDGE, **settings)
    if len(images) != len(labels) or len(images) < settings["batch"]:
        raise UserError(
            f"images and labels must be equally many, at least {settings['batch']}, "
            f"got {len(images)} and {len(labels)}"
        )
    with torch.random.fork_rng(devices=[]):
        # The only way to seed the layers' own initialisation; torch.manual_seed would reach a GPU's.
        torch.default_generator.manual_seed(seed)
        judge = Judge().to(images.device)
    total = epochs * len(images)
    settings |= dict(seed=seed, warmup=total // 5, loss=jittered(judge))
    return trained("judge", judge, pictures_of(images, labels), total, **settings).eval()


JUDGE = dict(batch=128, lr=4e-3, decay=0.998, optimizer=partial(adamw, weight_decay=0.02))
RECIPES = {
    "judge": Recipe(
        Judge, mnist_pictures, 600_000, dict(warmup=120_000, bf16=True, **JUDGE), loss=jittered
    ),
    "scene-judge": Recipe(
        Suspicious,
        scenes_of_all_kinds,
        2_700_000,
        dict(batch=512, lr=4e-3, decay=0.999, bf16=True, prepare=channels_last),
        needs=("scenes-small",),
        keep=Suspicious.judge_of,
    ),
}
