"""Scores of a shared space of pictures and captions, on scenes that it has not seen.

Search: a picture is to find its caption among others, some of which differ from it in one detail.
Words as a classifier: of the captions "a fox", "a cat", ... the nearest names the thing, although
no classifier was trained (Radford et al. 2021, section 3.1).
"""

import numpy as np
import torch

from ..checks import check_count
from ..data import scenes
from ..data.scenes.captions import article, caption_of
from ..data.scenes.twins import FACTS, twin

AMONG, NEAR = 64, 5  # captions that a picture is compared with, and how many of a twin


def full(scene, rng):
    """A caption of the scene with every detail."""
    return caption_of(scene, rng, mention=1, vague=0)


@torch.no_grad()
def search(space, n=256, seed=0):
    """The share of n pictures whose own caption is the nearest of AMONG, and what the others mistake.

    NEAR of the captions are true of a twin, which differs in one fact, the rest of other scenes.
    Returns {"caption first": share, "thing": share of the twins with another thing whose caption is
    nearer than the right one, "colour": ...}, for each of FACTS that occurred.
    """
    rng = np.random.default_rng([check_count("seed", seed, 0), 1])
    told = [scenes.invent(rng, False) for _ in range(check_count("n", n, AMONG))]
    pictures = space.of_pictures(scenes.stacked([scenes.paint(scene, rng) for scene in told]))
    captions = space.of_prompts([full(scene, rng) for scene in told])
    first, mistaken = [], {}
    for k, scene in enumerate(told):
        near = [twin(scene, rng) for _ in range(NEAR)]
        words = space.of_prompts([full(other, rng) for other, _ in near])
        others = (k + torch.arange(AMONG - NEAR)) % n  # its own is the first of them
        scores = torch.cat([captions[others], words]) @ pictures[k]
        first.append(bool(scores[0] > scores[1:].max()))
        for (_, fact), score in zip(near, scores[-NEAR:]):
            mistaken.setdefault(fact, []).append(bool(score >= scores[0]))
    shares = {fact: sum(mistaken[fact]) / len(mistaken[fact]) for fact in FACTS if fact in mistaken}
    return {"caption first": sum(first) / n, **shares}


@torch.no_grad()
def name_things(space, n=256, seed=0, things=scenes.COMMON):
    """The share of n pictures of these things whose thing is the nearest of the words "a fox", ..."""
    rng = np.random.default_rng([check_count("seed", seed, 0), 2])
    told = [scenes.invent(rng, False, things) for _ in range(check_count("n", n, 1))]
    pictures = space.of_pictures(scenes.stacked([scenes.paint(scene, rng) for scene in told]))
    words = space.of_prompts([article(f"a {thing}") for thing in things])
    found = (pictures @ words.T).argmax(1).tolist()
    return sum(things[i] == scene.thing for i, scene in zip(found, told)) / n
