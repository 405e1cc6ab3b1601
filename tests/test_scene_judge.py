"""The judge of scenes: what it reads, how answers are held against what was asked, the scores."""

import pytest
import torch

from minidiff.data import scenes
from minidiff.data.scenes import Scene
from minidiff.data.scenes.sprites import THINGS, natural_colours
from minidiff.evaluation import scenes as scene_scores
from minidiff.evaluation.judges.scenes import ANSWERS, SceneJudge, adherence, facts, same_colour


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def said_of(asked):
    """The answers of a judge that is always right."""
    return {
        "thing": [scene.thing for scene in asked],
        "colour": [scene.colour for scene in asked],
        "place": [scene.place for scene in asked],
        "style": [scene.style for scene in asked],
        "count": [len(scene.spots) for scene in asked],
    }


@pytest.fixture(scope="module")
def asked():
    generator = seeded()
    return [scenes.random_scene(generator) for _ in range(200)]


def test_facts_number_the_answers(asked):
    numbers = facts(asked)
    for name, said in said_of(asked).items():
        assert [ANSWERS[name][i] for i in numbers[name]] == said


def test_a_perfect_judge_finds_everything_and_each_mistake_counts_once(asked):
    answers = said_of(asked)
    assert all(right.all() for right in adherence(answers, asked).values())
    for name, wrong in [("thing", "fox"), ("place", "snow"), ("style", "flat"), ("count", 3)]:
        mistaken = answers | {name: [wrong] * len(asked)}
        right = adherence(mistaken, asked)
        expected = torch.tensor([said == wrong for said in answers[name]])
        assert torch.equal(right[name], expected)
        assert torch.equal(right["all four"], expected | torch.tensor(name == "count"))


def test_a_natural_colour_passes_for_its_word_and_no_other():
    red = next(t for t in THINGS if natural_colours(t) == ("red",))
    natural = Scene(red)
    assert same_colour("natural", natural) and same_colour("red", natural)
    assert not same_colour("blue", natural)
    fox = Scene("fox", "red" if "red" in scenes.colours_of("fox") else "natural")
    assert same_colour(fox.colour, fox) and not same_colour("green", fox)


def test_the_loss_of_a_judge_falls_with_training_and_is_seeded():
    torch.manual_seed(0)
    judge = SceneJudge().train()
    pictures, told = scenes.any_scenes(16, seeded())
    assert judge.loss(pictures, told, seeded()).equal(judge.loss(pictures, told, seeded()))
    optimizer = torch.optim.AdamW(judge.parameters(), 3e-3)
    losses = []
    for step in range(15):
        loss = judge.loss(pictures, told, seeded(step)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_the_shipped_judge_reads_real_scenes_seen_and_held_out():
    for unseen in (False, True):
        shares = scene_scores.real_adherence(500, unseen, tuple(THINGS))
        for name in ("thing", "colour", "place", "style"):
            chance = 1 / len(ANSWERS[name])
            assert shares[name] > 0.9 > chance, (name, unseen, shares[name])


def test_scores_of_pictures_that_are_not_what_was_asked_are_near_chance(asked):
    pictures = scene_scores.rendered(asked, seeded(1))
    shares = scene_scores.adherence_scores(pictures.roll(1, 0), asked)
    assert shares["thing"] < 0.1 and shares["place"] < 0.3 and shares["all four"] < 0.05


def test_a_wrong_shape_is_one_sentence():
    with pytest.raises(ValueError, match="pictures must be floats in 0..1 of shape"):
        SceneJudge()(torch.zeros(1, 3, 32, 32))
