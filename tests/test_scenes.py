"""Scenes are painted as their facts say, captions are true, and what is held out stays out."""

import csv
import re
from collections import Counter
from dataclasses import replace

import golden
import numpy as np
import pytest
import torch
from PIL import Image

from minidiff.data import scenes
from minidiff.data.paths import find_datasets
from minidiff.data.scenes import MAX_WORDS, WORDS, Scene, held_out, sprites
from minidiff.data.scenes.backgrounds import PLACES
from minidiff.data.scenes.captions import LARGE, SMALL, WHERE, article, plural
from minidiff.data.scenes.sprites import CATEGORIES, COLOURS, INKS, STYLES, THINGS

COUNTS = {"a": {1}, "an": {1}, "one": {1}, "two": {2}, "three": {3}, "some": {2, 3}}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def claims(caption):
    """What a caption says, read without the code that wrote it: {fact: set of what is possible}."""
    text = re.sub(r"^(a|an) (\w+) drawing of (.*)$", r"\3, \2 style", caption)
    text = text.removeprefix("a picture of ").replace(",", "")
    said = {}
    for place, phrases in WHERE.items():
        for phrase in phrases:
            if f" {phrase} " in f" {text} ":
                said["place"], text = {place}, f" {text} ".replace(f" {phrase} ", " ").strip()
    for style in STYLES:
        if text.endswith(f"{style} style"):
            said["style"] = {style}
            text = text.removesuffix(f"{style} style").strip().removesuffix(" in")
    first, *middle, noun = text.split()
    said["count"] = COUNTS[first]
    names = [*THINGS] if said["count"] != {1} else []
    singular = {plural(name): name for name in (*names, *(CATEGORIES if names else ()))}
    noun = singular[noun] if names else noun
    said["thing"] = {thing for thing in THINGS if noun in (thing, THINGS[thing])}
    for word in middle:
        if word in INKS:
            said["colour"] = {word}
        else:
            said["size"] = {{"little": "small", "big": "large"}.get(word, word)}
    return said


def facts(scene):
    size = "small" if scene.size < SMALL else "large" if scene.size >= LARGE else ""
    return vars(scene) | {"count": len(scene.spots), "size": size}


@pytest.fixture(scope="module")
def many():
    """Four thousand scenes of the training stream, not painted."""
    generator = seeded()
    return [scenes.random_scene(generator) for _ in range(4000)]


