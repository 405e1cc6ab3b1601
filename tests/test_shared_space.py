"""Pictures and captions as vectors of one space: the loss against its formula, twins, bad input."""

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from minidiff import load, pretrained, recipes
from minidiff.conditions import SharedSpace, TextEncoder, Tokenizer, info_nce
from minidiff.data import scenes
from minidiff.data.scenes import twins
from minidiff.data.scenes.captions import plural
from minidiff.errors import UserError
from minidiff.evaluation import shared_space as evaluation
from minidiff.evaluation.judges.scenes import SceneJudge


@pytest.fixture(scope="module")
def space():
    torch.manual_seed(0)
    text = TextEncoder(Tokenizer(("a", "red", "fox", "cat"), 5), 16, depth=1)
    return SharedSpace(text, width=8).eval()


def unit(n, width, seed):
    vectors = torch.randn(n, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors, dim=1)


def test_info_nce_is_its_formula():
    pictures, texts, scale = unit(5, 7, 0), unit(5, 7, 1), torch.tensor(10.0)
    scores = (scale * pictures @ texts.T).double()
    chance = scores.exp()
    own = chance.diagonal()
    wanted = -((own / chance.sum(1)).log() + (own / chance.sum(0)).log()) / 2
    assert torch.allclose(info_nce(pictures, texts, scale).double(), wanted, atol=1e-5)


def test_pairs_that_fit_cost_less_than_pairs_that_do_not():
    pictures = unit(6, 16, 0)
    right = info_nce(pictures, pictures, 20.0)
    wrong = info_nce(pictures, pictures.roll(1, 0), 20.0)
    assert right.max() < 0.1 < wrong.min()
    assert info_nce(pictures, pictures, 0.0).mean().item() == pytest.approx(np.log(6), abs=1e-5)


def test_both_encoders_give_unit_vectors_of_one_width(space):
    pictures = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for vectors in (space.of_pictures(pictures), space.of_prompts(["a fox", "", "a red cat"])):
            assert vectors.shape == (3, 8)
            assert torch.allclose(vectors.norm(dim=1), torch.ones(3), atol=1e-5)
        alone = space.of_prompts(["a fox"])  # padding says nothing
        assert torch.allclose(space.of_prompts(["a fox", "a red cat"])[:1], alone, atol=1e-5)
    assert space.scale.item() == pytest.approx(1 / 0.07, rel=1e-5)


def test_the_temperature_learns_and_has_a_limit(space):
    pictures = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    space.loss(pictures, ["a fox", "a cat", "a red fox", "a red cat"]).mean().backward()
    assert space.log_scale.grad.abs() > 0
    with torch.no_grad():
        before = space.log_scale.clone()
        space.log_scale.fill_(20.0)
        assert space.scale == 100
        space.log_scale.copy_(before)


def test_the_eye_stays_as_it_is_whatever_learns(space):
    """Its weights and its running means; all else learns."""
    before = {name: value.clone() for name, value in space.eye.state_dict().items()}
    space.train()
    space.loss(torch.rand(2, 3, 64, 64), ["a fox", "a cat"]).mean().backward()
    assert all(torch.equal(before[name], value) for name, value in space.eye.state_dict().items())
    still = {name for name, each in space.named_parameters() if each.grad is None}
    assert still == {f"eye.{name}" for name, _ in space.eye.named_parameters()}
    space.zero_grad()
    space.eval()


def test_pictures_of_another_size_are_refused(space):
    with pytest.raises(UserError, match=r"pictures must have shape \(B, 3, 64, 64\), got"):
        space.of_pictures(torch.rand(1, 3, 32, 32))


def test_a_twin_differs_in_one_fact_and_is_not_held_out():
    rng, changed = np.random.default_rng(0), set()
    for _ in range(200):
        scene = scenes.invent(rng, False)
        other, told = twins.twin(scene, rng)
        assert not scenes.held_out(other.thing, other.colour, other.place)
        facts = {
            field.name
            for field in fields(scene)
            if getattr(scene, field.name) != getattr(other, field.name)
        }
        if "spots" in facts:  # a number of things, and with it their places and size
            assert len(scene.spots) != len(other.spots) and facts <= {"spots", "size"}
            facts = {"count"}
        assert facts == {told}
        changed |= facts
    assert changed == set(twins.FACTS)


