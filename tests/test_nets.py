"""Networks: shapes, identities at the start, masks, and the sentences for bad input."""

import math

import pytest
import torch
import torch.nn.functional as F

from minidiff.nets import PointNet, UNet
from minidiff.nets.layers import Attention, ResBlock, attention_map, time_features


def unet(**settings):
    torch.manual_seed(0)
    net = UNet(1, width=8, token_width=16, **settings)
    for parameter in net.parameters():  # wake the layers that start at 0
        torch.nn.init.normal_(parameter, std=0.1)
    return net


def cond(n, length=3):
    tokens = torch.randn(n, length, 16, generator=torch.Generator().manual_seed(1))
    return tokens, torch.ones(n, length, dtype=torch.bool)


@pytest.mark.parametrize("patch, widths, side", [(2, (1, 2), 28), (1, (1, 2, 2), 16), (4, (1,), 8)])
def test_unet_keeps_the_shape(patch, widths, side):
    net = unet(patch=patch, widths=widths)
    x = torch.randn(2, 1, side, side)
    assert net(x, torch.rand(2), *cond(2)).shape == x.shape


def test_unet_without_condition():
    net = UNet(3, width=8)
    assert net(torch.randn(1, 3, 8, 12), torch.rand(1)).shape == (1, 3, 8, 12)
    with pytest.raises(ValueError, match="cond must be empty"):
        net(torch.randn(2, 3, 8, 8), torch.rand(2), *cond(2))


def test_unet_starts_at_zero():
    assert UNet(1, width=8)(torch.randn(2, 1, 8, 8), torch.rand(2)).abs().max() == 0


def test_unet_listens_to_time_and_tokens():
    net, x = unet(), torch.randn(2, 1, 8, 8)
    tokens, mask = cond(2)
    out = net(x, torch.tensor([0.3, 0.3]), tokens, mask)
    assert not torch.allclose(out, net(x, torch.tensor([0.9, 0.9]), tokens, mask))
    assert not torch.allclose(out, net(x, torch.tensor([0.3, 0.3]), tokens.flip(2), mask))


def test_positions_tell_where_a_place_is():
    """Every one of them has its say; while they are 0 the network is the one without them."""
    told, plain = unet(positions=(2, 3)), unet()
    plain.load_state_dict(told.state_dict(), strict=False)
    x, t = torch.randn(2, 1, 8, 12), torch.rand(2)
    told(x, t, *cond(2)).sum().backward()
    assert (told.position.grad.abs().sum(0) > 0).all() and told.position.shape == (16, 2, 3)
    assert not torch.allclose(told(x, t, *cond(2)), plain(x, t, *cond(2)), atol=1e-3)
    torch.nn.init.zeros_(told.position)
    assert torch.allclose(told(x, t, *cond(2)), plain(x, t, *cond(2)), atol=1e-6)
    torch.nn.init.normal_(told.position)
    large = torch.randn(2, 1, 16, 8)  # another size: what was learned is stretched
    stretched = F.interpolate(told.position[None].detach(), (4, 2), mode="bilinear")[0]
    other = unet(positions=(4, 2))
    other.load_state_dict(told.state_dict() | {"position": stretched})
    assert torch.allclose(told(large, t, *cond(2)), other(large, t, *cond(2)), atol=1e-6)


def test_masked_tokens_do_not_matter():
    net, x, t = unet(), torch.randn(2, 1, 8, 8), torch.rand(2)
    tokens, mask = cond(2)
    mask[:, 2] = False
    changed = tokens.clone()
    changed[:, 2] = 100.0
    torch.testing.assert_close(net(x, t, tokens, mask), net(x, t, changed, mask))


def test_samples_of_a_batch_do_not_mix():
    net, x, t = unet(), torch.randn(3, 1, 8, 8), torch.rand(3)
    tokens, mask = cond(3)
    alone = net(x[1:2], t[1:2], tokens[1:2], mask[1:2])
    torch.testing.assert_close(net(x, t, tokens, mask)[1:2], alone, rtol=1e-4, atol=1e-5)


def test_blocks_begin_as_the_identity():
    x, emb = torch.randn(2, 8, 4, 4), torch.randn(2, 5)
    assert torch.equal(ResBlock(8, 8, 5)(x, emb), x)
    assert torch.equal(Attention(8)(x), x)


