"""What shipped networks, the renderer and the solutions of exercises gave: golden.safetensors.

python tests/golden.py            writes the file anew; run it after shipping other weights
python tests/golden.py exercise   anew only what the solutions of exercises give
"""

import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from minidiff import load, pretrained
from minidiff.codecs import Autoencoder
from minidiff.conditions import SharedSpace
from minidiff.course.exercises import all_exercises
from minidiff.course.exercises.answers import outputs
from minidiff.data import scenes as renderer
from minidiff.evaluation.judges import digits, scenes

FILE = Path(__file__).with_name("golden.safetensors")
JUDGES = {"judge": digits, "scene-judge": scenes}
PROMPTS = {  # one that says something and one that does not
    "digits": [3, None],
    "digits-text": ["a thick seven leaning right", ""],
    "digits-fast": ["a thick seven leaning right", ""],
    "scenes": ["a red fox in snow", ""],
    "scenes-fast": ["a red fox in snow", ""],
    "clips-digits": ["a seven moving left fast", ""],
    "enlarge": ["a red fox in snow", ""],
    "prior": ["a red fox in snow", ""],
    "variations": [torch.ones(64) / 8, ""],  # a vector that means something, or nothing known
}


def names():
    """Every shipped network."""
    return [*pretrained.manifest()]


@torch.no_grad()
def answer(name, dtype=torch.float32):
    """What the network of that name says in that precision, as one row of numbers, float32."""
    generator = torch.Generator().manual_seed(0)
    if name in JUDGES:
        sizes = {"judge": (2, 1, 28, 28), "scene-judge": (2, 3, 64, 64)}
        judge = deepcopy(JUDGES[name].load()).to(dtype)  # of which `load` keeps one for all
        said = judge(torch.rand(sizes[name], generator=generator).to(dtype))
        said = said.values() if isinstance(said, dict) else [said]  # logits for each question
        return torch.cat([logits.flatten() for logits in said]).float()
    model = load(name).to(dtype)
    if isinstance(model, SharedSpace):
        vectors = model.of_pictures(torch.rand(2, 3, 64, 64, generator=generator).to(dtype))
        return torch.cat([vectors, model.of_prompts(["a red fox in snow", ""])]).flatten().float()
    if isinstance(model, Autoencoder):
        x0 = model.encode(torch.rand(1, 3, 32, 32, generator=generator).to(dtype))
        return torch.cat([x0.flatten(), model.decode(x0).flatten()]).float()
    # Parts of large pictures are as good as the whole, and keep the file small.
    shape = (3, 16, 16) if name.startswith(("photo", "enlarge")) else model.shape
    x, t = torch.randn(2, *shape, generator=generator), torch.tensor([0.3, 0.9])
    cond = model.encoder(PROMPTS.get(name, [None] * 2))
    if name == "enlarge":  # it is shown a small picture, under noise
        small = torch.randn(2, 3, 8, 8, generator=generator).to(dtype)
        cond = (*cond, small, torch.tensor([0.0, 0.2]))
    return model.denoiser.net(x.to(dtype), t, *cond).flatten().float()


def renders():
    """The first 32 scenes at a quarter of their size, in 0..1: what `scenes` was trained on."""
    pictures = torch.stack([torch.tensor(renderer.example(seed)[1]) for seed in range(32)])
    return F.avg_pool2d(pictures.permute(0, 3, 1, 2) / 255, 4).flatten()


def solved(exercise):
    """The numbers that an exercise's solution gives for all its inputs, in a row."""

    def numbers(output):
        if isinstance(output, list):
            return [number for part in output for number in numbers(part)]
        return output.ravel().tolist() if isinstance(output, np.ndarray) else []

    return torch.tensor(numbers(outputs(exercise.solution, exercise.inputs())))


def stored():
    """What they said when the file was written, by name, float32."""
    return {name: values.float() for name, values in load_file(FILE).items()}


def main(only=""):
    if only == "exercise":
        told = {name: values for name, values in load_file(FILE).items() if only not in name}
    else:
        told = {name: answer(name).half() for name in names()} | {"renders": renders().half()}
    told |= {f"exercise {each.name}": solved(each) for each in all_exercises()}
    save_file(told, FILE)
    print(f"{FILE.name}: {len(told)} entries, {FILE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
