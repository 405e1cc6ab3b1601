"""Samplers: one contract for all, orders of accuracy on an exact denoiser, diffusers' schedulers."""

import math
from functools import partial

import pytest
import torch

from minidiff.data.points import Mixture
from minidiff.denoiser import noising
from minidiff.samplers import consistency, ddim, ddpm, dpmpp_2m, heun, last, noise_from, posterior
from minidiff.schedules import DDPM, cosine, flow, log_snr_grid, uniform_grid

SAMPLERS = {
    "ddpm": ddpm,
    "ddim": ddim,
    "ddim1": partial(ddim, eta=1.0),
    "heun": heun,
    "2m": dpmpp_2m,
    "consistency": consistency,
}
SCHEDULES = [cosine, flow, DDPM()]
MEAN, STD = 0.7, 0.5


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def noise_for(name, seed=1):
    """The argument of a stochastic sampler, none for the others."""
    return {"noise": seeded(seed)} if name in ("ddpm", "ddim1", "consistency") else {}


def gaussian(schedule, shape):
    """The exact denoiser of N(MEAN, STD^2) in every coordinate."""
    flat = Mixture(torch.full((1, math.prod(shape)), MEAN), torch.tensor([STD])).denoiser(schedule)
    return lambda x, t: flat(x.flatten(1), t).view_as(x)


def exact_flow(schedule, x, t, s):
    """Where the probability-flow ODE of N(MEAN, STD^2) takes x from t to s, in closed form."""
    (alpha, sigma), (alpha_s, sigma_s) = schedule(t), schedule(s)
    spread = (alpha_s**2 * STD**2 + sigma_s**2) / (alpha**2 * STD**2 + sigma**2)
    return alpha_s * MEAN + (x - alpha * MEAN) * spread.sqrt()


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("shape", [(2,), (1, 6, 6), (2, 3, 4, 4)])
def test_contract(name, schedule, shape):
    """Any rank, a batch of one, n pairs, no call at t = 0, ends at the last estimate."""
    times = []
    exact = gaussian(schedule, shape)

    def denoise(x, t):
        times.append(float(t))
        return exact(x, t)

    ts = uniform_grid(6)
    x = schedule(ts[0])[1] * torch.randn((1, *shape), generator=torch.Generator().manual_seed(0))
    start = x.clone()
    steps = list(SAMPLERS[name](denoise, schedule, x, ts))
    assert len(steps) == 6
    assert all(x.shape == x0_hat.shape == (1, *shape) for x, x0_hat in steps)
    assert min(times) > 0 and max(times) == 1
    assert len(times) == (11 if name == "heun" else 6)
    torch.testing.assert_close(steps[-1][0], steps[-1][1])  # the last step lands on x0_hat
    assert torch.equal(x, start)  # the start is not written over


def jump(x, t):
    """Where the exact flow of the Gaussian ends: what a perfect student would guess."""
    return exact_flow(cosine, x, t, torch.zeros(()))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("n", [1, 4, 400])
def test_moments_of_a_gaussian(name, n):
    """Of any number of steps for a student that jumps; of many for a guess of the mean."""
    if name != "consistency" and n < 400:
        return
    ts = uniform_grid(n)
    noise = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    denoise = jump if name == "consistency" else gaussian(cosine, (2,))
    x = last(SAMPLERS[name](denoise, cosine, cosine(ts[0])[1] * noise, ts))
    assert x.mean().item() == pytest.approx(MEAN, abs=0.03)
    assert x.std().item() == pytest.approx(STD, rel=0.05)