def test_attention_weights_are_what_forward_uses():
    attention = Attention(8, token_width=16)
    torch.nn.init.eye_(attention.out.weight)
    x, (tokens, mask) = torch.randn(2, 8, 4, 4), cond(2)
    mask[1, 1:] = False
    share = attention_map(attention, x, tokens, mask)  # (B, H W, L), mean over heads
    torch.testing.assert_close(share.sum(-1), torch.ones(2, 16))
    assert (share[1, :, 1:] == 0).all()
    # With one token left, every pixel receives that token's value.
    value = attention.key_value(tokens).chunk(2, 2)[1][1, 0]
    received = (attention(x, tokens, mask) - x)[1].flatten(1)
    torch.testing.assert_close(received, value[:, None].expand(8, 16))


def test_pointnet():
    net = PointNet()
    assert net(torch.randn(5, 2), torch.rand(5)).shape == (5, 2)
    assert torch.equal(net.directions, PointNet().directions)  # features do not depend on luck


def test_time_features_tell_times_apart():
    features = time_features(torch.linspace(0, 1, 101), 32)
    assert features.shape == (101, 32)
    assert (torch.cdist(features, features) + 10 * torch.eye(101)).min() > 0.5


@pytest.mark.parametrize("shape", [(2, 1, 7, 8), (2, 2, 8, 8), (1, 8, 8)])
def test_bad_pictures(shape):
    with pytest.raises(ValueError, match=r"x must have shape \(B, 1, H, W\).* multiples of 4"):
        unet()(torch.randn(shape), torch.rand(shape[0]), *cond(shape[0]))


def test_bad_conditions():
    with pytest.raises(ValueError, match="got none"):
        unet()(torch.randn(2, 1, 8, 8), torch.rand(2))
    with pytest.raises(ValueError, match="one entry per picture, got 3 for 2"):
        unet()(torch.randn(2, 1, 8, 8), torch.rand(2), *cond(3))


DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["UNet", "PointNet"])
def test_every_precision(kind, dtype):
    """Half precision says what float32 says, but for its rounding, and is trained in."""
    torch.manual_seed(0)
    net, shape, told = unet(), (2, 1, 8, 8), cond(2)
    if kind == "PointNet":
        net, shape, told = PointNet(), (2, 2), ()
    x, t = torch.randn(shape), torch.tensor([0.9701, 0.2])
    wanted = net(x, t, *told).double()
    net, told = (
        net.to(dtype),
        (value.to(dtype) if value.is_floating_point() else value for value in told),
    )
    out = net(x.to(dtype), t.to(torch.promote_types(dtype, torch.float32)), *told)
    out.square().mean().backward()
    assert out.dtype == dtype and all(p.grad.isfinite().all() for p in net.parameters())
    most = {torch.float16: 0.01, torch.bfloat16: 0.1}.get(dtype, 1e-5)
    assert (out.double() - wanted).abs().max() < most * wanted.abs().max()


def test_the_digits_of_a_time_survive_half_precision():
    """The angles are counted in float32: 1.25 radians lie between 0.97 and bfloat16's 0.97."""
    t = torch.tensor([0.9701])
    torch.testing.assert_close(
        time_features(t, 64).double(), time_features(t.double(), 64), rtol=0, atol=1e-3
    )
    assert time_features(t.bfloat16(), 64).dtype == torch.float32


def test_an_empty_mask_says_nothing():
    """No token counts, so any tokens will do, and the numbers stay numbers."""
    net, x, t = unet(), torch.randn(2, 1, 8, 8), torch.rand(2)
    tokens, mask = cond(2)
    mask[1] = False
    out = net(x, t, tokens, mask)
    assert out.isfinite().all()
    torch.testing.assert_close(net(x, t, 0 * tokens, mask)[1], out[1])


