"""Exercises of lesson 13: fewer steps."""

import torch

from minidiff.course.exercises import exercise
from minidiff.data.points import eight_gaussians
from minidiff.denoiser import append_dims, noising
from minidiff.schedules import cosine, flow, uniform_grid


def detour(path):
    """How much longer each path is than its chord, minus 1: (n + 1, N, 2) -> (N,)."""
    length = path.diff(dim=0).norm(dim=-1).sum(0)
    return length / (path[-1] - path[0]).norm(dim=-1) - 1


def _chord_over_length(path):
    return (path[-1] - path[0]).norm(dim=-1) / path.diff(dim=0).norm(dim=-1).sum(0) - 1


def _with_the_one(path):
    return path.diff(dim=0).norm(dim=-1).sum(0) / (path[-1] - path[0]).norm(dim=-1)


def _one_number(path):
    return detour(path).mean()


def _squares(path):
    length = path.diff(dim=0).square().sum(-1).sum(0)
    return length / (path[-1] - path[0]).square().sum(-1) - 1


def _paths():
    generator = torch.Generator().manual_seed(0)
    paths = [torch.randn(steps + 1, n, 2, generator=generator) for steps, n in ((4, 3), (9, 2))]
    paths[1][:, 0] = torch.linspace(0, 1, 10)[:, None] * torch.tensor([3.0, 4.0])  # a straight one
    return [(path,) for path in paths]


exercise(
    "13.1",
    level=1,
    solution=detour,
    inputs=_paths,
    task="Write `detour`: the length of each path over the length of its chord, minus 1, so that a "
    "straight path gets 0. `path` holds the places after 0, 1, ..., n steps of N points.",
    hint="`path.diff(dim=0)` are the steps, and `.norm(dim=-1)` are their lengths.",
    wrong={
        _chord_over_length: "it is the path over the chord, not the chord over the path.",
        _with_the_one: "a straight path is to get 0: take away 1.",
        _one_number: "each path has its own detour: sum over the steps only.",
        _squares: "lengths, not their squares.",
    },
)


def coupled(noise, end, t):
    """x_t and the velocity to learn, for pairs (N, 2) and times t (N,), on the flow schedule."""
    t = t[:, None]
    return (1 - t) * end + t * noise, noise - end


def _backwards(noise, end, t):
    return coupled(noise, end, t)[0], end - noise


def _times_swapped(noise, end, t):
    return coupled(noise, end, 1 - t)[0], noise - end


def _fresh_noise(noise, end, t):
    generator = torch.Generator().manual_seed(9)
    return coupled(torch.randn(noise.shape, generator=generator), end, t)


def _shuffled(noise, end, t):
    return coupled(noise.roll(1, 0), end, t)


def _on_the_circle(noise, end, t):
    alpha, sigma = cosine(t[:, None])
    return alpha * end + sigma * noise, noise - end


def _couples():
    generator = torch.Generator().manual_seed(1)
    draws = [(n, torch.rand(n, generator=generator)) for n in (5, 3)] + [
        (2, torch.tensor([0.0, 1]))
    ]
    return [
        (torch.randn(n, 2, generator=generator), torch.randn(n, 2, generator=generator), t)
        for n, t in draws
    ]


exercise(
    "13.2",
    level=2,
    solution=coupled,
    inputs=_couples,
    task="Write `coupled`, what reflow trains on: the place $x_t$ on the straight line between a "
    "noise and the point that *this* noise became, and the velocity $dx/dt$ along that line. "
    "$t = 1$ is the noise, $t = 0$ the point.",
    hint="A line from `end` at t = 0 to `noise` at t = 1; its velocity does not depend on t.",
    wrong={
        _backwards: "t grows towards the noise, so the velocity points there.",
        _times_swapped: "at t = 1 the place is the noise.",
        _fresh_noise: "no fresh noise: the pair itself is what makes paths straight.",
        _shuffled: "the pairs stay as they are: noise i belongs to end i.",
        _on_the_circle: "a straight line has the weights 1 - t and t.",
    },
)


def jumps(denoise, schedule, x, ts, noise):
    """Yields x after each jump: guess the data, then add fresh noise for the next time."""
    for t, s in zip(ts[:-1], ts[1:]):
        alpha, sigma = schedule(s)
        x = alpha * denoise(x, t)
        if sigma > 0:
            x = x + sigma * noise(x)
        yield x


def _same_noise(denoise, schedule, x, ts, noise):
    """DDIM: the noise that is in x already."""
    for t, s in zip(ts[:-1], ts[1:]):
        (alpha, sigma), (alpha_s, sigma_s) = schedule(t), schedule(s)
        x0_hat = denoise(x, t)
        x = alpha_s * x0_hat + sigma_s * (x - alpha * x0_hat) / sigma
        yield x


def _noised_to_t(denoise, schedule, x, ts, noise):
    for t, s in zip(ts[:-1], ts[1:]):
        alpha, sigma = schedule(t)
        x0_hat = denoise(x, t)
        x = alpha * x0_hat + sigma * noise(x) if s > 0 else x0_hat
        yield x


def _told_s(denoise, schedule, x, ts, noise):
    for t, s in zip(ts[:-1], ts[1:]):
        alpha, sigma = schedule(s)
        x0_hat = denoise(x, s if s > 0 else t)
        x = alpha * x0_hat + sigma * noise(x) if s > 0 else x0_hat
        yield x


def _noise_at_the_end(denoise, schedule, x, ts, noise):
    for t, s in zip(ts[:-1], ts[1:]):
        alpha, sigma = schedule(s)
        x = alpha * denoise(x, t) + sigma * noise(x)
        yield x


