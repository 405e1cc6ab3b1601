"""Files of models say what they are; a model is built from that alone, or refused in a sentence."""

import sys
from pathlib import Path

import pytest
import torch
from test_recipes import needed
from torch import nn

import minidiff
from minidiff import pretrained
from minidiff.codecs import Autoencoder, Pixels
from minidiff.conditions import TextEncoder, Tokenizer, Unconditional
from minidiff.denoiser import Denoiser
from minidiff.errors import UserError
from minidiff.evaluation.judges.digits import Judge
from minidiff.evaluation.judges.scenes import SceneJudge
from minidiff.model import Model
from minidiff.nets import UNet
from minidiff.pretrained.parts import FUNCTIONS, PARTS, build, describe
from minidiff.recipes import RECIPES, failures
from minidiff.recipes.recipe import plain
from minidiff.schedules import DDPM, cosine

sys.path.insert(0, str(Path(__file__).parent / "bench"))
import damage  # noqa: E402

ENTRIES = pretrained.manifest()


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


@pytest.mark.parametrize("name", ENTRIES)
def test_every_shipped_model_loads_ready_for_use(name):
    model = pretrained.load(name, pretrained.HERE, Judge, SceneJudge)
    assert not model.training and {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(value.isfinite().all() for value in model.state_dict().values())


def test_the_shipped_files_are_small_and_all_are_named():
    files = {path.name: path.stat().st_size for path in pretrained.HERE.glob("*.safetensors")}
    assert set(files) == {facts["file"] for facts in ENTRIES.values()}
    assert sum(files.values()) < (30 + 7) * 2**20  # of which clips may have 7


SHORTER = {"photo-gravel": {"images"}, "photo-coffee": {"images"}}  # stopped where they were best


@pytest.mark.parametrize("name", ENTRIES)
def test_recipe_and_manifest_hold_together(name, monkeypatch):
    """What a recipe makes today is what the file holds: the same class, arguments and vocabulary."""
    facts = ENTRIES[name]
    recipe = RECIPES[facts["recipe"]]
    monkeypatch.setattr(failures, "COUNT", 1)
    what = describe(recipe.keep(recipe.model(*needed(recipe))))
    assert what == {key: facts[key] for key in what}
    wanted = plain(recipe.settings) | {"seed": 0, "images": recipe.images}
    differs = {key for key in wanted if facts["settings"].get(key) != wanted[key]}
    assert differs == SHORTER.get(name, set()) and (not differs or "training" in facts)


def test_the_scenes_hold_no_second_copy_of_the_codec():
    model, codec = minidiff.load("scenes"), minidiff.load("codec")
    assert same(model.codec.state_dict(), codec.state_dict())
    assert ENTRIES["scenes"]["parts"] == {"codec": "codec"}
    tensors, _ = pretrained.checkpoints.read_weights(
        pretrained.HERE / "scenes.safetensors", ENTRIES["scenes"]["sha256"]
    )
    assert not any(name.startswith("codec.") for name in tensors)


@pytest.mark.parametrize("name", PARTS)
def test_every_part_keeps_the_arguments_it_is_made_with(name):
    """Described and built again, a part is described the same: the convention `save` stands on."""
    part = EXAMPLES.get(name, PARTS[name])
    part = part() if isinstance(part, type) else part
    assert describe(build(describe(part))) == describe(part)
    assert type(build(describe(part))) is PARTS[name]


TOKENIZER = Tokenizer(["red", "fox"], 5)
EXAMPLES = {
    "Model": minidiff.load("scenes"),
    "Denoiser": Denoiser(UNet(1, width=8, widths=(1,)), DDPM(T=50, beta_max=0.1)),
    "UNet": UNet(1, 16, (1, 2), 2, 1, token_width=4, attention_levels=2, positions=(4, 4)),
    "LowRank": PARTS["LowRank"](UNet(1, width=8, widths=(1,)), rank=3),
    "FullyConvolutionalUNet": PARTS["FullyConvolutionalUNet"](3, width=8, patch=1),
    "LabelEncoder": PARTS["LabelEncoder"](7, 5),
    "Tokenizer": TOKENIZER,
    "TextEncoder": TextEncoder(TOKENIZER, 8, depth=1, heads=2),
    "Scaled": PARTS["Scaled"](3.0),
    "DiT": PARTS["DiT"](1, 24, 2, 2, (1, 2, 4), token_width=5),
    "ClipUNet": PARTS["ClipUNet"](UNet(1, width=8, widths=(1,)), 8, width=16),
    "SharedSpace": PARTS["SharedSpace"](TextEncoder(TOKENIZER, 8, depth=1), 16),
    "Enlarger": PARTS["Enlarger"](1, 8, (1, 2), 1, 1, token_width=6),
    "MotionEncoder": PARTS["MotionEncoder"](
        TextEncoder(TOKENIZER, 8, depth=1), TextEncoder(Tokenizer(["up"], 3), 8, depth=1)
    ),
    "Vectors": PARTS["Vectors"](PARTS["SharedSpace"](TextEncoder(TOKENIZER, 8, depth=1), 16)),
    "PictureEncoder": PARTS["PictureEncoder"](
        TextEncoder(TOKENIZER, 8, depth=1),
        PARTS["SharedSpace"](TextEncoder(TOKENIZER, 8, depth=1), 16),
    ),
    "PerFrame": PARTS["PerFrame"](PARTS["Scaled"](3.0)),
    "LogSnrTimes": PARTS["LogSnrTimes"](cosine, start=0.9),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_comes_back_as_itself(name):
    assert build(describe(FUNCTIONS[name])) is FUNCTIONS[name]


class Own(nn.Module):
    """A network of somebody else's."""

    def __init__(self, size=3):
        super().__init__()
        self.size, self.layer = size, nn.Linear(size, 2)


def test_a_network_of_ones_own_is_built_where_its_class_is_given(tmp_path):
    pretrained.save("own", Own(size=4), tmp_path, note="mine")
    assert pretrained.load("own", tmp_path, Own).size == 4
    assert pretrained.manifest(tmp_path)["own"]["note"] == "mine"
    with pytest.raises(UserError, match="part of a model .* got 'Own'"):
        pretrained.load("own", tmp_path)


def test_what_cannot_be_described_is_not_saved(tmp_path):
    class Forgetful(nn.Module):
        def __init__(self, size):
            super().__init__()

    for model, sentence in [
        (Forgetful(3), "a Forgetful cannot be saved: it keeps no 'size'"),
        (Denoiser(Own(), lambda t: t), "<lambda> is no function of the library"),
    ]:
        with pytest.raises(UserError, match=sentence):
            pretrained.save("x", model, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_part_that_differs_is_not_left_out(tmp_path):
    pretrained.save("codec", Autoencoder(), tmp_path)
    net = UNet(8, width=8, widths=(1,))
    model = Model(Denoiser(net, cosine), Unconditional(), Autoencoder(), (8, 8, 8))
    with pytest.raises(UserError, match="codec of the model differs from 'codec'"):
        pretrained.save("all", model, tmp_path, parts={"codec": "codec"})
    model.codec = pretrained.load("codec", tmp_path)
    pretrained.save("all", model, tmp_path, parts={"codec": "codec"})
    found = pretrained.load("all", tmp_path).state_dict()
    halved = {name: value.half().float() for name, value in model.state_dict().items()}
    assert same(found, halved)
    (tmp_path / "codec.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="no weights at .*codec"):
        pretrained.load("all", tmp_path)


@pytest.mark.parametrize("file", ["../x", "a/b", "/x", "a\\b", "C:x", "a\0b", "..", ""])
def test_a_file_outside_the_folder_is_refused(file, tmp_path):
    """On every system, whatever separates folders there."""
    pretrained.save("codec", Autoencoder(), tmp_path)
    entries = pretrained.manifest(tmp_path)
    entries["codec"]["file"] = file
    pretrained.write_manifest(entries, tmp_path)
    with pytest.raises(UserError, match="is damaged or is no manifest"):
        pretrained.load("codec", tmp_path)


def test_unknown_model_says_which_there_are():
    with pytest.raises(UserError, match="model must be one of points.*got 'cats'"):
        minidiff.load("cats")


def test_weights_made_for_another_vocabulary_are_refused(tmp_path):
    """As many words, one of them another: every tensor would fit."""
    for word in ("fox", "dog"):
        encoder = TextEncoder(Tokenizer(["cat", word], 4), 8, depth=1, heads=2)
        net = UNet(1, width=8, widths=(1,), token_width=8)
        model = Model(Denoiser(net, cosine), encoder, Pixels(), (1, 4, 4))
        pretrained.save(word, model, tmp_path)
    entries = pretrained.manifest(tmp_path)
    entries["fox"] |= {key: entries["dog"][key] for key in ("file", "sha256")}
    pretrained.write_manifest(entries, tmp_path)
    assert pretrained.load("dog", tmp_path)
    with pytest.raises(UserError, match="made for other arguments or words"):
        pretrained.load("fox", tmp_path)


def test_damaged_files_are_refused_in_a_sentence_or_as_good_as_whole():
    """The whole list of what is done on purpose, and two dozen hurt at random."""
    counts = damage.campaign(54)
    assert sum(counts.values()) == 54
    assert {result for _, result in counts} <= {"refused", "equal"}, counts
    assert sum(n for (_, result), n in counts.items() if result == "refused") > 45