def test_both_captions_of_twins_tell_in_what_they_differ():
    """However little they tell else: so no caption is true of both."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        scene = scenes.invent(rng, False)
        other, fact = twins.twin(scene, rng)
        one, two = (twins.caption_that_tells(each, fact, rng, 0.1) for each in (scene, other))
        if fact == "count":
            words = ["a", "two", "three"]
            for each, caption in ((scene, one), (other, two)):
                number = words[len(each.spots) - 1]
                assert number == "a" or number in caption.split()
                assert "some" not in caption.split()
        elif fact != "thing":
            for each, caption in ((scene, one), (other, two)):
                value = getattr(each, fact)
                assert value == "natural" or value.split()[-1] in caption.replace(",", "").split()


def test_the_stream_is_its_generators_alone():
    data = twins.twin_data()
    a, b = (data(6, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a[0], b[0]) and a[1] == b[1]
    assert a[0].shape == (6, 3, 64, 64) and len(a[1]) == 6 and 0 <= a[0].min() and a[0].max() <= 1


def test_twins_must_be_told_of():
    with pytest.raises(UserError, match="mention must be .*0.01.*1.*, got 0"):
        twins.twin_data(mention=0)


def test_the_recipe_learns():
    """After a few steps on one batch each picture finds its own caption more often than by chance."""
    torch.manual_seed(0)
    space = recipes.RECIPES["contrastive"].model(
        pretrained.load("scene-judge", pretrained.HERE, SceneJudge)
    )
    pictures, captions = twins.twin_data()(16, torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(space.parameters(), lr=2e-3)
    losses = []
    for _ in range(20):
        loss = space.loss(pictures, captions).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def ideal(seed, things=tuple(scenes.THINGS), forgets=()):
    """A space whose vectors are the facts themselves, for the scenes that an evaluation draws."""
    groups = [{thing, plural(thing)} for thing in scenes.THINGS]
    groups += [{word} for word in (*scenes.COLOURS[1:], *scenes.STYLES, "two", "three")]
    groups += [{place.split()[-1]} for place in scenes.PLACES]
    groups = [group for group in groups if not group & set(forgets)]

    def of_prompts(prompts):
        told = [set(prompt.replace(",", "").split()) for prompt in prompts]
        facts = torch.tensor([[float(bool(group & words)) for group in groups] for words in told])
        return torch.nn.functional.normalize(facts, dim=1)

    def of_pictures(pictures):
        rng = np.random.default_rng(seed)
        told = [scenes.invent(rng, False, things) for _ in pictures]
        return of_prompts([evaluation.full(scene, rng) for scene in told])

    return SimpleNamespace(of_prompts=of_prompts, of_pictures=of_pictures)


def test_search_finds_what_a_space_knows_and_what_it_forgets():
    found = evaluation.search(ideal([0, 1]), n=64)
    assert found.pop("caption first") == 1 and set(found.values()) == {0}
    found = evaluation.search(ideal([0, 1], forgets=scenes.STYLES), n=64)
    assert 0 < found.pop("caption first") < 0.6 and found.pop("style") == 1
    assert set(found.values()) == {0}
    other = ideal([5, 1])  # pictures of other scenes
    assert evaluation.search(other, n=64)["caption first"] < 0.1


def test_words_name_things():
    known = ideal([3, 2], scenes.COMMON)
    assert evaluation.name_things(known, n=48, seed=3) == 1
    assert evaluation.name_things(known, n=48, seed=4) < 0.2


def test_the_shipped_space_reads_captions_to_their_end():
    found = evaluation.search(load("contrastive"), n=64)
    assert found["caption first"] > 0.8 and max(found.values()) == found["caption first"]


def test_too_few_pictures_are_refused():
    with pytest.raises(UserError, match="n must be .*64.*, got 5"):
        evaluation.search(ideal([0, 1]), n=5)
