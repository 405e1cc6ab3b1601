"""A classifier of scenes: which thing, colour, place and style a picture shows, and how many.

`minidiff train scene-judge` trains it anew, apart from any generator.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import nn

from ... import pretrained
from ...data.scenes import COLOURS, PLACES, STYLES, THINGS, natural_colours
from ...errors import UserError
from ...nets.eye import scene_eye

ANSWERS = {
    "thing": (*THINGS, "nothing"),  # nothing: what a person would call none of these
    "colour": COLOURS,
    "place": tuple(PLACES),
    "style": STYLES,
    "count": (1, 2, 3),
}


class SceneJudge(nn.Module):
    """Eight convolutions, the mean over places, and one linear layer for all the ANSWERS."""

    width = 128

    def __init__(self):
        super().__init__()
        self.body = scene_eye(self.width)
        self.head = nn.Linear(self.width, sum(map(len, ANSWERS.values())))
        self.to(memory_format=torch.channels_last)

    def features(self, pictures):
        """The penultimate layer, (B, 128), of pictures (B, 3, 64, 64), floats in 0..1."""
        if pictures.shape[1:] != (3, 64, 64) or not pictures.is_floating_point():
            raise UserError(
                "pictures must be floats in 0..1 of shape (B, 3, 64, 64), "
                f"got {pictures.dtype} of shape {tuple(pictures.shape)}"
            )
        return self.body(2 * pictures - 1).mean((2, 3))

    def forward(self, pictures):
        """Logits (B, number of answers) for each of ANSWERS, by its name."""
        logits = self.head(self.features(pictures)).split([len(a) for a in ANSWERS.values()], 1)
        return dict(zip(ANSWERS, logits))

    def loss(self, pictures, scenes, generator=None):
        """Sum of the cross entropies of all answers, (B,); half of the pictures are mirrored first."""
        mirrored = torch.rand(len(pictures), generator=generator) < 0.5
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
        right = facts(scenes)
        return sum(
            F.cross_entropy(
                logits.float(),
                right[name].to(logits.device),
                label_smoothing=0.05,
                reduction="none",
            )
            for name, logits in self(pictures).items()
        )


def facts(scenes):
    """What is true of n scenes: for each of ANSWERS the number (n,) of the right one."""
    asked = [
        (scene.thing, scene.colour, scene.place, scene.style, len(scene.spots)) for scene in scenes
    ]
    columns = zip(ANSWERS.items(), zip(*asked))
    return {
        name: torch.tensor([known.index(value) for value in values])
        for (name, known), values in columns
    }


@torch.no_grad()
def judged(pictures, judge=None):
    """What the judge says of pictures (n, 3, 64, 64): a list of n answers for each of ANSWERS."""
    judge = judge or load()
    parts = [judge(part) for part in pictures.split(250)]
    return {
        name: [known[i] for part in parts for i in part[name].argmax(1)]
        for name, known in ANSWERS.items()
    }


def adherence(answers, scenes):
    """Which of `judged`'s answers are what n scenes ask for: booleans (n,) by name.

    "all four" is thing, colour, place and style at once. A colour may have been asked for by name
    or left natural: a drawing that is red by nature passes for red, and red for natural.
    """
    right = {
        "thing": [said == scene.thing for said, scene in zip(answers["thing"], scenes)],
        "colour": [same_colour(said, scene) for said, scene in zip(answers["colour"], scenes)],
        "place": [said == scene.place for said, scene in zip(answers["place"], scenes)],
        "style": [said == scene.style for said, scene in zip(answers["style"], scenes)],
    }
    right["all four"] = [all(four) for four in zip(*right.values())]
    right["count"] = [said == len(scene.spots) for said, scene in zip(answers["count"], scenes)]
    return {name: torch.tensor(values) for name, values in right.items()}


def same_colour(said, scene):
    """Whether a judged colour is the scene's, given what its thing looks like by nature."""
    pair = {said, scene.colour}
    return len(pair) == 1 or "natural" in pair and bool(pair & {*natural_colours(scene.thing)})


@lru_cache
def load(folder=pretrained.HERE):
    """The shipped SceneJudge, float32, on the CPU, in eval mode; cached, so never train it further.

    Raises FileNotFoundError for missing weights and UserError for damaged ones, naming the file.
    """
    return pretrained.load("scene-judge", folder, SceneJudge).requires_grad_(False)
