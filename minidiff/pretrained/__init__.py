"""The shipped models: half-precision weights, and a manifest that says what each file is.

An entry of the manifest holds class and arguments of the model (its vocabulary among them), the
file of its weights with its sha256, the recipe and settings that made it, and the version of the
code. `load` builds from that alone, and refuses what does not fit.
"""

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from ..errors import UserError, shown
from ..files import atomic_write, owned
from ..training import checkpoints
from .parts import build, describe

HERE = Path(__file__).parent
LARGEST = 2**24  # bytes of a manifest


def load(name, folder=HERE, *known):
    """A shipped model, or one that `save` wrote into `folder`, on the CPU and ready to generate.

    Returns a `Model`, see its parts. known: classes that it may have beside the library's parts,
    such as a network of your own. UserError for an unknown name or a damaged file.
    """
    facts, tensors = read(name, folder)
    try:
        model = build(facts, known)
    except UserError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, MemoryError) as error:
        raise UserError(f"{name} in {shown(folder)} cannot be built from its manifest") from error
    checkpoints.fill(model, tensors, f"{name} in {shown(folder)}")
    return model.eval()


def read(name, folder, inside=()):
    """The manifest's entry of a model and its named tensors, those of other models in it too.

    inside: the models that it is read as a part of.
    """
    known, folder = manifest(folder), Path(folder)
    if name not in known:
        raise UserError(f"model must be one of {', '.join(known) or 'none yet'}, got {name!r}")
    facts = known[name]
    tensors, metadata = checkpoints.read_weights(folder / facts["file"], facts["sha256"])
    if metadata.get("made_for") != digest([facts["class"], facts["arguments"]]):
        raise UserError(f"{name} in {shown(folder)} has weights made for other arguments or words")
    for part, other in facts.get("parts", {}).items():
        if other.partition(".")[0] not in set(known) - {name, *inside}:
            raise UserError(f"{name} in {shown(folder)} needs the model {other!r} beside it")
        tensors |= part_of(part, other, folder, (*inside, name))
    return facts, tensors


def part_of(part, other, folder, inside=()):
    """The tensors of a part, which is another model, or a part of one such as "scenes.encoder"."""
    other, _, inner = other.partition(".")
    start = f"{inner}." if inner else ""
    return {
        f"{part}.{key.removeprefix(start)}": value
        for key, value in read(other, folder, inside)[1].items()
        if key.startswith(start)
    }


@torch.no_grad()
def save(name, model, folder=HERE, parts=None, **facts):
    """Write a model's weights into `folder` and what it is to the manifest there.

    parts: which of its parts are left out, being other models of the folder or parts of such, as in
    {"codec": "codec", "encoder": "scenes.encoder"}; they must be equal. facts: recipe, settings, seed, scores and the like. UserError for a
    model that cannot be described or whose weights are no numbers.
    """
    what, folder = describe(model), Path(folder)
    tensors = {key: value.cpu() for key, value in model.state_dict().items()}
    for part, other in (parts or {}).items():
        for key, value in part_of(part, other, folder).items():
            if not torch.equal(tensors.pop(key).half(), value.half()):
                raise UserError(f"{part} of the model differs from {other!r} in {shown(folder)}")
    facts |= {"parts": parts} if parts else {}
    made_for, file = digest([what["class"], what["arguments"]]), f"{name}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    with owned(folder, wait=True):
        written = checkpoints.save_weights(folder / file, tensors, made_for=made_for)
        entry = {"file": file, "sha256": written, "version": code_version(), **facts, **what}
        write_manifest(manifest(folder) | {name: entry}, folder)


def write_manifest(entries, folder=HERE):
    """Write a folder's manifest, with its own checksum, so that a damaged one is not believed."""
    whole = {"sha256": digest(entries), "models": entries}
    with atomic_write(Path(folder) / "manifest.json") as temporary:
        temporary.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def manifest(folder=HERE):
    """What the models in `folder` are: name -> file, sha256, class, arguments, recipe, scores, ...

    UserError for a damaged manifest.
    """
    path = Path(folder) / "manifest.json"
    if not path.exists():
        return {}
    damaged = UserError(f"{shown(path)} is damaged or is no manifest")
    try:
        if path.stat().st_size > LARGEST:
            raise damaged
        whole = json.loads(path.read_text(encoding="utf-8"))
        entries = whole["models"]
        if whole["sha256"] != digest(entries) or not all(map(is_entry, entries.values())):
            raise damaged
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise damaged from error
    return entries


def is_entry(facts):
    """Whether an entry has what `load` needs, and its file is a plain name inside the folder."""
    file, kinds = facts["file"], {"file": str, "sha256": str, "class": str, "arguments": dict}
    plain = file.strip(".") and not any(letter in file for letter in "/\\:\0")
    parts = facts.get("parts", {})
    named = isinstance(parts, dict) and all(isinstance(other, str) for other in parts.values())
    return plain and named and all(isinstance(facts[name], kind) for name, kind in kinds.items())


def code_version():
    try:
        return version("minidiff")
    except PackageNotFoundError:  # run from a folder, not installed
        return "unknown"


def digest(value):
    """The sha256 of plain values, whatever the order of a dict's entries."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
