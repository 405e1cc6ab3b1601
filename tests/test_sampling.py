"""The driver: a picture is its seed's alone, whatever stands beside it; every way to sample agrees."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from tqdm.auto import tqdm

from minidiff import editing, load
from minidiff.codecs import Pixels
from minidiff.conditions import LabelEncoder
from minidiff.denoiser import Denoiser
from minidiff.model import Model
from minidiff.nets import UNet
from minidiff.samplers import consistency, ddim, ddpm, dpmpp_2m, heun, last, noise_from
from minidiff.sampling import (
    finished,
    frames,
    generator_at,
    noise_on_the_way,
    samples,
    seeds_from,
    start_noise,
    trajectories,
)
from minidiff.schedules import cosine, uniform_grid

SAMPLERS = {
    "ddim": ddim,
    "ddim1": partial(ddim, eta=1.0),
    "ddpm": ddpm,
    "heun": heun,
    "2m": dpmpp_2m,
    "consistency": consistency,
    "repaint": editing.resampled(ddpm, 2),
}
BAR = tqdm(disable=True)
TS = uniform_grid(4)


def tiny():
    """A random model of small pictures by label."""
    torch.manual_seed(0)
    net = UNet(1, width=8, widths=(1, 1), token_width=8)
    for parameter in net.parameters():
        if not parameter.any():  # a fresh network says 0 to everything
            torch.nn.init.normal_(parameter, std=0.1)
    model = Model(Denoiser(net, cosine), LabelEncoder(10, 8), Pixels(), (1, 8, 8), w=2.0, steps=4)
    return model.eval()


def close(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_picture_depends_on_its_prompt_and_seed_alone(name):
    model, sampler, labels = tiny(), SAMPLERS[name], [3, 1, 4, 1, 5, 9]
    way = dict(ts=TS, sampler=sampler)
    whole = samples(model, labels, 7, chunk=6, **way)
    for k in range(6):  # alone, with the seed that it has in a row
        close(samples(model, labels[k : k + 1], 7 + k, **way)[0], whole[k])
    close(samples(model, labels, 7, chunk=4, **way), whole)  # in other chunks
    close(samples(model, labels[:2], 7, **way), whole[:2])  # fewer of them
    turned = samples(model, labels[::-1], list(range(12, 6, -1)), **way)
    close(turned.flip(0), whole)  # in another order
    close(model(labels, seed=7, steps=4, sampler=sampler), whole)  # by the model's own call
    pairs = samples(model, labels, 7, chunk=2, **way)  # at equal chunks bit for bit
    assert torch.equal(samples(model, labels[2:], 9, chunk=2, **way), pairs[2:])
    assert not torch.isclose(whole[1], whole[3], atol=0.01).all()  # one prompt, two seeds


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_way_to_sample_ends_at_the_same_pictures(name):
    model, way = tiny(), dict(ts=TS, sampler=SAMPLERS[name])
    wanted = model([2, 8], seed=5, steps=4, sampler=SAMPLERS[name])
    ((x, steps),) = trajectories(model, [2, 8], 5, **way)
    assert torch.equal(x, cosine(TS[0])[1] * model.noise(2, 5))
    assert torch.equal(model.codec.decode(last(steps)), wanted)
    assert torch.equal(samples(model, [2, 8], 5, **way), wanted)
    (made,) = finished(model, trajectories(model, [2, 8], 5, **way), BAR)
    assert torch.equal(made, wanted)
    seen = list(frames(model, trajectories(model, [2, 8], 5, **way), BAR))
    assert len(seen) == 5 and all(torch.equal(each, wanted) for each in seen[-1])


@pytest.mark.parametrize("name", ["ddim1", "ddpm", "consistency", "repaint"])
def test_the_seed_decides_the_noise_on_the_way(name):
    """From one and the same start, another seed's noise ends elsewhere."""
    model, ends = tiny(), []
    denoise, x = model.prompted([3]), model.noise(1, 0)
    for seed in (1, 1, 2):
        noise = noise_on_the_way([seed])
        ends.append(last(SAMPLERS[name](denoise, cosine, x, TS, noise=noise)))
    assert torch.equal(ends[0], ends[1]) and not torch.allclose(ends[0], ends[2], atol=0.01)
    own = trajectories(model, [3], 1, ts=TS, sampler=SAMPLERS[name])
    ((start, steps),) = own
    noise = noise_on_the_way([1])
    assert torch.equal(last(steps), last(SAMPLERS[name](denoise, cosine, start, TS, noise=noise)))