def by_hand(w, x, t, tokens, mask, heads=4):
    """`UNet(1, width=8, widths=(1, 2))` from its weights alone, written out; patch 2, one stage a side."""

    def linear(name, h):
        return h @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def conv(name, h, **settings):
        return F.conv2d(h, w[f"{name}.weight"], w[f"{name}.bias"], padding=1, **settings)

    def norm(name, h):
        groups = h.unflatten(1, (8, -1))
        centred = groups - groups.mean((2, 3, 4), keepdim=True)
        h = (centred / (centred.square().mean((2, 3, 4), keepdim=True) + 1e-5).sqrt()).flatten(1, 2)
        return h * w[f"{name}.weight"][:, None, None] + w[f"{name}.bias"][:, None, None]

    def silu(h):
        return h / (1 + (-h).exp())

    def block(name, h, emb):
        scale, shift = linear(f"{name}.film", emb)[:, :, None, None].chunk(2, 1)
        new = conv(f"{name}.conv1", silu(norm(f"{name}.norm1", h)))
        new = conv(f"{name}.conv2", silu(norm(f"{name}.norm2", new) * (1 + scale) + shift))
        if f"{name}.shortcut.weight" in w:
            h = F.conv2d(h, w[f"{name}.shortcut.weight"], w[f"{name}.shortcut.bias"])
        return h + new

    def attend(name, h, others=None, counts=None):
        pixels = norm(f"{name}.norm", h).flatten(2).transpose(1, 2)
        query = linear(f"{name}.query", pixels)
        key, value = linear(f"{name}.key_value", pixels if others is None else others).chunk(2, 2)
        heard = []
        for part in torch.arange(query.shape[2]).chunk(heads):  # a head has channels of its own
            scores = query[:, :, part] @ key[:, :, part].transpose(1, 2) / len(part) ** 0.5
            weights = scores.exp() if counts is None else scores.exp() * counts[:, None]
            heard.append(weights / weights.sum(2, keepdim=True) @ value[:, :, part])
        return h + linear(f"{name}.out", torch.cat(heard, 2)).transpose(1, 2).view_as(h)

    def stage(name, h, emb, attends):
        h = block(f"{name}.block", h, emb)
        if attends:
            h = attend(f"{name}.self_attention", h)
            h = attend(f"{name}.cross_attention", h, tokens, mask.to(h))
        return h

    angles = t[:, None] * torch.logspace(0, 3, 16)
    emb = linear("time.2", silu(linear("time.0", torch.cat([angles.sin(), angles.cos()], 1))))
    pooled = [row[counts].mean(0) for row, counts in zip(tokens, mask)]
    emb = emb + linear("pool", torch.stack(pooled))
    corners = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]  # space to depth
    fine = stage("down.0", conv("conv_in", torch.cat(corners, 1)), emb, attends=False)
    coarse = stage("down.2", conv("down.1", fine, stride=2), emb, attends=True)
    h = stage("middle", coarse, emb, attends=True)
    h = stage("up.0", torch.cat([h, coarse], 1), emb, attends=True)
    h = conv("up.1.1", h.repeat_interleave(2, 2).repeat_interleave(2, 3))
    h = stage("up.2", torch.cat([h, fine], 1), emb, attends=False)
    h = conv("conv_out.2", silu(norm("conv_out.0", h)))
    return h.unflatten(1, (2, 2)).permute(0, 3, 1, 4, 2).reshape(x.shape)  # depth to space


def test_the_unet_is_what_its_formulas_say():
    """Every skip, every head, both attentions, the pooled text and the mask, against plain algebra."""
    net, x = unet(), torch.randn(2, 1, 8, 12, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():  # so that who listens to whom is decided
        for name, weight in net.named_parameters():
            weight *= 5 if "query" in name or "key_value" in name else 2
    tokens, mask = cond(2)
    mask[1, 1:] = False
    t = torch.tensor([0.2, 0.7])
    wanted = by_hand(net.state_dict(), x, t, tokens, mask)
    torch.testing.assert_close(net(x, t, tokens, mask), wanted, rtol=1e-3, atol=1e-4)


def test_pointnet_is_what_its_formula_says():
    net, x, t = PointNet(width=16, depth=2, features=4), torch.randn(5, 2), torch.rand(5)
    angles = 2 * math.pi * x @ net.directions
    h, times = torch.cat([x, angles.sin(), angles.cos()], 1), time_features(t, 16)
    for layer, film in zip(net.layers, net.films):
        scale, shift = film(times)[:, :16], film(times)[:, 16:]
        h = layer(h) * (1 + scale) + shift
        h = h * h.sigmoid()
    torch.testing.assert_close(net(x, t), net.out(h))


def test_time_features_are_sines_then_cosines():
    features = time_features(torch.tensor([0.3]), 8)[0]
    waves = [0.3 * 10**k for k in range(4)]
    wanted = [f(wave) for f in (math.sin, math.cos) for wave in waves]
    torch.testing.assert_close(features, torch.tensor(wanted), rtol=1e-4, atol=1e-4)


def test_the_map_of_an_empty_mask_is_empty():
    tokens, mask = cond(2)
    mask[1] = False
    attention = Attention(8, token_width=16)
    share = attention_map(attention, torch.randn(2, 8, 4, 4), tokens, mask)
    assert (share[1] == 0).all() and torch.isclose(share[0].sum(-1), torch.ones(16)).all()
