"""Files: half precision, atomic writes, and a sentence for each damaged file."""

import json

import pytest
import torch
from torch import nn

import minidiff
from minidiff import pretrained
from minidiff.files import atomic_write
from minidiff.training.checkpoints import load_state, load_weights, save_state, save_weights


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def test_weights_come_back_in_half_precision(tmp_path):
    saved, path = linear(), tmp_path / "w.safetensors"
    digest = save_weights(path, saved)
    loaded = load_weights(path, linear(seed=1), digest)
    assert torch.equal(loaded.weight, saved.weight.half().float())
    assert path.stat().st_size < 400


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "state.pt"
    save_state(path, {"step": 1})
    with pytest.raises(OSError, match=r"cannot write .*state.pt"):
        with atomic_write(path) as temporary:
            temporary.write_text("half of it")
            raise OSError("No space left on device")
    assert load_state(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]


def test_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(OSError, match="cannot write .*nowhere"):
        save_weights(tmp_path / "nowhere" / "w.safetensors", linear())
    with pytest.raises(OSError, match="cannot write .*nowhere"):
        save_state(tmp_path / "nowhere" / "s.pt", {})


def test_damaged_weights(tmp_path):
    path = tmp_path / "w.safetensors"
    digest = save_weights(path, linear())
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(ValueError, match="damaged.*sha256"):
        load_weights(path, linear(), digest)
    with pytest.raises(ValueError, match="damaged"):
        load_weights(path, linear())
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="another network"):
        load_weights(path, nn.Linear(4, 2), digest)
    with pytest.raises(FileNotFoundError, match="no weights at"):
        load_weights(tmp_path / "none.safetensors", linear())


def test_damaged_state(tmp_path):
    path = tmp_path / "state.pt"
    save_state(path, {"step": 1, "weights": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="damaged or is no training state"):
        load_state(path)
    with pytest.raises(FileNotFoundError, match="no training state"):
        load_state(tmp_path / "none.pt")


def test_every_shipped_model_loads_and_fits():
    entries = pretrained.manifest()
    assert entries
    total = 0
    for name, facts in entries.items():
        model = minidiff.load(name)
        assert not model.training
        assert all(parameter.isfinite().all() for parameter in model.parameters())
        total += (pretrained.HERE / facts["file"]).stat().st_size
    assert total < 30 * 2**20


def test_unknown_model_says_which_there_are():
    with pytest.raises(ValueError, match="model must be one of points.*got 'cats'"):
        minidiff.load("cats")


def test_load_refuses_a_changed_file(tmp_path):
    pretrained.save("mine", minidiff.load("points"), tmp_path, recipe="points")
    assert pretrained.load("mine", tmp_path)
    entries = json.loads((tmp_path / "manifest.json").read_text())
    entries["mine"]["sha256"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(entries))
    with pytest.raises(ValueError, match="damaged"):
        pretrained.load("mine", tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match="manifest.json is damaged"):
        pretrained.load("mine", tmp_path)
