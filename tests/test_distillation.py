"""Students: a small change of a fixed network, and the loss that teaches it to jump."""

import copy

import pytest
import torch
from torch import nn

from minidiff import pretrained
from minidiff.codecs import Scaled
from minidiff.conditions import LabelEncoder, Unconditional
from minidiff.denoiser import Denoiser, noising
from minidiff.errors import UserError
from minidiff.guidance import given, guide
from minidiff.model import Model
from minidiff.nets import LowRank, UNet
from minidiff.recipes import digit_data
from minidiff.recipes.fast import student, teacher_of
from minidiff.samplers import consistency as jumps
from minidiff.samplers import ddim, last
from minidiff.schedules import cosine, uniform_grid
from minidiff.training import train
from minidiff.training.distillation import consistency


def awake(net):
    """A network of which no layer is 0."""
    for parameter in net.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return net


def teacher(seed=0, w=2.0):
    torch.manual_seed(seed)
    net = awake(UNet(1, width=8, widths=(1, 2), token_width=8))
    return Model(Denoiser(net, cosine), LabelEncoder(3, 8), Scaled(2.0), (1, 8, 8), w=w)


def batch(n=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, 8, 8, generator=generator), [0, 1, 2, None, 1, 0][:n]


def call(net, model, seed=1):
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(seed)).to(model.dtype)
    return net(x, torch.tensor([0.2, 0.5, 0.9]), *model.encoder([0, 1, None]))


def test_a_low_rank_change_begins_as_nothing_and_leaves_the_base_alone():
    model = teacher()
    net = LowRank(model.denoiser.net, rank=2)
    before = copy.deepcopy(net.base.state_dict())
    torch.testing.assert_close(call(net, model), call(net.base, model))
    learned = {name for name, p in net.named_parameters() if p.requires_grad}
    assert learned and not any(name.startswith("base.") for name in learned)
    call(net, model).square().mean().backward()
    torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 1.0).step()
    assert not torch.allclose(call(net, model), call(net.base, model), atol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in net.base.state_dict().items())


def test_the_changed_weights_are_the_sum_that_the_paper_says():
    model = teacher()
    net = LowRank(model.denoiser.net, rank=2)
    for parameter in (*net.up.values(), *net.shift.values()):
        nn.init.normal_(parameter, std=0.1)
    merged = copy.deepcopy(net.base)
    with torch.no_grad():
        for name, weight in merged.named_parameters():
            key = name.replace(".", "/")
            if weight.ndim == 1:
                weight += net.shift[key]
            else:
                change = net.up[key] @ net.down[key]
                assert torch.linalg.matrix_rank(change) <= 2
                weight += change.reshape(weight.shape)
    torch.testing.assert_close(call(net, model), call(merged, model))
    with torch.no_grad():
        torch.testing.assert_close(call(net, model), call(merged, model))


@torch.no_grad()
def test_weights_that_are_kept_are_worked_out_anew_after_any_change():
    model = teacher()
    net = LowRank(model.denoiser.net, rank=2)
    name = next(iter(net.up))
    says = [call(net, model)]
    net.up[name].add_(0.5)
    says.append(call(net, model))
    net.load_state_dict({key: value + 0.1 for key, value in net.state_dict().items()})
    says.append(call(net, model))
    net.base.conv_in.bias.add_(1.0)
    says.append(call(net, model))
    for i, one in enumerate(says):
        assert all(not torch.allclose(one, other, atol=1e-4) for other in says[:i])
    assert call(net.double(), model.double()).dtype == torch.float64


def by_hand(model, net, x0, prompts, ts, index, eps, w, own=None):
    """The loss, with the times' numbers given, from plain lines."""
    denoiser = Denoiser(net, cosine)
    rows = []
    for k in range(len(x0)):
        t, s = ts[index[k]], ts[index[k] + 1]
        x = noising(cosine, x0[k : k + 1], t, eps[k : k + 1])
        cond, null = model.encoder([prompts[k]]), model.encoder([None])
        guided = guide(given(denoiser, *cond), given(denoiser, *null), w)
        x_s = last(ddim(guided, cosine, x, torch.stack([t, s])))
        wanted = (own or denoiser)(x_s, s, *cond)
        guess = (own or denoiser)(x, t, *cond)
        rows.append(((guess - wanted) / cosine(t)[1]).square().mean())
    return torch.stack(rows)


@pytest.mark.parametrize("w", [1.0, 2.5])
def test_the_loss_is_what_the_algorithm_says(w):
    model, (pictures, prompts), ts = teacher(w=w), batch(), uniform_grid(5)
    pupil = student(model, rank=2)
    loss = consistency(pupil, teacher_of(pupil), ts)(
        (pictures, prompts), torch.Generator().manual_seed(3), 0, pupil
    )
    generator = torch.Generator().manual_seed(3)
    index = torch.randint(5, (6,), generator=generator)
    eps = torch.randn(pictures.shape, generator=generator)
    with torch.no_grad():
        wanted = by_hand(model, pupil.denoiser.net.base, pictures / 2, prompts, ts, index, eps, w)
    torch.testing.assert_close(loss.detach(), wanted, rtol=1e-4, atol=1e-6)
    assert loss.requires_grad and len({*index.tolist()}) > 2