def test_the_index_and_the_sheets_are_those_of_the_vocabulary():
    with open(find_datasets() / "emoji" / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == list(THINGS)
    assert all(sprites.cells(style)[: len(rows), ..., 3].any((1, 2)).all() for style in STYLES)


def test_captions_are_true(many):
    generator, told = seeded(1), Counter()
    for scene in many:
        said = claims(scenes.describe(scene, generator))
        told.update(said.keys())
        true = facts(scene)
        assert all(true[fact] in possible for fact, possible in said.items()), (scene, said)
    # every kind of fact is told of some scenes and left out of others
    assert all(0.1 < told[fact] / len(many) < 0.9 for fact in ("size", "colour", "place", "style"))


def test_prompts_tell_everything():
    prompts, asked = scenes.prompts_for(300, seeded())
    for prompt, scene in zip(prompts, asked):
        said, true = claims(prompt), facts(scene)
        assert said["thing"] == {scene.thing} and said["count"] == {true["count"]}
        assert said["place"] == {scene.place} and said["style"] == {scene.style}
        assert said.get("colour", {"natural"}) == {scene.colour}
        assert said.get("size", {""}) == {true["size"]}


def test_plurals_and_articles():
    irregular = {"wolf": "wolves", "sheep": "sheep", "fish": "fish", "snowman": "snowmen"}
    regular = {"fox": "foxes", "bus": "buses", "butterfly": "butterflies", "monkey": "monkeys"}
    for one, more in (irregular | regular | {"key": "keys", "owl": "owls"}).items():
        assert plural(one) == more
    assert [article(f"a {w}") for w in ("owl", "ufo", "orange fox", "red owl")] == [
        "an owl",
        "a ufo",
        "an orange fox",
        "a red owl",
    ]


def test_captions_use_every_word_and_no_other(many):
    generator = seeded(2)
    captions = [scenes.describe(s, generator, m) for s in many for m in (0.6, 1)]
    # more of the rare forms than chance brings
    captions += [scenes.describe(s, generator, 0.6, vague=1) for s in many[:500]]
    used = [re.findall(r"\w+", caption) for caption in captions]
    assert {word for words in used for word in words} == set(WORDS)
    assert max(map(len, used)) <= MAX_WORDS
    assert len(set(captions)) > len(many)


def test_nothing_held_out_is_in_the_stream_and_a_tenth_is(many):
    assert not any(held_out(s.thing, s.colour, s.place) for s in many)
    generator = seeded(3)
    asked = [scenes.random_scene(generator, unseen=True) for _ in range(500)]
    assert all(held_out(s.thing, s.colour, s.place) for s in asked)
    colours = [held_out(t, c) for t in THINGS for c in sprites.colours_of(t)[1:]]
    places = [held_out(t, place=p) for t in THINGS for p in PLACES]
    for pairs in (colours, places):
        assert 0.085 < sum(pairs) / len(pairs) < 0.115
    # no colour and no place is much poorer than the others
    assert all(4 < sum(held_out(t, place=p) for t in THINGS) < 15 for p in PLACES)
    assert all(held_out(t, c) is False for t in THINGS for c in sprites.natural_colours(t))


def test_the_red_fox_in_snow_is_trained_on():
    assert "red" in sprites.colours_of("fox") and not held_out("fox", "red", "snow")
    assert not held_out("fox", "natural", "snow")


def test_everything_occurs(many):
    seen = {name: Counter(getattr(s, name) for s in many) for name in vars(many[0])}
    assert set(seen["thing"]) == set(THINGS) and set(seen["colour"]) == set(COLOURS)
    assert set(seen["style"]) == set(STYLES) and set(seen["place"]) == set(PLACES)
    assert {len(s.spots) for s in many} == {1, 2, 3}


def test_things_lie_inside_the_picture(many):
    for scene in many:
        half = scene.size / 2
        for x, y in scene.spots:
            assert half - 1 <= x <= 65 - half and scene.size <= y <= 64
        # no two closer together than a half of their size
        for i, (x, y) in enumerate(scene.spots):
            assert all(max(abs(x - a), abs(y - b)) > half for a, b in scene.spots[:i]), scene


@pytest.mark.parametrize("place", PLACES)
def test_a_scene_is_its_seed_and_no_two_places_are_the_same(place):
    scene = Scene("fox", "red", "flat", place)
    first, again, other = (scenes.draw(scene, seeded(seed)) for seed in (0, 0, 1))
    assert first.shape == (3, 64, 64) and first.dtype == torch.uint8
    assert torch.equal(first, again)
    assert (first != other).float().mean() > 0.2


def test_scenes_look_as_those_that_the_shipped_weights_were_trained_on():
    torch.testing.assert_close(golden.renders(), golden.stored()["renders"], rtol=0, atol=2e-3)


class Lowest(np.random.Generator):
    """One that draws the lower end wherever it draws a single number."""

    def uniform(self, low=0.0, high=1.0, size=None):
        return low if size is None else super().uniform(low, high, size)


@pytest.mark.parametrize("place", PLACES)
def test_no_place_divides_by_zero(place):
    with np.errstate(divide="raise", invalid="raise"):
        assert PLACES[place].paint(Lowest(np.random.PCG64(0))).size == (128, 128)


def test_each_fact_shows():
    scene = Scene("fox", "red", "flat", "snow")
    picture = scenes.draw(scene, seeded()).int()
    twice = ((18, 58), (46, 58))
    changes = {"thing": "owl", "colour": "blue", "style": "shaded", "place": "city", "size": 30}
    for name, value in (changes | {"spots": twice}).items():
        other = scenes.draw(replace(scene, **{name: value}), seeded()).int()
        assert ((picture - other).abs().amax(0) > 60).float().mean() > 0.03, name


def test_no_palm_stands_behind_palms(monkeypatch):
    painted = []
    beach = PLACES["beach"]._replace(beside=("palm", lambda pen, rng: painted.append(rng)))
    monkeypatch.setitem(PLACES, "beach", beach)
    scenes.draw(Scene("palm", place="beach"), seeded())
    assert not painted
    scenes.draw(Scene("fox", place="beach"), seeded())
    assert len(painted) == 1


def test_the_stream_is_pictures_and_captions():
    data = scenes.scene_data(dropped=0.5)
    pictures, captions = data(60, seeded())
    assert pictures.shape == (60, 3, 64, 64) and pictures.dtype == torch.float32
    assert 0 <= pictures.min() < 0.1 and 0.9 < pictures.max() <= 1
    assert 15 < captions.count("") < 45
    again, same = data(60, seeded())
    assert torch.equal(pictures, again) and captions == same
    assert "" not in scenes.scene_data(dropped=0)(60, seeded())[1]


def test_an_example_is_a_number():
    scene, picture, caption = scenes.example(7)
    other = scenes.example(7)
    assert scene == other[0] and np.array_equal(picture, other[1]) and caption == other[2]
    true = facts(scene)
    assert all(true[fact] in possible for fact, possible in claims(caption).items())
    unseen = scenes.example(7, unseen=True)[0]
    assert held_out(unseen.thing, unseen.colour, unseen.place)


def test_the_table_of_colours_is_what_the_ink_measures_as():
    for thing in ("fox", "swan", *list(THINGS)[::9]):
        holds = [word for word in INKS if sprites.measured(thing, word) == {word}]
        assert sprites.colours_of(thing) == ("natural", *holds)
        assert set(sprites.natural_colours(thing)) == sprites.measured(thing, "natural") - {None}


def test_the_colour_holds_at_the_size_and_in_the_light_of_a_scene(many):
    coloured = [scene for scene in many if scene.colour != "natural"][:300]
    found = [sprites.ink_colour(np.asarray(scenes.fitted(scene))) for scene in coloured]
    right = [scene.colour == word for scene, word in zip(coloured, found)]
    assert np.mean(right) > 0.95


def test_plain_inks_measure_as_their_words():
    patch = np.full((8, 8, 4), 255, np.uint8)
    for word, rgb in {"red": (220, 40, 40), "blue": (60, 120, 230), "green": (70, 170, 70)}.items():
        patch[..., :3] = rgb
        assert sprites.ink_colour(patch) == word
    for rgb in ((110, 70, 40), (128, 128, 128), (250, 250, 250), (20, 20, 20)):
        patch[..., :3] = rgb
        assert sprites.ink_colour(patch) is None


def test_colour_conversion_returns():
    rgb = torch.rand(50, 3, generator=seeded()).numpy()
    assert np.allclose(sprites.srgb(sprites.oklab(rgb)), rgb, atol=1e-4)
    assert np.allclose(sprites.oklab(np.ones(3)), (1, 0, 0), atol=1e-4)


def test_recolouring_keeps_outlines_white_parts_and_shape():
    cell = sprites.cells("outlined")[list(THINGS).index("fox")]
    blue = sprites.recolour(cell, "blue")
    assert np.array_equal(cell[..., 3], blue[..., 3])
    ink, value = cell[..., 3] == 255, cell[..., :3].astype(int)
    for kept in (value.max(-1) < 20, value.min(-1) > 245):
        assert (kept & ink).sum() > 100
        assert np.abs(value - blue[..., :3])[kept & ink].max() < 12


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"thing": "foxx"}, "thing 'foxx' is unknown; did you mean fox"),
        ({"thing": 3}, "thing 3 is unknown; it can be fox, wolf"),
        ({"colour": "blu"}, "colour 'blu' is unknown; did you mean blue"),
        ({"style": "shady"}, "style 'shady' is unknown; did you mean shaded"),
        ({"place": "dessert"}, "place 'dessert' is unknown; did you mean desert"),
        ({"thing": "swan", "colour": "red"}, "colour of a swan must be natural, got 'red'"),
        ({"size": 90}, "size must be 8 to 60 pixels, got 90"),
        ({"spots": ()}, "spots must be one to three places, got 0"),
    ],
)
def test_bad_facts_are_one_sentence(wrong, sentence):
    with pytest.raises(ValueError) as error:
        Scene(**({"thing": "fox"} | wrong))
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_sprites_fit_their_cells():
    for style in STYLES:
        drawing = sprites.sprite("fox", style)
        assert isinstance(drawing, Image.Image) and max(drawing.size) <= 124


@pytest.mark.parametrize("number", range(0, 40, 3))
def test_a_scene_is_the_same_at_twice_the_size(number):
    """Shrunk by half it is the small picture, but for the drawing's edges; it shows more than that."""
    small, large = (
        scenes.paint(scenes.invent(rng, False), rng, scale)
        for scale, rng in ((1, np.random.default_rng(number)), (2, np.random.default_rng(number)))
    )
    assert large.shape == (128, 128, 3)
    shrunk = np.asarray(Image.fromarray(large).reduce(2)).astype(int)
    away = np.abs(shrunk - small).max(2)
    assert away.mean() < 4 and np.median(away) <= 2
    blown = np.asarray(Image.fromarray(small).resize((128, 128), Image.BICUBIC)).astype(float)
    steepness = [np.abs(np.diff(p.astype(float), axis=1)).mean() for p in (large, blown)]
    assert steepness[0] > 1.1 * steepness[1]