@pytest.mark.parametrize("seed", [5, 2**40])
def test_start_and_way_are_two_streams(seed):
    start, way = start_noise((4000,), [seed]), noise_on_the_way([seed])(torch.zeros(1, 4000))
    assert torch.corrcoef(torch.cat([start, way]))[0, 1].abs() < 0.06


def test_a_short_seed_is_pytorchs_own():
    drawn = torch.randn(9, generator=torch.Generator().manual_seed(5))
    assert torch.equal(start_noise((9,), [5])[0], drawn)


def test_a_generator_depends_on_all_of_its_numbers():
    def draw(*numbers):
        return torch.randn(9, generator=generator_at(*numbers))

    assert torch.equal(draw(1, 2), draw(1, 2))
    draws = [draw(1, 2), draw(1, 3), draw(2, 1), draw(2, 2), draw(1, 2, 3), draw(2**40, 2)]
    assert torch.pdist(torch.stack(draws)).min() > 0.5


def test_noise_that_was_given_stays():
    """A sampler whose noise the caller chose keeps it, whatever the seed."""
    model, start = tiny(), [1, 2]
    made = []
    for seed in (3, 3, 4):
        chosen = partial(ddpm, noise=noise_from(torch.Generator().manual_seed(seed)))
        made.append(samples(model, [3, 3], start, ts=TS, sampler=chosen))
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_threads_and_the_users_random_numbers(sampler):
    model = tiny()

    def make(seed):
        return model([seed], seed=seed, steps=4, sampler=sampler)

    torch.manual_seed(11)
    before, one_by_one = torch.get_rng_state(), [make(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(make, range(8)))
    assert all(torch.equal(a, b) for a, b in zip(one_by_one, together))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)  # nor do they decide anything
    assert torch.equal(make(3), one_by_one[3])


@pytest.mark.parametrize("large", [2**32, 2**32 + 5, 2**63 - 1, 2**63, 2**64 + 3])
def test_seeds_of_any_size_are_seeds_of_their_own(large):
    seeds = [0, 5, large % 2**32, large]
    start = start_noise((50,), seeds)
    way = noise_on_the_way(seeds)(start)
    for noise in (start, way):
        assert torch.equal(noise, torch.cat([one(noise, seed) for seed, one in rows(seeds, start)]))
        assert not any(torch.equal(noise[3], other) for other in noise[:3])


def rows(seeds, start):
    """For each seed the function that draws the same kind of noise for it alone."""

    def alone(noise, seed):
        return start_noise((50,), [seed]) if noise is start else noise_on_the_way([seed])(start[:1])

    return [(seed, alone) for seed in seeds]


def test_seeds_are_whole_numbers_of_any_kind():
    assert list(seeds_from(np.int64(3), 2)) == list(seeds_from(torch.tensor(3), 2)) == [3, 4]
    assert list(seeds_from((8, 1), 2)) == [8, 1]
    for bad in (-1, 1.0, "3", None, True, float("nan")):
        with pytest.raises(ValueError, match="seed must be a whole number, at least 0, got"):
            seeds_from(bad, 2)
        with pytest.raises(ValueError, match="seed must be a whole number, at least 0, got"):
            seeds_from([0, bad], 2)
    with pytest.raises(ValueError, match="seed must be one number, or one for each of 3, got 2"):
        seeds_from([1, 2], 3)


