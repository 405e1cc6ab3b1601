"""The shipped models: half-precision weights, and a manifest that says what each file is."""

import json
from pathlib import Path

from ..files import atomic_write
from ..training.checkpoints import load_weights, save_weights

HERE = Path(__file__).parent


def load(name, folder=HERE):
    """A shipped model, or one that `save` wrote into `folder`, ready to generate.

    Returns a `Model`, see its parts. ValueError for an unknown name or a damaged file.
    """
    from ..recipes import RECIPES  # here, since recipes reach every corner of the library

    known = manifest(folder)
    if name not in known or known[name]["recipe"] not in RECIPES:
        raise ValueError(f"model must be one of {', '.join(known) or 'none yet'}, got {name!r}")
    facts = known[name]
    recipe = RECIPES[facts["recipe"]]
    model = (recipe.empty or recipe.model)()
    return load_weights(Path(folder) / facts["file"], model, facts["sha256"]).eval()


def save(name, model, folder=HERE, **facts):
    """Write a model's weights into `folder` and its facts (recipe, seed, scores) to the manifest."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    file = f"{name}.safetensors"
    digest = save_weights(folder / file, model)
    entries = manifest(folder) | {name: {"file": file, "sha256": digest, **facts}}
    with atomic_write(folder / "manifest.json") as temporary:
        temporary.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def manifest(folder=HERE):
    """What the models in `folder` are: name -> file, sha256, recipe, seed, training, scores."""
    path = Path(folder) / "manifest.json"
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
