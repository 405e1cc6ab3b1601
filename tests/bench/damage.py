"""Damaged files: weights, manifests and states, each refused in one sentence, or as good as whole.

python tests/bench/damage.py [--files 500] [--seed 0]

Files are hurt at random (bits, stretches of zeros, truncation, more bytes, headers that promise too
much) and on purpose, with checksums set right again (NaN, another vocabulary, another class, a path
out of the folder, pickles that run code). Prints how many of each kind were refused; exits with 1 if
one was taken as other values, raised anything but a sentence, or ran code.
"""

import argparse
import hashlib
import json
import os
import pickle
import random
import resource
import shutil
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import load, save

from minidiff import Denoiser, Model, PointNet, Scaled, Unconditional, cosine, pretrained, train
from minidiff.codecs import Pixels
from minidiff.conditions import TextEncoder, Tokenizer
from minidiff.errors import UserError
from minidiff.nets import UNet
from minidiff.recipes import point_data

LONGEST, MEMORY = 200, 2**30  # characters of a sentence; bytes a refusal may take
SETTINGS = dict(images=32, batch=16, save_every=1)


def small():
    torch.manual_seed(0)
    net = PointNet(width=16, depth=1)
    return Model(Denoiser(net, cosine), Unconditional(), Scaled(2.0), (2,))


def with_words():
    torch.manual_seed(0)
    net = UNet(1, width=8, widths=(1,), token_width=8)
    encoder = TextEncoder(Tokenizer(["cat", "fox", "red"], 4), width=8, depth=1, heads=2)
    return Model(Denoiser(net, cosine), encoder, Pixels(), (1, 4, 4))


def make(folder):
    """A folder with two models and the state of a finished run."""
    for progress in train(small(), point_data(), state=folder / "state.pt", **SETTINGS):
        pass
    pretrained.save("small", progress.model, folder)
    pretrained.save("words", with_words(), folder)


def hurt(data, rng):
    """The bytes, damaged in one of several ways, and the name of the way."""
    data, way = bytearray(data), rng.choice(["bit", "zeros", "cut", "longer", "header", "swap"])
    place = rng.randrange(len(data))
    if way == "bit":
        data[place] ^= 1 << rng.randrange(8)
    elif way == "zeros":
        data[place : place + 512] = bytes(len(data[place : place + 512]))
    elif way == "cut":
        del data[place:]
    elif way == "longer":
        data += rng.randbytes(rng.randrange(1, 999))
    elif way == "header":
        start = 65 if data[64:65] == b"\n" else 0
        data[start : start + 8] = rng.randrange(2**63).to_bytes(8, "little")
    else:
        other = rng.randrange(len(data))
        data[place : place + 64], data[other : other + 64] = (
            data[other : other + 64],
            data[place : place + 64],
        )
    return bytes(data), way


class Bomb:
    """Unpickled, it leaves a file: the sign that code was run."""

    def __reduce__(self):
        return os.mkdir, (str(Bomb.sign),)


