"""A tiny untrained model of colour pictures, and what the tests of `minidiff generate` do with it."""

import csv
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from minidiff import cli, pretrained
from minidiff.cli.record import made_by
from minidiff.codecs import Autoencoder
from minidiff.conditions import TextEncoder, Tokenizer
from minidiff.denoiser import Denoiser
from minidiff.model import Model
from minidiff.nets import UNet
from minidiff.schedules import cosine

WORDS = "a red blue fox cat in snow night two".split()


def tiny_scenes():
    """The parts of the model of scenes, at the least size that has them all."""
    net = UNet(4, width=8, widths=(1, 2), patch=1, token_width=8)
    encoder = TextEncoder(Tokenizer(WORDS, 8), width=8, depth=1)
    codec = Autoencoder(4, narrow=8, wide=8)
    return Model(Denoiser(net, cosine), encoder, codec, (4, 16, 16), w=3.0, steps=3)


def saved():
    """The model in the folder "tiny" of the working folder."""
    torch.manual_seed(0)
    model = tiny_scenes()
    for parameter in model.parameters():
        if not parameter.any():  # begins at 0, which makes every block the identity
            torch.nn.init.normal_(parameter, std=0.05)
    pretrained.save("tiny", model, "tiny", recipe="tiny")
    return pretrained.load("tiny", "tiny")


def run(*words, model="tiny"):
    return cli.main(["generate", "--model", model, *map(str, words)])


def refused(capfd, *words, model="tiny"):
    """The sentence of a command that is refused: one line on stderr, nothing on stdout, code 2."""
    capfd.readouterr()
    assert run(*words, model=model) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("minidiff: ") and err.count("\n") == 1, err
    return err


def levels(pictures):
    """Pictures (N, 3, H, W) in 0..1 as bytes (N, H, W, 3)."""
    return (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def index(folder):
    """The rows of a folder's index, by column."""
    with open(folder / "index.csv", newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def column(folder, name):
    return [row[name] for row in index(folder)]


def record_in(file):
    """The record that a PNG or a GIF file carries."""
    return json.loads(made_by(file))


def contents(folder):
    """The files of a folder and what they hold, hidden ones too."""
    return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def same_pictures(folder, other):
    """Whether two folders hold files of the same names, the same index, and pictures that look alike.

    How many pictures are painted together may change the last bit of one, not who made it.
    """
    folder, other = Path(folder), Path(other)
    a, b = sorted(folder.iterdir()), sorted(other.iterdir())
    if [file.name for file in a] != [file.name for file in b] or index(folder) != index(other):
        return False
    pairs = [pair for pair in zip(a, b) if pair[0].suffix == ".png"]
    levels = [[np.asarray(Image.open(file)).astype(int) for file in pair] for pair in pairs]
    return all(made_by(first) == made_by(second) for first, second in pairs) and all(
        np.abs(first - second).max() <= 1 for first, second in levels
    )