@pytest.mark.parametrize("name, order", [("ddim", 1), ("heun", 2), ("2m", 2)])
@pytest.mark.parametrize("schedule", [cosine, flow])
def test_order_of_accuracy(name, order, schedule):
    x = torch.randn(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    errors = []
    for n in (40, 80, 160):
        ts = log_snr_grid(schedule, n + 1, start=0.95, end=0.05, dtype=torch.float64)[:-1]
        end = last(SAMPLERS[name](gaussian(schedule, (2,)), schedule, x, ts))
        errors.append((end - exact_flow(schedule, x, ts[0], ts[-1])).norm().item())
    slopes = [math.log2(a / b) for a, b in zip(errors, errors[1:])]
    assert slopes == pytest.approx([order] * 2, abs=0.15)


def test_posterior_is_the_papers():
    """Ho et al. 2020, eq. 7, in betas, for every step of the table."""
    schedule = DDPM()
    beta = schedule.beta
    alpha_bar, before = schedule.alpha_bar[1:], schedule.alpha_bar[:-1]
    marks = [(a.sqrt(), (1 - a).sqrt()) for a in schedule.alpha_bar]
    for n in (1, 2, 10, 500, 999):
        on_x, on_x0, std = posterior(marks[n + 1], marks[n])
        torch.testing.assert_close(
            on_x0, before[n].sqrt() * beta[n] / (1 - alpha_bar[n]), rtol=1e-9, atol=0
        )
        wanted = (1 - beta[n]).sqrt() * (1 - before[n]) / (1 - alpha_bar[n])
        torch.testing.assert_close(on_x, wanted, rtol=1e-9, atol=0)
        variance = (1 - before[n]) / (1 - alpha_bar[n]) * beta[n]
        torch.testing.assert_close(std, variance.sqrt(), rtol=1e-9, atol=0)


def test_posterior_undoes_noising():
    """Noising x0 to t and then drawing from q(x_s | x_t, x0) gives x_s as noised from x0 directly."""
    t, s = torch.tensor(0.7).double(), torch.tensor(0.4).double()
    on_x, on_x0, std = posterior(cosine(t), cosine(s))
    (alpha, sigma), (alpha_s, sigma_s) = cosine(t), cosine(s)
    torch.testing.assert_close(on_x * alpha + on_x0, alpha_s)
    torch.testing.assert_close((on_x * sigma) ** 2 + std**2, sigma_s**2)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_keeps_the_marginals_for_every_eta(eta):
    g = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(1, 2, generator=g).expand(40_000, 2), torch.randn(40_000, 2, generator=g)
    t, s = torch.tensor(0.8), torch.tensor(0.5)
    x = noising(cosine, x0, t, eps)
    ((x_s, _),) = ddim(lambda x, t: x0, cosine, x, torch.stack([t, s]), eta, noise_from(g))
    alpha_s, sigma_s = cosine(s)
    torch.testing.assert_close(x_s.mean(0), alpha_s * x0[0], atol=0.02, rtol=0)
    torch.testing.assert_close(x_s.std(0), sigma_s.expand(2), atol=0.02, rtol=0)


def test_eta_one_is_ddpm_step_by_step():
    ts, x = uniform_grid(20), torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    pair = [
        sampler(gaussian(cosine, (2,)), cosine, x, ts, noise=seeded(1))
        for sampler in (ddpm, SAMPLERS["ddim1"])
    ]
    for (a, _), (b, _) in zip(*pair):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def shrunk(schedule):
    """The exact denoiser of N(MEAN, STD^2) again, in one line and in the precision of x."""

    def denoise(x, t):
        alpha, sigma = schedule(t)
        return MEAN + alpha * STD**2 / (alpha**2 * STD**2 + sigma**2) * (x - alpha * MEAN)

    return denoise


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("grid", ["uniform", "log-SNR"])
@pytest.mark.parametrize("n, dtypes", [(1, DTYPES), (3, DTYPES), (50, DTYPES), (2500, DTYPES[1:2])])
def test_every_grid_of_any_length_ends_at_numbers(name, schedule, grid, n, dtypes):
    """A table of 1000 entries, too, and 2500 steps; the end lies where the data lie, more or less."""
    ts = uniform_grid(n) if grid == "uniform" else log_snr_grid(schedule, n)
    for dtype in dtypes:
        x = (schedule(ts[0])[1] * normal(64, 2)).to(dtype)
        x = last(SAMPLERS[name](shrunk(schedule), schedule, x, ts, **noise_for(name)))
        assert x.dtype == dtype and (x - MEAN).abs().max() < 8 * STD  # which NaN is not


@pytest.mark.parametrize("name", SAMPLERS)
def test_five_thousand_steps_of_the_table(name):
    schedule = DDPM()
    for ts in (uniform_grid(5000), log_snr_grid(schedule, 5000)):
        x = last(SAMPLERS[name](shrunk(schedule), schedule, normal(64, 2), ts, **noise_for(name)))
        assert (x - MEAN).abs().max() < 6 * STD


@pytest.mark.parametrize("name", SAMPLERS)
def test_precision_changes_little(name):
    """Half precision and float64 end where float32 does, but for their rounding."""
    ts, ends = uniform_grid(20), {}
    for dtype in DTYPES:
        x = (cosine(ts[0])[1] * normal(64, 2)).to(dtype)
        ends[dtype] = last(
            SAMPLERS[name](shrunk(cosine), cosine, x, ts, **noise_for(name))
        ).double()
    for dtype, most in zip(DTYPES, (0.01, 0.08, 0, 1e-5)):
        if noise_for(name) and dtype == torch.float64:
            continue  # whose noise has other numbers
        assert (ends[dtype] - ends[torch.float32]).abs().max() <= most


@pytest.mark.parametrize("eta", [-0.1, 1.5, float("nan"), "1", None])
def test_eta_outside_is_refused(eta):
    with pytest.raises(ValueError, match="eta must be a number from 0 to 1, got"):
        list(ddim(lambda x, t: x, cosine, torch.zeros(1, 2), uniform_grid(3), eta=eta))


@pytest.mark.parametrize(
    "sampler, share", [(ddpm, 1), (partial(ddim, eta=1), 1), (partial(ddim, eta=0.3), 0.3)]
)
def test_noise_comes_from_its_argument_alone(sampler, share):
    """What `noise` gives is added, scaled by eta and the posterior's deviation, and nothing else is."""
    ts, x, before, asked = uniform_grid(4), normal(3, 2), torch.get_rng_state(), []
    first, std = ts[:2], share * posterior(cosine(ts[0]), cosine(ts[1]))[2]
    none, one = (
        last(sampler(lambda x, t: 0 * x, cosine, x, first, noise=lambda x: 0 * x + eps))
        for eps in (0.0, 1.0)
    )
    torch.testing.assert_close(one - none, std.expand(3, 2))
    last(sampler(lambda x, t: x, cosine, x, ts, noise=lambda x: asked.append(x) or 0 * x))
    assert len(asked) == 3  # the last step, to the data, asks for none
    assert torch.equal(torch.get_rng_state(), before)


def test_noise_is_drawn_on_the_cpu_in_the_precision_of_x():
    for dtype in DTYPES:
        x = torch.zeros(3, 2, dtype=dtype)
        eps, again = seeded(1)(x), seeded(1)(x)
        assert eps.dtype == dtype and torch.equal(eps, again) and not torch.equal(eps, seeded(2)(x))
    assert torch.equal(seeded(1)(x.bfloat16()), seeded(1)(x.float()).bfloat16())


def flat(t):
    """A schedule that stands still between 0.4 and 0.6."""
    return cosine(torch.where((t > 0.4) & (t < 0.6), 0.5, t))


@pytest.mark.parametrize("name", SAMPLERS)
def test_times_between_which_no_noise_goes_are_refused(name):
    ts = torch.tensor([1.0, 0.55, 0.45, 0.0])
    with pytest.raises(ValueError) as refused:
        list(SAMPLERS[name](lambda x, t: x, flat, torch.zeros(1, 2), ts))
    wanted = "ts must let log-SNR grow; step 2 goes from t = 0.55 to 0.45"
    assert str(refused.value) == wanted


def test_a_long_bad_grid_is_refused_in_a_short_sentence():
    ts = uniform_grid(3000)
    ts[1000], ts[2000] = ts[999], ts[1999]
    with pytest.raises(ValueError, match="decreasing sequence; step 1000 goes") as refused:
        list(ddim(lambda x, t: x, cosine, torch.zeros(1, 2), ts))
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize("name", SAMPLERS)
def test_same_seed_same_sample(name):
    def run(seed):
        torch.manual_seed(seed)
        return last(SAMPLERS[name](gaussian(cosine, (2,)), cosine, x, uniform_grid(5)))

    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(run(1), run(1))
    assert torch.equal(run(1), run(2)) == (name in ("ddim", "heun", "2m"))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize(
    "ts, message",
    [([0.1, 0.5, 0.9], "decreasing"), ([0.5, 0.5, 0.0], "decreasing"), ([1.0], "decreasing"),
     ([[1.0, 0.0]], "decreasing"), ([1.5, 0.5, 0.0], "t must lie in"), ([0.5, -0.1], "t must lie")],
)  # fmt: skip
def test_bad_times(name, ts, message):
    with pytest.raises(ValueError, match=message):
        list(SAMPLERS[name](lambda x, t: x, cosine, torch.zeros(1, 2), torch.tensor(ts)))


@pytest.mark.parametrize("steps", [10, 50])
@pytest.mark.parametrize("name", ["ddim", "ddpm"])
def test_equal_to_diffusers_step_by_step(name, steps):
    """From the same x_t and the same noise, to a relative 1e-5 (trailing spacing, no clipping)."""
    diffusers = pytest.importorskip("diffusers", reason="the test extra is not installed")
    theirs = getattr(diffusers, f"{name.upper()}Scheduler")(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        timestep_spacing="trailing",
        clip_sample=False,
        **({"set_alpha_to_one": True} if name == "ddim" else {}),
    )
    theirs.set_timesteps(steps)
    schedule, ts = DDPM(), uniform_grid(steps)
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert [round(1000 * t) - 1 for t in ts[:-1].tolist()] == theirs.timesteps.tolist()
    for step, index in enumerate(theirs.timesteps):
        t, s = ts[step], ts[step + 1]
        alpha, sigma = schedule(t)
        eps_hat = torch.sin(3 * x)  # any function does for a network

        def denoise(x, t):
            return (x - sigma * eps_hat) / alpha

        ours = SAMPLERS[name](denoise, schedule, x, torch.stack([t, s]), noise=seeded(step))
        ((ours, x0_hat),) = ours
        out = theirs.step(eps_hat, index, x, generator=torch.Generator().manual_seed(step))
        scale = out.prev_sample.abs().max()
        assert (ours - out.prev_sample).abs().max() <= 1e-5 * scale
        assert (x0_hat - out.pred_original_sample).abs().max() <= 1e-5 * x0_hat.abs().max()
        x = out.prev_sample


def seeded(seed):
    return noise_from(torch.Generator().manual_seed(seed))