def test_one_step_to_the_data_teaches_the_teachers_guided_guess():
    """From t = 1 to 0: what is wanted is where the teacher ends, whatever the average says."""
    model, (pictures, prompts) = teacher(), batch()
    pupil, other = student(model, rank=2), student(teacher(seed=5), rank=2)
    losses = [
        consistency(pupil, teacher_of(pupil), uniform_grid(1))(
            (pictures, prompts), torch.Generator().manual_seed(0), 0, average
        )
        for average in (pupil, other)
    ]
    torch.testing.assert_close(*losses)


def test_training_moves_the_change_alone_and_brings_the_student_to_its_teacher():
    model = pretrained.load("digits")
    model.w = 3.0
    pupil = student(model)
    fixed = {
        name: value.clone()
        for name, value in pupil.state_dict().items()
        if not name.startswith(("denoiser.net.up", "denoiser.net.down", "denoiser.net.shift"))
    }
    loss = consistency(pupil, teacher_of(pupil), uniform_grid(2))

    def error(trained):
        pairs = digit_data()(128, torch.Generator().manual_seed(9))
        own = consistency(trained, teacher_of(trained), uniform_grid(2))
        return own(pairs, torch.Generator().manual_seed(9), 0, trained).mean().item()

    before = error(pupil)
    settings = dict(batch=16, lr=2e-3, warmup=16, decay=0.9, loss=loss)
    for progress in train(pupil, digit_data(), 16 * 30, **settings):
        pass
    assert error(progress.model) < 0.6 * before
    now = pupil.state_dict()
    assert all(torch.equal(now[name], value) for name, value in fixed.items())


def test_a_student_takes_no_guidance_of_its_own():
    pupil = student(teacher(w=2.5), rank=2).eval()
    assert pupil([1, 2]).shape == (2, 1, 8, 8) and pupil.sampler is jumps
    for asked, said in [
        (dict(w=2.0), "w is fixed in this model, .* with w = 2.5 .* got w = 2"),
        (dict(negative=1), "w is fixed .* got negative 1"),
    ]:
        with pytest.raises(UserError, match=said):
            pupil([1], **asked)
    assert torch.equal(pupil([1], w=1.0), pupil([1]))


def test_a_students_file_holds_its_change_alone(tmp_path):
    model = teacher()
    pretrained.save("slow", model, tmp_path)
    model = pretrained.load("slow", tmp_path)
    pupil = student(model, rank=2)
    for parameter in pupil.denoiser.net.up.values():
        nn.init.normal_(parameter, std=0.1)
    parts = {"encoder": "slow.encoder", "denoiser.net.base": "slow.denoiser.net"}
    pretrained.save("fast", pupil, tmp_path, parts=parts)
    small, large = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("fast", "slow"))
    assert small < large
    found = pretrained.load("fast", tmp_path)
    assert found.learned_w == 2.0 and found.steps == 4
    torch.testing.assert_close(found([1, 2]), pupil.eval()([1, 2]), atol=5e-3, rtol=0)
    (tmp_path / "slow.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="no weights at .*slow"):
        pretrained.load("fast", tmp_path)
    pretrained.write_manifest({"fast": pretrained.manifest(tmp_path)["fast"]}, tmp_path)
    with pytest.raises(UserError, match=r"^fast in .* needs the model 'slow\.\w+' beside it$"):
        pretrained.load("fast", tmp_path)


def test_a_teacher_of_another_shape_is_refused():
    pupil, other = student(teacher(), rank=2), teacher()
    other.shape = (1, 16, 16)
    said = r"^teacher must paint .* shape, \(1, 8, 8\), got \(1, 16, 16\)$"
    with pytest.raises(UserError, match=said):
        consistency(pupil, other, uniform_grid(4))


def test_a_model_that_is_a_part_of_itself_is_refused(tmp_path):
    pretrained.save("one", Model(awake(Own()), Unconditional(), Scaled(1.0), (2,)), tmp_path)
    entries = pretrained.manifest(tmp_path)
    entries["two"] = entries["one"] | {"parts": {"denoiser": "one.denoiser"}}
    entries["one"] = entries["one"] | {"parts": {"denoiser": "two.denoiser"}}
    pretrained.write_manifest(entries, tmp_path)
    with pytest.raises(UserError, match="needs the model '(one|two).denoiser' beside it"):
        pretrained.load("one", tmp_path, Own)


class Own(nn.Module):
    """A denoiser of somebody else's."""

    def __init__(self):
        super().__init__()
        self.layer, self.schedule = nn.Linear(2, 2), cosine

    def forward(self, x, t):
        return self.layer(x)
