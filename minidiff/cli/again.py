"""`minidiff again`: a file that a command wrote, made anew from what it says of itself."""

import json
import tempfile
from pathlib import Path

from PIL import Image

from .. import pretrained
from ..errors import UserError, shown
from ..files import atomic_write, check_writable
from . import arguments, enlarge, generate, placeholders
from .models import open_model
from .record import made_by

# What the records of `generate` and of `enlarge` hold, at least.
NEEDED = (
    {"prompts", "n", "seed", "model", "weights", "steps", "sampler"},
    {"enlarged", "sha256", "prompt", "seed", "model", "weights", "steps", "strength", "times"},
)


def again(args):
    """Writes the same file, bit for bit on the same machine, under another name."""
    source, out = Path(args.file), Path(args.out or beside(args.file))
    told, record = told_by(source)
    if "studio" in record:
        from .. import studio  # brings the page's widgets

        check_writable(out)
        studio.save(studio.read(source), out)
        print(out)
        return 0
    if out.suffix != source.suffix:
        raise UserError(f"-o must end in {source.suffix}, as {shown(source)}, got {args.out!r}")
    check_writable(out)
    if weights_of(record) != record["weights"]:
        raise UserError(f"{shown(source)} was made by other weights of {record['model']!r}")
    with tempfile.TemporaryDirectory() as folder:
        # a picture of a folder is a picture alone; a grid has its prompts above or beside it
        fit = record.get("fit")  # what `placeholders` cut it to
        alone = source.suffix == ".png" and bool(fit or size_of(source) == told_size(record))
        made = Path(folder) / ("made/" if alone else f"made{out.suffix}")
        if "enlarged" in record:
            alone = False
            enlarge.run(arguments.parse(words_to_enlarge(record, str(made), args.device)))
        else:
            words = words_for(record, f"{made}/" if alone else str(made), args.device)
            generate.run(arguments.parse(words))
        data = (made / "1.png" if alone else made).read_bytes()
        if fit:
            data = placeholders.cut(data, fit, told)
    if made_by(source) != told:
        raise UserError(f"{shown(source)} changed while it was made anew")
    with atomic_write(out) as temporary:
        temporary.write_bytes(data)
    print(out)
    return 0


def beside(file):
    """A name for what is made anew of a file: fox.png becomes fox-again.png."""
    path = Path(file)
    return path.with_name(f"{path.stem}-again{path.suffix}")


def told_by(path):
    """The text and the record in a file; UserError for a file that `generate` did not write."""
    if not path.is_file():
        raise FileNotFoundError(
            f"again needs a file that generate wrote, and there is no {shown(path)}"
        )
    foreign = UserError(f"{shown(path)} does not say how it was made: generate did not write it")
    text = made_by(path)
    try:
        record = json.loads(text or "")
        fits = any(needed <= set(record) for needed in NEEDED)
        if "studio" in record:
            return text, record
    except (ValueError, TypeError) as error:
        raise foreign from error
    if not fits or not isinstance(record.get("prompts", []), list):
        raise foreign
    if record["model"] not in pretrained.manifest() and not Path(str(record["model"])).is_dir():
        raise UserError(f"{shown(path)} was made by {record['model']!r}, which is not here")
    return text, record


def size_of(path):
    with Image.open(path) as file:
        return file.size


def told_size(record):
    """The size in pixels of one picture of a record, None of points."""
    if not record.get("size"):
        return None
    sides = [int(side) for side in record["size"].split("x")]
    larger = (record.get("enlarge_to") or max(sides)) // max(sides) * (record.get("enlarge") or 1)
    return tuple(side * larger for side in sides)


def weights_of(record):
    """The weights that would make a record's file now."""
    models = [record["model"], *([enlarge.MODEL] if record.get("enlarge_to") else [])]
    return "+".join(open_model(model, None)[1]["weights"] for model in models)


def check_unchanged(source, record, done):
    """UserError unless the picture that a record's file was made from is still the same."""
    if not Path(source).is_file() or enlarge.digest(source) != record["sha256"]:
        raise UserError(f"{shown(source)} is not the picture any more that was {done}")


def words_to_enlarge(record, out, device):
    """The command that made the file of a record of `enlarge`, as words, to write to `out`."""
    source = Path(str(record["enlarged"]))
    check_unchanged(source, record, "enlarged")
    words = ["enlarge", f"--prompt={record['prompt']}", "-o", out]
    words += [f"--{name}={record[name]}" for name in ("times", "seed", "steps", "strength")]
    words += [f"--device={device}"] if device else []
    return [*words, "--", str(source)]


def words_for(record, out, device):
    """The command that made a record's file, as words, to write to `out`."""
    prompts, source = record["prompts"], record.get("variations_of")
    if source is not None:
        check_unchanged(source, record, "varied")
    prompts = [str(prompt) for prompt in prompts if prompt is not None]
    words = ["generate", f"--model={record['model']}", "-n", str(record["n"])]
    words += [f"--seed={record['seed']}", f"--steps={record['steps']}", "-o", out]
    if record["sampler"] in generate.SAMPLERS:
        words.append(f"--sampler={record['sampler']}")
    if prompts:
        words.append(f"--guidance={record['guidance']}")
    for name in ("negative", "size", "enlarge", "enlarge_to", "first", "variations_of"):
        if record.get(name) is not None:
            words.append(f"--{name.replace('_', '-')}={record[name]}")
    frames = record.get("frames")
    if frames:
        words += ["--frames"] if frames is True else [f"--frames={frames}"]
    words += [f"--device={device}"] if device else []
    return [*words, "--", *([] if source else prompts)]
