"""What a model reproduces of its training pictures: networks trained on 10 to 10,000 digits.

    nice python tests/bench/memorisation.py [--only NAME ...] [--images N] [--seeds N] [--folder PATH]

Each run trains lesson 02's network for points on some of MNIST, shrunk to 14x14: points in 196
dimensions. On the way it is asked for 200 digits, to see how many are near-copies (`minidiff.evaluation.memorisation`),
and for its loss on the digits it trains on and on digits it never saw; at the end for 500 digits at
several strengths of guidance. The run "duplicated" holds 10,000 digits, of which three of each class
are there 10, 30 and 100 times; "1000, longer" trains four times as long. A run takes 20 s of a free
core. Results go into datasets/memorised after every run; runs that are there already are left out.
"""

import argparse
import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from tqdm import tqdm

from minidiff.codecs import Pixels
from minidiff.conditions import LabelEncoder
from minidiff.data import mnist
from minidiff.denoiser import Denoiser
from minidiff.evaluation.judges import digits as judge
from minidiff.evaluation.judges.digits import accuracy
from minidiff.evaluation.memorisation import near_copies, neighbours
from minidiff.files import atomic_write
from minidiff.model import Model
from minidiff.nets import PointNet
from minidiff.recipes import TEN_STEPS, labelled
from minidiff.sampling import generator_at
from minidiff.schedules import cosine
from minidiff.training import train

FOLDER = mnist.find_datasets() / "memorised"
# name -> how many digits, and how many times the usual length
RUNS = {
    "10": (10, 1),
    "100": (100, 1),
    "1000": (1_000, 1),
    "10000": (10_000, 1),
    "duplicated": (10_000, 1),
    "1000, longer": (1_000, 4),
}
TIMES = (10, 30, 100)  # how often the run "duplicated" holds its three chosen digits of each class
STRENGTHS = (1.0, 2.0, 4.0)
BATCH = 64


class Told(nn.Module):
    """A network for points x (B, 196) that is told a label: its token (B, 1, 32) beside the pixels."""

    def __init__(self):
        super().__init__()
        self.net = PointNet(196 + 32, width=192, features=1, scale=0.0)

    def forward(self, x, t, tokens, mask):
        return self.net(torch.cat([x, tokens[:, 0]], 1), t)[:, :196]


def small_model(seed):
    """385,000 numbers, labels as prompts, no guidance; its target is x0."""
    torch.manual_seed(seed)
    denoiser = Denoiser(Told(), cosine, target="x0")
    return Model(denoiser, LabelEncoder(10, 32), Pixels(), (196,), w=1.0, **TEN_STEPS)


def shrunk(pictures):
    """(n, 1, 28, 28) uint8 as points (n, 196) in 0..1."""
    return F.avg_pool2d(pictures / 255, 2).flatten(1)


def chosen(n, seed):
    """n training digits (n, 196) and their labels, as many of each class: 0, 1, ... 9, 0, 1, ..."""
    pictures, labels = mnist.load("train")
    order = torch.randperm(len(labels), generator=generator_at(seed, 0))
    rows = torch.stack([order[labels[order] == label][: n // 10] for label in range(10)], 1)
    return shrunk(pictures[rows.flatten()]), labels[rows.flatten()]


@torch.no_grad()
def fixed_loss(model, pictures, labels):
    """The training loss on 500 draws of these pictures, at the same times and noise every time."""
    generator = generator_at(0, 1)
    index = torch.randint(len(pictures), (500,), generator=generator)
    return model.loss(pictures[index], labels[index].tolist(), generator).item()


def measured(model, pictures, n, seed, w=1.0):
    """n samples, their near-copies, their median ratio of distances, how many are read as asked."""
    asked = torch.arange(n) % 10
    made = model(asked.tolist(), seed=seed * n, w=w)
    _, nearest, second = neighbours(made, pictures)
    return made, {
        "copies": near_copies(made, pictures).double().mean().item(),
        "ratio": (nearest / second).median().item(),
        "accuracy": accuracy(judge.load(), enlarged(made), asked),
    }


def enlarged(points):
    """Digits (n, 196) as the judge knows them, (n, 1, 28, 28)."""
    return F.interpolate(points.view(-1, 1, 14, 14), scale_factor=2, mode="bilinear")


def duplicate(pictures, labels):
    """The first three digits of each class, repeated; and how often each picture is there."""
    times = torch.ones(len(pictures), dtype=torch.long)
    for row, count in enumerate(TIMES):
        times[10 * row : 10 * row + 10] = count
    return pictures.repeat_interleave(times, 0), labels.repeat_interleave(times), times


def by_times(made, pictures, times):
    """For each number of times: the share of draws in training, and of samples that copy one."""
    index = neighbours(made, pictures)[0]
    copied = near_copies(made, pictures)
    return {
        str(count): {
            "draws": (count * (times == count).sum() / times.sum()).item(),
            "copies": (copied & (times[index] == count)).double().mean().item(),
        }
        for count in (1, *TIMES)
    }


def run(name, seed, images):
    """Train one network; its measurements as a dictionary, and its first 20 samples."""
    size, length = RUNS[name]
    images = images * length
    pictures, labels = chosen(size, seed)
    test, test_labels = mnist.load("test")
    test = shrunk(test)
    shown = pictures, labels
    if name == "duplicated":
        *shown, times = duplicate(pictures, labels)
    model, started, path = small_model(seed), time.process_time(), []
    marks = {int(images / BATCH * 2**-k) for k in range(6)}
    steps = train(model, labelled(*shown), images, batch=BATCH, lr=3e-3, decay=0.998, seed=seed)
    for progress in tqdm(steps, total=images // BATCH, mininterval=5):
        if progress.step in marks:
            now = progress.model.eval()
            found = measured(now, pictures, 200, seed)[1]
            found["loss"] = fixed_loss(now, pictures, labels)
            found["held-out loss"] = fixed_loss(now, test, test_labels)
            path.append({"images": progress.images} | found)
    kept, guided = None, {}
    for w in STRENGTHS:
        made, guided[f"w = {w:g}"] = measured(now, pictures, 500, seed, w)
        kept = made if kept is None else kept
    real = {
        "copies": near_copies(test[:1000], pictures).double().mean().item(),
        "accuracy": accuracy(judge.load(), enlarged(test[:1000]), test_labels[:1000]),
    }
    found = {"path": path, "guided": guided, "real": real}
    if name == "duplicated":
        found["by times"] = by_times(kept, pictures, times)
    return found | {"core seconds": round(time.process_time() - started)}, kept[:20]


def rounded(value):
    """The same nested dictionary or list, its numbers to four digits."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", default=list(RUNS), choices=list(RUNS))
    parser.add_argument("--images", type=int, default=128_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    path = args.folder / "results.json"
    for seed in range(args.seeds):
        for name in args.only:
            results = json.loads(path.read_text()) if path.exists() else {}
            key = f"{name}, seed {seed}"
            if key in results:
                continue
            found, made = run(name, seed, args.images)
            results[key] = rounded(found)
            if seed == 0:
                strip = torch.cat([*(made.view(-1, 14, 14) * 255).round().byte()], 1)
                Image.fromarray(strip.numpy()).save(args.folder / f"{name}.png")
            with atomic_write(path) as temporary:
                temporary.write_text(json.dumps(results, indent=1) + "\n")
            print(key, {w: one["copies"] for w, one in found["guided"].items()}, flush=True)


if __name__ == "__main__":
    main()
