"""How the judges are trained: `python -m minidiff.recipes.judges digits` or `scenes`.

Each replaces the shipped weights: digits on MNIST (about seven minutes of one CPU core), scenes on
all scenes, those held out from the generators included. Judges are trained apart from and before
any generator.
"""

import sys
from copy import deepcopy

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tqdm.auto import trange

from ..data import mnist
from ..data.scenes import any_scenes
from ..evaluation.judges import digits, scenes
from ..files import atomic_write
from ..training import trained
from ..training.checkpoints import save_weights


def jitter(images, generator, *, turn=0.2, zoom=0.12, shift=2.5):
    """Each image turned (radians), zoomed (ratio) and shifted (pixels) by up to that much."""
    angle, size, *move = torch.rand(4, len(images), generator=generator) * 2 - 1
    angle, size = turn * angle, torch.exp(zoom * size)
    cos, sin = size * angle.cos(), size * angle.sin()
    dx, dy = (2 * shift / images.shape[-1] * m for m in move)
    affine = torch.stack([cos, -sin, dx, sin, cos, dy], 1).view(-1, 2, 3)
    grid = F.affine_grid(affine.to(images.device), images.shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def train_judge(images, labels, *, seed=0, epochs=10, batch=128, lr=4e-3, bf16=False):
    """A Judge trained on images (N, 1, 28, 28) in 0..1 and labels (N,), in eval mode.

    The recipe: `jitter`, AdamW, a one-cycle learning rate (Smith and Topin 2018). The same seed
    gives the same judge on the same machine, and the global random state is left as it was.
    bf16: compute in bfloat16, 1.7 times as fast on a processor that has it, slow on others.
    """
    if len(images) != len(labels) or len(images) < batch:
        raise ValueError(
            f"images and labels must be equally many, at least {batch}, "
            f"got {len(images)} and {len(labels)}"
        )
    with torch.random.fork_rng(devices=[]):
        # The only way to seed the layers' own initialisation; torch.manual_seed would reach a GPU's.
        torch.default_generator.manual_seed(seed)
        judge = digits.Judge().to(images.device)
    generator = torch.Generator().manual_seed(seed)
    steps = len(images) // batch
    optimizer = torch.optim.AdamW(judge.parameters(), lr, weight_decay=0.02)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, epochs=epochs, steps_per_epoch=steps, pct_start=0.2
    )
    judge.train()
    for _ in trange(epochs, desc="judge", unit="epoch"):
        order = torch.randperm(len(images), generator=generator).to(images.device)
        for index in order[: steps * batch].view(steps, batch):
            x = jitter(images[index], generator)
            with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
                logits = judge(x)
            loss = F.cross_entropy(logits.float(), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            cycle.step()
    return judge.eval()


def save(judge, path=digits.PATH, **metadata):
    """Write the judge in half precision; an older file stays as it was if that fails (OSError)."""
    weights = deepcopy(judge).cpu().half().state_dict()
    with atomic_write(path) as temporary:
        save_file(
            {name: value.contiguous() for name, value in weights.items()},
            temporary,
            metadata={key: str(value) for key, value in metadata.items()},
        )


def train_digits(seed=0):
    """Train on MNIST, round to half precision, measure on the test set what was saved."""
    images, labels = mnist.load("train")
    judge = train_judge(images / 255, labels, seed=seed, bf16=True)
    judge.half().float()  # in place: what is measured is what the file holds
    images, labels = mnist.load("test")
    score = digits.accuracy(judge, images / 255, labels)
    save(judge, seed=seed, test_accuracy=f"{score:.4f}")
    print(
        f"test accuracy {score:.2%}, {digits.PATH.stat().st_size / 2**20:.2f} MiB, saved to {digits.PATH}"
    )


def train_scenes(seed=0, images=300_000, batch=64):
    """Train, save, and measure on fresh scenes what was saved."""
    torch.manual_seed(seed)
    settings = dict(batch=batch, lr=3e-3, decay=0.998, seed=seed)
    save_weights(
        scenes.PATH, trained("scene judge", scenes.SceneJudge(), any_scenes, images, **settings)
    )
    pictures, shown = any_scenes(4000, torch.Generator().manual_seed(2**40))
    for name, right in scenes.adherence(scenes.judged(pictures), shown).items():
        print(f"{name:8} {right.float().mean():.2%}")


if __name__ == "__main__":
    {"digits": train_digits, "scenes": train_scenes}[sys.argv[1]]()
