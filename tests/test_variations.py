"""Pictures as prompts: the encoder, the recipe, `minidiff generate --variations-of`."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from minidiff import cli, load, pretrained, recipes
from minidiff.cli.record import made_by
from minidiff.codecs import Vectors
from minidiff.conditions import SharedSpace, TextEncoder, Tokenizer
from minidiff.conditions.pictured import PictureEncoder
from minidiff.data import photos, scenes
from minidiff.data.scenes.captions import plain_caption, plural
from minidiff.errors import UserError
from minidiff.recipes.variations import heard, told_plainly, told_vectors, translated
from minidiff.sampling import generator_at


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    text = TextEncoder(Tokenizer(("a", "red", "fox", "cat"), 5), 16, depth=1)
    space = SharedSpace(TextEncoder(text.tokenizer, 8, depth=1), width=8)
    return PictureEncoder(text, space, count=3).eval()


@pytest.fixture
def picture():
    return torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_words_are_read_as_before_and_a_picture_is_more_tokens(encoder, picture):
    words = ["a red fox", "", "a cat"]
    tokens, mask = encoder(words)
    before, before_mask = encoder.text(words)
    assert torch.equal(tokens[:, :-3], before) and torch.equal(mask[:, :-3], before_mask)
    assert not mask[:, -3:].any() and tokens.shape == (3, 8, 16)
    tokens, mask = encoder(["a red fox", picture])
    assert mask[:, -3:].tolist() == [[False] * 3, [True] * 3]
    [vector] = encoder.space.of_pictures(picture[None])
    wanted = encoder.translate(math.sqrt(8) * vector[None])[0]
    assert torch.allclose(tokens[1, -3:], wanted, atol=1e-6)
    assert torch.equal(tokens[1, :-3], encoder.text(["a fox", ""])[0][1])  # and no words
    for given in (vector, vector.tolist(), picture.numpy()):
        assert torch.allclose(encoder([given])[0], tokens[1:], atol=1e-6)
    other = picture.flip(2)
    mixed, _ = encoder([other, "a cat", vector, picture])  # each its own, whatever stands beside it
    assert torch.allclose(mixed[[2, 3]], tokens[[1, 1]], atol=1e-5)
    assert torch.allclose(mixed[:1], encoder([other])[0], atol=1e-5)
    assert not torch.allclose(mixed[:1, -1], mixed[3:, -1], atol=2e-5)


def test_the_space_does_not_learn_but_the_translation_does(encoder, picture):
    encoder([picture])[0].sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in encoder.translate.parameters())
    assert all(p.grad is None for p in encoder.space.parameters())
    encoder.zero_grad()


def test_the_first_tokens_are_to_be_those_of_the_words_that_tell(encoder):
    """The miss is 0 for a translator that says them, and each miss counts in its own caption alone."""
    captions, told = ["a red fox", "a fox"], [[3, 2], [2, 2]]
    tokens, _ = encoder.text(captions)
    wanted = torch.stack([tokens[0, [3, 2]], tokens[1, [2, 2]]])
    vectors = torch.eye(8)[:2]
    said = torch.cat([wanted, torch.randn(2, 1, 16)], 1)
    encoder.translation = lambda _: said
    try:
        assert encoder.miss(vectors, captions, told).max() < 1e-8
        said[1, 0] += 2
        assert encoder.miss(vectors, captions, told).tolist() == pytest.approx([0, 2], abs=1e-5)
    finally:
        del encoder.translation


def test_a_plain_caption_tells_everything_and_where():
    """Number, colour, thing, place, style; a natural colour has no word and the thing's stands for it."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        scene = scenes.random_scene(generator)
        caption, told = plain_caption(scene)
        words = ["", *caption.replace(",", "").split()]
        start, number, colour, thing, first, last, style, end = (words[k] for k in told)
        count = len(scene.spots)
        assert number in ("a", "an") if count == 1 else number == [None, "two", "three"][count - 1]
        assert thing == (scene.thing if count == 1 else plural(scene.thing))
        assert colour == (thing if scene.colour == "natural" else scene.colour)
        assert last == scene.place.split()[-1] and first in ("in", "on", "at", "under")
        assert (start, style, end) == ("", scene.style, "style")


