"""Every recipe takes a step, what it keeps can be shipped, and the numbers mean what they say."""

import sys
from pathlib import Path

import pytest
import torch

from minidiff import pretrained
from minidiff.codecs import Autoencoder, Scaled
from minidiff.codecs.perceptual import Perceptual
from minidiff.data import scenes
from minidiff.evaluation.judges.digits import Judge
from minidiff.evaluation.judges.scenes import SceneJudge
from minidiff.recipes import RECIPES, codec, failures, small_scenes
from minidiff.recipes.scenes import scene_latents
from minidiff.training import train

sys.path.insert(0, str(Path(__file__).parent / "bench"))
FRESH = {
    "perceptual": SceneJudge,
    "scenes-small": small_scenes,
    "translation": lambda: RECIPES["translation"].model(*needed(RECIPES["translation"])),
}


def needed(recipe):
    """The models that a recipe starts from: shipped, or else untrained."""
    known = pretrained.manifest()
    return [
        pretrained.load(need, pretrained.HERE, Judge, SceneJudge)
        if need in known
        else FRESH[need]()
        for need in recipe.needs
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_takes_a_step_and_its_model_can_be_kept(name, tmp_path, monkeypatch):
    recipe, batch = (
        RECIPES[name],
        16 if name == "scene-judge" else 4,
    )  # which takes it in sixteenths
    settings = recipe.settings | dict(batch=batch, warmup=1)
    monkeypatch.setattr(codec, "MEASURED", 100)
    monkeypatch.setattr(failures, "COUNT", 2)
    model = recipe.model(*needed(recipe))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    loss = recipe.loss and recipe.loss(model)
    (progress,) = train(model, recipe.data(), batch, loss=loss, **settings)
    assert 0 < progress.loss < 100
    assert any(not value.equal(before[key]) for key, value in progress.model.state_dict().items())
    pretrained.save(name, recipe.keep(progress.model), tmp_path, recipe=name)
    assert pretrained.load(name, tmp_path, Judge, SceneJudge)


def test_latents_encoded_ahead_are_those_of_the_codec(tmp_path):
    """A render comes back as its own latents, in half precision, told of truly in new words."""
    model, things, path = pretrained.load("codec"), ("fox", "cat"), tmp_path / "latents.pt"
    data = scene_latents(model, 6, path, things=things)
    x0, captions = data(40, torch.Generator().manual_seed(0))
    renders = [scenes.example(number, things=things)[1] for number in range(6)]
    wanted = model.encode(scenes.stacked(renders)).half().float()
    number = torch.cdist(x0.flatten(1), wanted.flatten(1)).argmin(1)
    torch.testing.assert_close(x0, wanted[number])
    assert len(set(number.tolist())) == 6 and len(set(captions)) > 12
    for k, caption in zip(number.tolist(), captions):
        thing = scenes.example(k, things=things)[0].thing
        assert not any(other in caption for other in set(things) - {thing})
    assert 0 < captions.count("") < 12
    before = path.read_bytes()
    again, _ = scene_latents(model, 6, path, things=things)(40, torch.Generator().manual_seed(0))
    assert torch.equal(again, x0) and path.read_bytes() == before
    scene_latents(model, 5, path, things=things)
    assert path.read_bytes() != before  # another number: made again


def test_training_on_latents_is_training_on_pictures():
    """The same loss, but for the pictures' way through the codec; the codec stays as it is."""
    recipe = RECIPES["scenes-small"]
    model = recipe.model(*needed(recipe))
    pictures, prompts = recipe.data()(4, torch.Generator().manual_seed(0))
    whole = model.loss(pictures, prompts, torch.Generator().manual_seed(1))
    latents = model.codec.encode(pictures)
    model.codec = Scaled(1)
    ahead = model.loss(latents, prompts, torch.Generator().manual_seed(1))
    torch.testing.assert_close(ahead, whole)


def test_the_codec_keeps_the_statistics_of_its_averaged_encoder(monkeypatch):
    monkeypatch.setattr(codec, "MEASURED", 400)
    model = Perceptual(Autoencoder(), SceneJudge())
    torch.nn.init.normal_(model.codec.encoder[-1].weight, std=0.5)
    made = codec.measured(model)
    x0 = made.encode(scenes.scene_data()(400, torch.Generator().manual_seed(5))[0])
    torch.testing.assert_close(x0.mean((0, 2, 3)), torch.zeros(8), atol=0.15, rtol=0)
    torch.testing.assert_close(x0.std((0, 2, 3)), torch.ones(8), atol=0.1, rtol=0)


def test_killed_and_resumed_equals_left_alone():
    if not hasattr(__import__("os"), "fork"):
        return
    import kills

    for all_of, _, equal in kills.campaign(6).values():
        assert equal == all_of == 3