def _last_only(denoise, schedule, x, ts, noise):
    *_, x = jumps(denoise, schedule, x, ts, noise)
    return x


def _noise(seed, draws):
    """So many fresh noises; what is drawn after them spoils everything."""
    generator = torch.Generator().manual_seed(seed)
    left = iter(range(draws))
    return lambda x: torch.randn(x.shape, generator=generator) / (next(left, None) is not None)


def _rolls():
    runs = []
    for schedule, steps, n in ((cosine, 1, 4), (cosine, 3, 5), (flow, 4, 1)):
        denoise, ts = eight_gaussians().denoiser(schedule), uniform_grid(steps)
        start = torch.randn(n, 2, generator=torch.Generator().manual_seed(steps))
        runs.append((denoise, schedule, schedule(ts[0])[1] * start, ts, _noise(7, steps - 1)))
    return runs


exercise(
    "13.3",
    level=2,
    solution=jumps,
    inputs=_rolls,
    task="Write `jumps`, a generator: for each step from $t$ to $s$ guess the data, noise the guess "
    "to the time $s$ with *fresh* noise, `noise(x)`, and yield the result. Where $\\sigma_s = 0$, no noise "
    "is drawn.",
    hint="Three lines in a loop over zip(ts[:-1], ts[1:]): alpha and sigma of s, the guess at t, x.",
    wrong={
        _same_noise: "that is DDIM, which keeps the noise of x; a jump forgets it and draws anew.",
        _noised_to_t: "the next guess is made at s: noise to s, not back to t.",
        _told_s: "x stands at the time t when the guess is made.",
        _noise_at_the_end: "no noise is drawn where sigma of s is 0: the last jump lands on the data.",
        _last_only: "yield x after every step, as samplers do.",
    },
)


def neighbours(x0, eps, t, s):
    """x0 (N, 2) at the times t and s, both (N,), on the cosine schedule; two tensors (N, 2)."""
    return tuple(noising(cosine, x0, time, eps) for time in (t, s))


def _two_noises(x0, eps, t, s):
    return noising(cosine, x0, t, eps), noising(cosine, x0, s, eps.flip(0))


def _swapped(x0, eps, t, s):
    return neighbours(x0, eps, s, t)


def _flow_times(x0, eps, t, s):
    return tuple(noising(flow, x0, time, eps) for time in (t, s))


def _shrunk(x0, eps, t, s):
    x_t = noising(cosine, x0, t, eps)
    return x_t, x_t * append_dims(cosine(s)[1] / cosine(t)[1], x0)


def _times():
    generator = torch.Generator().manual_seed(2)
    runs = []
    for n in (4, 7):
        s, t = torch.rand(2, n, generator=generator).sort(0).values
        runs.append((*torch.randn(2, n, 2, generator=generator), t, s))
    ends = torch.tensor([1.0, 0.5]), torch.tensor([0.5, 0.0])
    return [*runs, (*torch.randn(2, 2, 2, generator=generator), *ends)]


exercise(
    "13.4",
    level=3,
    solution=neighbours,
    inputs=_times,
    rtol=3e-3,  # a quarter circle written by hand ends at pi / 2, the library's a hair before
    task="*Consistency training* does without a teacher: two neighbours on a path are made of one "
    "point and *one* noise. Write `neighbours`: the point `x0` noised with `eps` to the time $t$, and to "
    "the time $s$. Then put it in the place of the teacher's step in section 3, train again, and draw what "
    "two jumps give: how far does one get with no teacher at all?",
    hint="Twice lesson 01's noising, with the same eps.",
    wrong={
        _two_noises: "the same noise for both, or the two do not lie on one path.",
        _swapped: "the noisier one, at t, comes first.",
        _flow_times: "on the cosine schedule, as the model's.",
        _shrunk: "the second one has more of the point in it, too: noise x0 anew.",
    },
)


def merged(weight, up, down):
    """The weight (out, in, 3, 3) of a convolution plus its change up @ down; the same shape."""
    return weight + (up @ down).view_as(weight)


def _only_change(weight, up, down):
    return (up @ down).view_as(weight)


def _minus(weight, up, down):
    return weight - (up @ down).view_as(weight)


def _flat(weight, up, down):
    return weight.flatten(1) + up @ down


def _permuted(weight, up, down):
    out, channels = weight.shape[:2]
    change = (up @ down).view(out, 3, 3, channels).permute(0, 3, 1, 2)
    return weight + change


def _weights():
    generator = torch.Generator().manual_seed(3)
    return [
        (
            torch.randn(out, channels, 3, 3, generator=generator),
            torch.randn(out, rank, generator=generator),
            torch.randn(rank, 9 * channels, generator=generator),
        )
        for out, channels, rank in ((6, 4, 2), (3, 5, 1))
    ]


exercise(
    "13.5",
    level=3,
    solution=merged,
    inputs=_weights,
    task="Once trained, a change of low rank needs no second network: write `merged`, which adds "
    "it to the weight of a 3 x 3 convolution. `up` is (out, rank), `down` is (rank, 9 in).",
    hint="`up @ down` has a row for each output; give it the weight's shape with `view_as`.",
    wrong={
        _only_change: "that is the change alone; the weight is still to be added.",
        _minus: "the change is added.",
        _flat: "the right numbers in the wrong shape: give the change the weight's shape.",
        _permuted: "a row of the change is (in, 3, 3) laid flat, in this order.",
    },
)
