"""Students of the Swiss roll: what each way to few calls costs to train, and what it gives.

    python tests/bench/students.py [--seeds 3] [--quick]

Energy distance over its floor in 1, 2, 4, 8 calls, with the calls of a network in training (one a point;
a derivative along a line counts as one more) and the seconds of one core. Median (min to max) of the
seeds of training; 2,000 points, the same start noise for all.
"""

import argparse
import copy
import time
from functools import partial
from statistics import median

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from tqdm import tqdm

from minidiff import load
from minidiff.conditions import Unconditional
from minidiff.data.points import swiss_roll
from minidiff.denoiser import Denoiser, append_dims, noising
from minidiff.evaluation.distances import energy_distance, floor
from minidiff.model import Model
from minidiff.nets import PointNet
from minidiff.samplers import consistency, ddim, ddim_step, dpmpp_2m, last, noise_from
from minidiff.schedules import cosine, flow, uniform_grid
from minidiff.training import trained

N, CALLS, BATCH = 2_000, (1, 2, 4, 8), 256
teacher = load("points").requires_grad_(False)
codec = teacher.codec


def roll(n, generator):
    return (codec.encode(swiss_roll(n, generator)),)


def pupil():
    return copy.deepcopy(teacher).requires_grad_(True)


def noised(x0, ts, generator):
    """x at random times of a grid: x, the times' numbers, and (alpha, sigma) there and one later."""
    index = torch.randint(len(ts) - 1, (len(x0),), generator=generator)
    levels = torch.stack(cosine(ts))
    now, nxt = ([append_dims(v, x0) for v in levels[:, i]] for i in (index, index + 1))
    eps = torch.randn(x0.shape, generator=generator)
    return noising(cosine, x0, ts[index], eps), index, now, nxt


def walked(sampler, model, steps):
    ts = uniform_grid(steps)
    return last(sampler(model.denoiser, model.schedule, model.noise(N, seed=0), ts))


def reflow(images, seed):
    """Pairs of a noise and what it became, on straight lines (Liu et al. 2023)."""
    starts = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(seed))
    ends = last(dpmpp_2m(teacher.denoiser, cosine, starts, uniform_grid(50)))
    straight = Model(Denoiser(PointNet(), flow, "flow"), Unconditional(), codec, (2,))

    def pairs(n, generator):
        index = torch.randint(len(starts), (n,), generator=generator)
        return starts[index], ends[index]

    def loss(batch, generator, step, average):
        eps, x0 = batch
        return straight.denoiser.loss_at(x0, straight.denoiser.times(len(x0), generator), eps)

    straight = trained("reflow", straight, pairs, images, BATCH, lr=5e-3, loss=loss, seed=seed)
    return lambda calls: walked(ddim, straight, calls)


def jumper(images, seed):
    """A student of consistency distillation (Song et al. 2023), as in lesson 13."""
    student, ts = pupil(), uniform_grid(32)

    def loss(batch, generator, step, average):
        x, i, now, nxt = noised(batch[0], ts, generator)
        with torch.no_grad():
            x_s = ddim_step(x, teacher.denoiser(x, ts[i]), now, nxt)
            wanted = average.denoiser(x_s, ts[i + 1])
        return ((student.denoiser(x, ts[i]) - wanted) / now[1]).square().mean(1)

    settings = dict(lr=2e-3, decay=0.95, loss=loss, seed=seed)
    return trained("consistency", student, roll, images, BATCH, **settings)


def jumps(student):
    dice = noise_from(torch.Generator().manual_seed(3))
    return lambda calls: walked(partial(consistency, noise=dice), student, calls)


