"""States and weights in files: exact, checked, and a sentence for each damaged one."""

import pytest
import torch
from torch import nn

from minidiff.errors import UserError
from minidiff.training.checkpoints import load_state, load_weights, save_state, save_weights


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def test_weights_come_back_in_half_precision(tmp_path):
    saved, path = linear(), tmp_path / "w.safetensors"
    digest = save_weights(path, saved.state_dict())
    loaded = load_weights(path, linear(seed=1), digest)
    assert torch.equal(loaded.weight, saved.weight.half().float())
    assert path.stat().st_size < 400


def test_a_state_comes_back_exactly(tmp_path):
    """Tensors of any type and layout, shared ones too; numbers as keys; floats to the last bit."""
    picture = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    state = {"a": picture, "b": [picture, picture[:1]], 3: {"x": 0.1 + 0.2, "y": None, "z": True}}
    state |= {"half": torch.randn(3).bfloat16(), "step": torch.tensor(7.0), "text": "grün"}
    save_state(tmp_path / "state.pt", state)
    found = load_state(tmp_path / "state.pt")
    assert list(found) == list(state) and found[3] == state[3] and found["text"] == "grün"
    for name in ("a", "half", "step"):
        assert torch.equal(found[name], state[name]) and found[name].dtype == state[name].dtype
    assert torch.equal(found["b"][1], picture[:1])


def test_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(OSError, match="cannot write .*nowhere"):
        save_weights(tmp_path / "nowhere" / "w.safetensors", linear().state_dict())
    with pytest.raises(OSError, match="cannot write .*nowhere"):
        save_state(tmp_path / "nowhere" / "s.pt", {})


def test_damaged_weights(tmp_path):
    path, module = tmp_path / "w.safetensors", linear(seed=1)
    digest = save_weights(path, linear().state_dict())
    whole, before = path.read_bytes(), module.weight.clone()
    path.write_bytes(whole[:-10])
    for expected in (digest, "", None, 0):  # a checksum that is missing is no checksum that fits
        with pytest.raises(UserError, match="damaged.*sha256"):
            load_weights(path, module, expected)
    path.write_bytes(whole)
    with pytest.raises(UserError, match="another network"):
        load_weights(path, nn.Linear(4, 2), digest)
    with pytest.raises(FileNotFoundError, match="no weights at"):
        load_weights(tmp_path / "none.safetensors", module, digest)
    assert torch.equal(module.weight, before)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 70_000.0])
def test_weights_that_half_precision_cannot_hold_are_not_written(value, tmp_path):
    tensors = linear().state_dict() | {"bias": torch.tensor([0.0, value])}
    with pytest.raises(UserError, match="bias are no numbers, or too large for half precision"):
        save_weights(tmp_path / "w.safetensors", tensors)
    assert not list(tmp_path.iterdir())


def test_damaged_state(tmp_path):
    path = tmp_path / "state.pt"
    save_state(path, {"step": 1, "weights": torch.zeros(100)})
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):  # every bit is under the checksum
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged or is no training state"):
            load_state(path)
    with pytest.raises(FileNotFoundError, match="no training state"):
        load_state(tmp_path / "none.pt")