def test_noise_has_a_row_for_each_seed():
    """One seed for four rows would give all four the same noise."""
    with pytest.raises(ValueError, match="a row for each of 1 seeds, got 4"):
        noise_on_the_way([0])(torch.zeros(4, 2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", SAMPLERS)
def test_models_of_every_precision_make_the_same_picture(dtype, name):
    wanted = tiny()([3, None], steps=4, seed=1, sampler=SAMPLERS[name])
    made = tiny().to(dtype)([3, None], steps=4, seed=1, sampler=SAMPLERS[name])
    assert made.dtype == dtype
    most = {torch.float16: 0.02, torch.bfloat16: 0.2}.get(dtype, 1e-5)
    assert (made.double() - wanted.double()).abs().max() < most


def test_clips_and_vectors_are_walked_by_the_same_driver():
    """Any shape, and parts that are plain functions."""

    class Halved:
        encode = decode = staticmethod(lambda x: x / 2)

    for shape in ((5,), (3, 2, 4, 4)):

        def denoise(x, t, wanted):
            return wanted.view(-1, *[1] * (x.ndim - 1)) + 0 * x

        denoise.schedule = cosine
        model = Model(denoise, lambda prompts: (torch.tensor(prompts),), Halved(), shape, steps=3)
        made = model([1.0, 4.0], seed=2)
        assert made.shape == (2, *shape)
        torch.testing.assert_close(made.flatten(1).mean(1), torch.tensor([0.5, 2.0]))


def test_shipped_models_sample_alone_as_in_a_row():
    """The defaults of what is shipped, stochastic ones among them."""
    for name, prompts in (
        ("points", [None] * 3),
        ("digits", [3, 1, 4]),
        ("photo-chelsea", [None] * 2),
    ):
        model = load(name)
        made = model(prompts, seed=1, steps=3)
        close(made[1], model(prompts[1:2], seed=2, steps=3)[0])


def test_guidance_and_negative_prompt_reach_the_network():
    """Against the walk written out: noise, guided estimates, clipped, DDIM, decoded."""
    model = tiny()
    three, seven, null = (model.encoder([label]) for label in (3, 7, None))
    for w, negative, away in ((3.0, None, null), (3.0, 7, seven), (1, None, None)):
        x = cosine(TS[0])[1] * torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(9))
        for t, s in zip(TS, TS[1:]):
            x0_hat = model.denoiser(x, t, *three)
            if away:
                other = model.denoiser(x, t, *away)
                x0_hat = other + w * (x0_hat - other)
            x0_hat = x0_hat.clamp(-1, 1)
            (alpha, sigma), (alpha_s, sigma_s) = cosine(t), cosine(s)
            x = alpha_s * x0_hat + sigma_s * (x - alpha * x0_hat) / sigma
        way = dict(w=w, negative=negative, sampler=ddim)
        close(samples(model, [3], 9, ts=TS, **way), (x + 1) / 2)
        close(model([3], seed=9, steps=4, **way), (x + 1) / 2)


def test_who_names_no_seed_gets_seed_0():
    model = tiny()
    (start, steps), (named, named_steps) = (
        next(trajectories(model, [1, 2], **settings)) for settings in ({}, {"seed": 0})
    )
    assert torch.equal(start, named) and torch.equal(last(steps), last(named_steps))
    assert torch.equal(samples(model, [1, 2]), samples(model, [1, 2], seed=0))


def test_a_models_own_settings_hold_where_nobody_says_otherwise():
    model = tiny()
    model.sampler, model.steps, model.w = heun, 3, 2.5
    wanted = model([3], w=2.5, steps=3, sampler=heun)
    assert torch.equal(model([3]), wanted) and torch.equal(samples(model, [3]), wanted)
    for other in (dict(w=2.0), dict(steps=4), dict(sampler=ddim)):
        assert not torch.allclose(model([3], **other), wanted, atol=1e-3)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_autocast_changes_little(sampler):
    wanted = tiny()([3, None], steps=4, sampler=sampler)
    with torch.autocast("cpu", torch.bfloat16):
        made = tiny()([3, None], steps=4, sampler=sampler)
    assert made.dtype == torch.float32 and (made - wanted).abs().max() < 0.2