def signed(body):
    """What `save_state` would put before this body."""
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def on_purpose(folder):
    """Damage by someone who sets the checksums right: (name of the way, what does it)."""
    weights, state, manifest = (
        folder / name for name in ("words.safetensors", "state.pt", "manifest.json")
    )

    def entry(change):
        def act():
            entries = pretrained.manifest(folder)
            change(entries["words"])
            pretrained.write_manifest(entries, folder)

        return act

    def words(plan):
        return plan["arguments"]["encoder"]["arguments"]["tokenizer"]["arguments"]

    def refill(value):
        def act():
            tensors = {name: torch.full_like(x, value) for name, x in load(body(weights)).items()}
            weights.write_bytes(save(tensors, {"made_for": made_for()}))
            entry(lambda facts: facts.update(sha256=hashlib.sha256(body(weights)).hexdigest()))()

        return act

    def made_for():
        facts = pretrained.manifest(folder)["words"]
        return pretrained.digest([facts["class"], facts["arguments"]])

    def body(path):
        return path.read_bytes()

    def zip_bomb():
        with zipfile.ZipFile(state, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data/0", bytes(2**28))

    deep = "[" * 100_000
    return {
        "NaN weights": refill(float("nan")),
        "infinite weights": refill(float("inf")),
        "another vocabulary": entry(lambda f: words(f).update(words=["cat", "dog", "red"])),
        "a longer vocabulary": entry(lambda f: words(f).update(words=["cat", "dog", "fox", "red"])),
        "another class": entry(lambda f: f.update({"class": "PointNet"})),
        "a class of no part": entry(lambda f: f.update({"class": "Popen"})),
        "a huge network": entry(
            lambda f: f["arguments"]["denoiser"]["arguments"]["net"]["arguments"].update(
                width=10**6
            )
        ),
        "a path": entry(lambda f: f.update(file="../words.safetensors")),
        "an absolute path": entry(lambda f: f.update(file="/etc/passwd")),
        "no checksum": entry(lambda f: f.pop("sha256")),
        "an empty checksum": entry(lambda f: f.update(sha256="")),
        "a checksum of null": entry(lambda f: f.update(sha256=None)),
        "a missing part": entry(lambda f: f.update(parts={"codec": "nowhere"})),
        "a part of itself": entry(lambda f: f.update(parts={"codec": "words"})),
        "parts that are none": entry(lambda f: f.update(parts=3)),
        "manifest: null": lambda: manifest.write_text("null"),
        "manifest: deep": lambda: manifest.write_text(deep),
        "manifest: old": lambda: manifest.write_text(json.dumps(pretrained.manifest(folder))),
        "manifest: latin": lambda: manifest.write_bytes(b"\xff\xfe"),
        "manifest: large": lambda: manifest.write_text(" " * 2**25),
        "state: pickle": lambda: state.write_bytes(pickle.dumps(Bomb())),
        "state: torch": lambda: torch.save({"step": Bomb()}, state),
        "state: signed pickle": lambda: state.write_bytes(signed(pickle.dumps(Bomb()))),
        "state: zip bomb": zip_bomb,
        "state: signed, deep": lambda: state.write_bytes(signed(save({}, {"state": deep}))),
        "state: signed, empty": lambda: state.write_bytes(signed(b"")),
        "state: signed, of plain words": lambda: state.write_bytes(
            signed(save({}, {"state": '{"dict": [["step", "x"], ["plan", 3]]}'}))
        ),
        "weights: pickle": lambda: weights.write_bytes(pickle.dumps(Bomb())),
        "weights: gone": weights.unlink,
        "weights: a folder": lambda: (weights.unlink(), weights.mkdir()),
    }


def use(folder):
    """Read all that a folder holds; returns everything in it as named values."""
    values = {}
    for name in ("small", "words"):
        values |= {f"{name}.{k}": v for k, v in pretrained.load(name, folder).state_dict().items()}
    run = train(small(), point_data(), state=folder / "state.pt", resume=True, **SETTINGS)
    return values | dict(next(run).model.state_dict())


def verdict(folder, wanted):
    """ "refused", "equal", or what is wrong."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    try:
        found = use(folder)
    except (UserError, FileNotFoundError) as error:
        sentence = str(error)
        if len(sentence.replace(str(folder), "folder")) > LONGEST or "\n" in sentence:
            return f"too long: {sentence}"
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
        return "refused" if grown < MEMORY else f"took {grown} bytes"
    except Exception as error:  # anything else is what this script looks for
        return f"raised {type(error).__name__}: {error}"
    same = all(torch.equal(value, wanted[name]) for name, value in found.items())
    return "equal" if same else "other values"


def campaign(files, seed=0):
    """Damage files one after the other; returns a Counter of (way, verdict)."""
    rng, counts = random.Random(seed), Counter()
    with tempfile.TemporaryDirectory() as place:
        whole, folder = Path(place) / "whole", Path(place) / "hurt"
        Bomb.sign = Path(place) / "exploded"
        whole.mkdir()
        make(whole)
        wanted, purposes = use(whole), list(on_purpose(folder))
        targets = ["words.safetensors", "manifest.json", "state.pt"]
        for number in range(files):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(whole, folder)
            if number < len(purposes):
                way = purposes[number]
                on_purpose(folder)[way]()
            else:
                target = folder / targets[number % 3]
                data, way = hurt(target.read_bytes(), rng)
                target.write_bytes(data)
                way = f"{target.suffix[1:]}: {way}"
            result = verdict(folder, wanted)
            if Bomb.sign.exists():
                result = "ran code"
                Bomb.sign.rmdir()
            counts[way, result] += 1
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    counts = campaign(**vars(parser.parse_args()))
    for (way, result), count in sorted(counts.items()):
        print(f"{count:5}  {way:32} {result}")
    bad = sum(n for (_, result), n in counts.items() if result not in ("refused", "equal"))
    print(f"{sum(counts.values())} damaged files, {bad} of them not refused in a sentence")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