def test_what_is_neither_words_nor_a_picture_is_refused(encoder):
    with pytest.raises(UserError, match=r"a prompt must be a text, a picture .* got shape \(7,\)"):
        encoder([torch.zeros(7)])
    with pytest.raises(UserError, match=r"a prompt must be .* got shape \(3, 32, 32\)"):
        encoder([torch.zeros(3, 64, 64), torch.zeros(3, 32, 32)])
    with pytest.raises(UserError, match="prompt must be a text, got None"):
        encoder([None])


@pytest.fixture(scope="module")
def painter():
    """The model that `variations` starts from, its translation untrained."""
    torch.manual_seed(0)
    translator = recipes.RECIPES["translation"].model(load("contrastive"), load("scenes"))
    return recipes.RECIPES["variations"].model(load("scenes"), translator).eval()


@torch.no_grad()
def test_the_recipe_begins_as_the_painter_of_scenes(painter):
    before = load("scenes")
    x, t = torch.randn(2, *painter.shape, generator=generator_at(0)), torch.ones(2) / 2
    words = ["a red fox in snow", ""]
    wanted = before.denoiser(x, t, *before.encoder(words))
    assert torch.allclose(painter.denoiser(x, t, *painter.encoder(words)), wanted, atol=1e-4)


def test_the_translation_and_the_change_learn_and_all_else_is_fixed(painter):
    learns = {name for name, p in painter.named_parameters() if p.requires_grad}
    fixed = ("encoder.text", "encoder.space", "codec", "denoiser.net.base")
    assert learns and not [name for name in learns if name.startswith(fixed)]
    assert {name.split(".")[1] for name in learns} == {"translate", "net"}
    encoder = recipes.RECIPES["translation"].model(load("contrastive"), load("scenes"))
    learns = {name.split(".")[0] for name, p in encoder.named_parameters() if p.requires_grad}
    assert learns == {"translate"}


@torch.no_grad()
def test_the_losses_are_of_the_tokens_and_of_the_painter_that_hears_them(painter):
    """A picture that is not shown counts as one without words."""
    pictures, captions, words, shown = told_plainly(64, generator_at(0))
    assert pictures.shape == (64, 3, 64, 64) and 64 > sum(shown) > 48
    assert len(captions) == len(words) == 64
    batch = (pictures[:2], captions[:2], words[:2], [False, True])
    vectors = painter.encoder.space.of_pictures(pictures[:2])
    wanted = painter.encoder.miss(vectors, captions[:2], words[:2])
    for shown in (pictures[:2], vectors):
        miss = translated(painter.encoder)((shown, *batch[1:]), generator_at(0), 0, None)
        assert torch.allclose(miss, wanted)
    wanted = painter.loss(pictures[:2], ["", vectors[1]], generator=generator_at(0))
    assert torch.allclose(heard(painter)(batch, generator_at(0), 0, None), wanted)


@torch.no_grad()
def test_kept_vectors_are_those_of_the_renders_that_their_captions_tell_of(painter, tmp_path):
    space = painter.encoder.space
    vectors, captions, words = told_vectors(space, 3, tmp_path / "kept.pt")(8, generator_at(0))
    for vector, caption, told in zip(vectors, captions, words):
        drawn = [scenes.example(seed) for seed in range(3)]
        scene, picture, _ = next(one for one in drawn if plain_caption(one[0]) == (caption, told))
        assert torch.allclose(vector, space.of_pictures(scenes.stacked([picture]))[0], atol=1e-2)
    assert len(set(captions)) > 1 and torch.allclose(vectors.norm(dim=1), torch.ones(8))


@torch.no_grad()
def test_vectors_are_x0_of_unit_variance_and_come_back_as_unit_vectors(encoder):
    codec = Vectors(encoder.space)
    pictures = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    x0 = codec.encode(pictures)
    assert x0.shape == (4, 8, 1, 1)
    assert torch.allclose(x0.flatten(1).square().mean(1), torch.ones(4), atol=1e-5)
    wanted = encoder.space.of_pictures(pictures)
    assert torch.allclose(codec.decode(3 * x0), wanted, atol=1e-6)