def progressive(images, seed):
    """Students of half the steps, from 64 down to 1 (Salimans & Ho 2022, algorithm 2)."""
    guide, at = teacher, {}
    for steps in (32, 16, 8, 4, 2, 1):
        student, ts, fine = (
            copy.deepcopy(guide).requires_grad_(True),
            *map(uniform_grid, (steps, 2 * steps)),
        )

        def loss(batch, generator, step, average):
            x, i, (alpha, sigma), (alpha_s, sigma_s) = noised(batch[0], ts, generator)
            middle = [append_dims(v, x) for v in torch.stack(cosine(fine))[:, 2 * i + 1]]
            with torch.no_grad():
                x_m = ddim_step(x, guide.denoiser(x, ts[i]), (alpha, sigma), middle)
                x0_m = guide.denoiser(x_m, fine[2 * i + 1])
                x_s, keep = ddim_step(x_m, x0_m, middle, (alpha_s, sigma_s)), sigma_s / sigma
                wanted = (x_s - keep * x) / (alpha_s - keep * alpha)  # in one step of DDIM
            return ((student.denoiser(x, ts[i]) - wanted) / sigma).square().mean(1)

        settings = dict(lr=2e-3, decay=0.95, loss=loss, seed=seed)
        student = trained(f"{steps} steps", student, roll, images // 6, BATCH, **settings)
        guide = at[steps] = student.requires_grad_(False)
    return lambda calls: walked(ddim, at[calls], calls)


class TwoTimes(nn.Module):
    """The mean velocity from t to s; how far that is enters as a third coordinate."""

    def __init__(self):
        super().__init__()
        self.net = PointNet(3)

    def forward(self, x, t, s):
        return self.net(torch.cat([x, (t - s)[:, None]], 1), t)[:, :2]


def mean_flow(images, seed):
    """No teacher; a network that knows two times (Geng et al. 2025, algorithm 1)."""
    net = TwoTimes()

    def loss(batch, generator, step, average):
        x0, eps = batch[0], torch.randn(batch[0].shape, generator=generator)
        s, t = torch.rand(2, len(x0), generator=generator).sort(0).values
        s = torch.where(torch.rand(len(x0), generator=generator) < 0.5, t, s)  # half: plain flow
        x, v = noising(flow, x0, t, eps), eps - x0
        ones, zeros = torch.ones_like(t), torch.zeros_like(t)
        u, change = torch.func.jvp(net, (x, t, s), (v, ones, zeros))
        error = (u - (v - (t - s)[:, None] * change).detach()).square().mean(1)
        return error / (error.detach() + 1e-3)  # adaptive, eq. 22 with p = 1

    net = trained("MeanFlow", net, roll, images, BATCH, lr=2e-3, loss=loss, seed=seed)

    @torch.no_grad()
    def made(calls):
        x, ts = teacher.noise(N, seed=0), uniform_grid(calls)
        for t, s in zip(ts[:-1], ts[1:]):
            x = x - (t - s) * net(x, t.expand(N), s.expand(N))
        return x

    return made


def matched(images, seed, student):
    """A finish by distribution matching (Yin et al. 2024), at the times that 8 jumps begin at."""
    both = nn.ModuleDict(dict(student=copy.deepcopy(student).requires_grad_(True), fake=pupil()))
    generate, fake, ts = both["student"].denoiser, both["fake"].denoiser, uniform_grid(8)

    def loss(batch, generator, step, average):
        x, i, *_ = noised(batch[0], ts, generator)
        made = generate(x, ts[i])
        t = 0.02 + 0.96 * torch.rand(len(x), generator=generator)
        with torch.no_grad():
            again = noising(cosine, made, t, torch.randn(x.shape, generator=generator))
            real = teacher.denoiser(again, t)
            way = (fake(again, t) - real) / (made - real).abs().mean(1, keepdim=True).clamp(
                min=1e-2
            )
        own = (made - (made - way).detach()).square().mean(1)
        return own, fake.loss(made.detach(), generator=generator)

    def optimizers(both, lr):
        rates = dict(student=0.2 * lr, fake=lr)
        return tuple(torch.optim.AdamW(both[k].parameters(), rates[k]) for k in rates)

    settings = dict(lr=1e-3, decay=0.99, loss=loss, optimizer=optimizers, seed=seed)
    return trained("matching", both, roll, images, BATCH, **settings)["student"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="a tenth of the training")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    share, points = 10 if settings.quick else 1, 0

    def count(module, _, out):
        nonlocal points
        if isinstance(module, PointNet):
            points += len(out) * (1 + (module.dim == 3))

    register_module_forward_hook(count)
    real = swiss_roll(N, torch.Generator().manual_seed(100))
    unit = floor(energy_distance, partial(swiss_roll, N))
    found = {}

    def measure(name, train, before=(0, 0)):
        nonlocal points
        points, start = 0, time.process_time()
        made = train()
        cost = before[0] + points / 1e6, before[1] + time.process_time() - start
        made = jumps(made) if isinstance(made, Model) else made
        scores = [energy_distance(codec.decode(made(k)), real) / unit for k in CALLS]
        found.setdefault(name, []).append((*cost, *scores))
        tqdm.write(f"{name}: " + ", ".join(f"{v:.2f}" for v in (*cost, *scores)))
        return cost

    for seed in settings.seeds:
        torch.manual_seed(seed)
        students = []
        measure("teacher, DDIM", lambda: partial(walked, ddim, teacher))
        measure("reflow", lambda: reflow(512_000 // share, seed))
        cost = measure(
            "consistency", lambda: students.append(jumper(768_000 // share, seed)) or students[0]
        )
        measure("and matching", lambda: matched(256_000 // share, seed, students[0]), cost)
        measure("progressive", lambda: progressive(768_000 // share, seed))
        measure("MeanFlow", lambda: mean_flow(768_000 // share, seed))
    print(
        "| way | calls in training, millions | core-seconds | 1 call | 2 | 4 | 8 |\n|" + "---|" * 7
    )
    for name, rows in found.items():
        cells = [f"{median(v):.3g} ({min(v):.3g} to {max(v):.3g})" for v in zip(*rows)]
        print("|", " | ".join([name, *cells]), "|")


if __name__ == "__main__":
    main()
