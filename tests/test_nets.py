"""Networks: shapes, identities at the start, masks, and the sentences for bad input."""

import pytest
import torch

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