def test_the_prior_learns_and_paints_vectors():
    """The sampling cell is the same; what it paints has length one."""
    torch.manual_seed(0)
    model = recipes.RECIPES["prior"].model(load("contrastive"))
    data = recipes.RECIPES["prior"].data()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    batch, losses = data(32, torch.Generator().manual_seed(0)), []
    for step in range(30):
        loss = model.loss(*batch, generator=torch.Generator().manual_seed(step)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    vectors = model.eval()(["a red fox in snow", ""], seed=3, w=2.0)
    assert vectors.shape == (2, 64)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2), atol=1e-5)


@torch.no_grad()
def test_the_shipped_prior_paints_vectors_of_what_is_told_and_the_decoder_what_they_mean():
    """A sampled vector is nearest to that of a drawing with the same facts; so is what is painted."""
    asked, wanted = scenes.prompts_for(8, generator_at(1), things=scenes.COMMON)
    drawn = scenes.stacked([scenes.paint(scene, np.random.default_rng(0)) for scene in wanted])
    model = load("variations")
    space = model.encoder.space
    meant, own = space.of_pictures(drawn), torch.arange(8)
    vectors = load("prior")(asked, seed=0)
    assert ((vectors @ meant.T).argmax(1) == own).all()
    assert (vectors * meant).sum(1).mean() > (space.of_prompts(asked) * meant).sum(1).mean()
    painted = space.of_pictures(model(list(meant), seed=0, steps=6))
    assert ((painted @ meant.T).argmax(1) == own).sum() >= 7


@pytest.fixture
def fox(tmp_path, monkeypatch, painter):
    monkeypatch.chdir(tmp_path)
    picture = scenes.stacked([scenes.example(0)[1]])[0]
    Image.fromarray((picture.permute(1, 2, 0) * 255).byte().numpy()).save("fox.png")
    pretrained.save("variations", painter, "seeing", recipe="variations")  # untrained
    return picture


def minidiff(*words):
    return cli.main([str(word) for word in words])


def test_the_command_paints_what_the_model_paints_and_again_makes_it_anew(fox, capsys):
    words = ["--model", "seeing", "--variations-of", "fox.png", "--steps", 2, "--seed", 5]
    assert minidiff("generate", *words, "-n", 2, "-o", "two.npz") == 0
    made = np.load("two.npz")
    shown = photos.tensor(photos.read("fox.png"))[0]
    wanted = load("variations", "seeing")([shown] * 2, seed=5, steps=2)
    assert np.allclose(made["images"], wanted.numpy(), atol=1e-4)
    assert made["variations_of"] == "fox.png" and len(str(made["sha256"])) == 64
    assert minidiff("generate", *words, "-o", "one.png") == 0
    record = json.loads(made_by("one.png"))
    assert record["variations_of"] == "fox.png" and record["model"] == "seeing"
    assert minidiff("again", "one.png") == 0
    with open("one.png", "rb") as one, open("one-again.png", "rb") as other:
        assert one.read() == other.read()
    Image.new("RGB", (64, 64)).save("fox.png")
    assert minidiff("again", "one.png", "-o", "new.png") == 2
    assert "fox.png is not the picture any more that was varied" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "seeing", "--variations-of", "none.png"], "no picture at none.png"),
        (
            ["a red fox", "--model", "seeing", "--variations-of", "fox.png"],
            "give the one or the others",
        ),
        (
            ["--variations-of", "fox.png", "--model", "scenes"],
            "leave --model out",
        ),
        (
            ["--model", "seeing", "--variations-of", "fox.png", "--enlarge-to", 128],
            "--enlarge-to does not go with",
        ),
    ],
)
def test_what_does_not_fit_is_said(fox, capsys, words, said):
    assert minidiff("generate", *words, "-o", "o.png") != 0
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
