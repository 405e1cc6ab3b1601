"""Exercises of lesson 09: text to image."""

import torch

from minidiff.course.exercises import exercise
from minidiff.denoiser import append_dims
from minidiff.schedules import cosine, flow, log_snr_grid, uniform_grid


def calls():
    # Every guided step asks with the prompt and without it, for each picture of each row.
    return 2 * 25 * 6 * 4


exercise(
    "09.1",
    level=1,
    solution=calls,
    task="Six prompts, four seeds each, 25 steps of `dpmpp_2m`, guidance 3. A call of the U-Net with a "
    "batch of B latents counts as B. What do all the calls add up to?",
    hint="How many pictures? How many steps each? How often is the network asked in a guided step?",
    wrong={
        25 * 6 * 4: "a guided step asks twice: with the prompt and without.",
        2 * 25: "those are the calls; each counts as many latents as there are pictures.",
        2 * 25 * 6: "each prompt is painted with four seeds.",
        2 * 25 * 4: "there are six prompts with four seeds each.",
        2 * 6 * 4: "a picture takes 25 steps.",
        2 * 25 * (6 + 4): "six prompts with four seeds *each*: multiply.",
        3
        * 2
        * 25
        * 6
        * 4: "w multiplies no calls: how many estimates does one guided step compare?",
        3 * 25 * 6 * 4: "w says how far to walk along the difference, not how often to ask.",
    },
)


def every_pair(prompts, noise):
    """P prompts and noise (S, ...); returns P * S prompts and noise (P * S, ...), row by row."""
    rows = [prompt for prompt in prompts for _ in noise]
    columns = torch.cat([noise] * len(prompts))
    return rows, columns


def _diagonal(prompts, noise):
    rows = [prompt for prompt in prompts for _ in noise]
    return rows, noise.repeat_interleave(len(prompts), 0)


def _by_columns(prompts, noise):
    return list(prompts) * len(noise), noise.repeat_interleave(len(prompts), 0)


def _both_in_turn(prompts, noise):
    return list(prompts) * len(noise), torch.cat([noise] * len(prompts))


def _few_prompts(prompts, noise):
    return list(prompts), torch.cat([noise] * len(prompts))


def _noise_once(prompts, noise):
    return every_pair(prompts, noise)[0], noise


def _not_joined(prompts, noise):
    return every_pair(prompts, noise)[0], [noise] * len(prompts)


def _noise_first(prompts, noise):
    return every_pair(prompts, noise)[::-1]


def _tables():
    generator = torch.Generator().manual_seed(0)
    latents, points = (torch.randn(*size, generator=generator) for size in [(3, 4, 2, 2), (2, 5)])
    return [(["a fox", "two cats"], latents), (["a fox", "a cat", "a tree", "a star"], points)]


exercise(
    "09.2",
    level=1,
    solution=every_pair,
    inputs=_tables,
    task="Write `every_pair`, which prepares the picture of this lesson: rows of prompts, columns of "
    "seeds. It returns one long list of prompts and one long batch of noise, the first row first, "
    "so that each prompt meets each noise once. Then give the cell above the sampling cell a table "
    "of your own, a noun that changes or a place, and look: what stays the same down a column?",
    hint="In the long list the first prompt stands S times, then the second. The noise goes through "
    "all of its S before it starts again.",
    wrong={
        _diagonal: "both repeat in the same way, so most prompts never meet most of the noises.",
        _both_in_turn: "both start again in the same way, so some prompts never meet some noises.",
        _by_columns: "every pair is there, but column by column; the rows come first.",
        _noise_first: "the prompts come first, then the noise.",
        _noise_once: "the noise is needed once for each prompt: the batch must be as long as the list.",
        _not_joined: "those are several batches of noise; `torch.cat` joins them to one.",
        _few_prompts: "the list of prompts must be as long as the batch of noise.",
    },
)


def errors_apart(p, q, n):
    """How many standard errors lie between the shares p and q, each of n pictures of its own."""
    error = (p * (1 - p) / n + q * (1 - q) / n) ** 0.5
    return abs(p - q) / error


def _over(square):
    """A wrong `errors_apart`: the distance over the root of something else."""
    return lambda p, q, n: abs(p - q) / square(p, q, n) ** 0.5


def _both(p, q, n):
    return (p * (1 - p) + q * (1 - q)) / n


_one_error_only = _over(lambda p, q, n: p * (1 - p) / n)
_other_error_only = _over(lambda p, q, n: q * (1 - q) / n)
_errors_added = _over(lambda p, q, n: ((p * (1 - p)) ** 0.5 + (q * (1 - q)) ** 0.5) ** 2 / n)
_errors_subtracted = _over(lambda p, q, n: (p * (1 - p) - q * (1 - q)) / n)
_no_root = _over(lambda p, q, n: _both(p, q, n) ** 2)
_times = _over(lambda p, q, n: 1 / _both(p, q, n))
_nothing_over = _over(lambda p, q, n: 1)
_rest_of_q = _over(lambda p, q, n: (p + q) * (1 - q) / n)
_rest_of_p = _over(lambda p, q, n: (p + q) * (1 - p) / n)
_no_rest = _over(lambda p, q, n: (p + q) / n)
_n_for_q_only = _over(lambda p, q, n: p * (1 - p) + q * (1 - q) / n)


def _error_itself(p, q, n):
    return _both(p, q, n) ** 0.5


def _shares_added(p, q, n):
    return (p + q) / _both(p, q, n) ** 0.5


def _of_one_picture(p, q, n):
    return errors_apart(p, q, 1)


def _signed(p, q, n):
    return (p - q) / _both(p, q, n) ** 0.5


exercise(
    "09.3",
    level=2,
    solution=errors_apart,
    inputs=lambda: [
        (*map(torch.tensor, shares), n)
        for *shares, n in [(0.9, 0.8, 64), (0.88, 0.943, 2048), (0.2, 0.6, 24), (0.5, 0.2, 30)]
    ],
    task="Are two bars different, or is it luck? A share $p$ of $n$ pictures has the standard error "
    "$\\sqrt{p (1 - p) / n}$, and the error of a difference squared is the sum of both errors squared. "
    "Write `errors_apart`, the distance of two shares in such errors. Then use it: of 64 prompts, 94 "
    "and 88 % are right. Two errors or more? And if it were 1,024 prompts?",
    hint="Square both errors, add, take the root; divide the distance, which has no sign, by it.",
    wrong={
        _one_error_only: "both shares are uncertain, and both errors count.",
        _other_error_only: "p is uncertain as well: its error is missing.",
        _errors_subtracted: "errors of a difference add as well: two uncertain shares are no surer together.",
        _times: "distance times error? In errors means divided by the error.",
        _nothing_over: "that is the distance alone; how many standard errors is it?",
        _error_itself: "that is the error of the difference; how many of it lie between p and q?",
        _shares_added: "the distance of two shares is their difference.",
        _rest_of_q: "the error of p has 1 - p in it, not 1 - q.",
        _rest_of_p: "the error of q has 1 - q in it, not 1 - p.",
        _no_rest: "each share is multiplied by what is missing to 1 before it is divided by n.",
        _n_for_q_only: "the error of p is divided by n, too: mind what a division without brackets covers.",
        _errors_added: "independent errors add as squares, under one root.",
        _no_root: "that divides by the squared error; take its root.",
        _of_one_picture: "more pictures make the errors smaller: divide by n under the root.",
        _signed: "a distance has no sign.",
    },
)


def between(even, late, share):
    """Two grids of n + 1 times from 1 to 0, and the share of the second; returns the mixed grid."""
    return (1 - share) * even + share * late


def _shares_swapped(even, late, share):
    return share * even + (1 - share) * late


def _added(even, late, share):
    return even + share * late


def _late_in_full(even, late, share):
    return (1 - share) * even + late


def _same_share(even, late, share):
    return share * (even + late)


def _only_the_way(even, late, share):
    return share * (late - even)


def _one_or_the_other(even, late, share):
    return late if share > 0.5 else even


def _grids():
    of = [(cosine, 5, 0.0), (cosine, 5, 0.25), (cosine, 5, 1.0), (flow, 3, 0.5)]
    return [(uniform_grid(n), log_snr_grid(schedule, n), share) for schedule, n, share in of]


exercise(
    "09.4",
    level=2,
    solution=between,
    inputs=_grids,
    task="Which grid is best need not be one of the two. Write `between`, which mixes two grids, time "
    "by time. Then paint the first eight prompts in 4 steps with `between(uniform_grid(4), "
    "log_snr_grid(cosine, 4), share)` for shares of 0, 0.5 and 1, and look at the three rows.",
    hint="A share of 0 gives the first grid, 1 the second, 0.5 the mean of both.",
    wrong={
        _shares_swapped: "the share is that of the second grid: 0 gives the first.",
        _added: "the first grid must shrink as the second grows, or the times exceed 1.",
        _late_in_full: "the second grid is to grow with its share; yours always counts in full.",
        _same_share: "both have the same share, and at 0 nothing is left: what is left for the first?",
        _only_the_way: "that is a part of the way from the first to the second; start at the first.",
        _one_or_the_other: "a share of 0.25 is a grid of its own, between the two.",
    },
)


def guided_at_once(denoiser, x, t, cond, null, w):
    """x (B, ...), one time t; cond and null (tokens, mask) of B prompts; returns x0_hat (B, ...)."""
    both = [torch.cat(pair) for pair in zip(cond, null)]
    with_prompt, without = denoiser(torch.cat([x, x]), t, *both).chunk(2)
    return without + w * (with_prompt - without)


def _two_calls(denoiser, x, t, cond, null, w):
    with_prompt, without = denoiser(x, t, *cond), denoiser(x, t, *null)
    return without + w * (with_prompt - without)


def _halves_swapped(denoiser, x, t, cond, null, w):
    both = [torch.cat(pair) for pair in zip(cond, null)]
    without, with_prompt = denoiser(torch.cat([x, x]), t, *both).chunk(2)
    return without + w * (with_prompt - without)


def _from_the_prompt(denoiser, x, t, cond, null, w):
    both = [torch.cat(pair) for pair in zip(cond, null)]
    with_prompt, without = denoiser(torch.cat([x, x]), t, *both).chunk(2)
    return with_prompt + w * (with_prompt - without)


def _interleaved(denoiser, x, t, cond, null, w):
    both = [torch.cat(pair) for pair in zip(cond, null)]
    out = denoiser(torch.cat([x, x]), t, *both)
    return out[1::2] + w * (out[::2] - out[1::2])


def _asked_together():
    def denoiser(x, t, tokens, mask):
        # the last term betrays how many latents came at once
        heard = (tokens * mask[..., None]).sum((1, 2))
        return (1 - append_dims(t, x)) * x + append_dims(heard, x) + len(x)

    def call(*shape, t, w):
        batch, generator = shape[0], torch.Generator().manual_seed(3)
        x = torch.randn(*shape, generator=generator)
        tokens = torch.randn(2 * batch, 5, 6, generator=generator)
        mask = torch.arange(5) < torch.tensor([[5], [3]] * batch)
        both = (tokens[:batch], mask[:batch]), (tokens[batch:], mask[batch:])
        return denoiser, x, torch.tensor(t), *both, w

    return [call(2, 3, 2, 2, t=0.4, w=1.0), call(3, 4, t=0.9, w=3.0)]


exercise(
    "09.5",
    level=3,
    solution=guided_at_once,
    inputs=_asked_together,
    task="Write `guided_at_once`, which asks the network once with a batch of twice the size instead "
    "of twice: first all latents with their prompts, then the same latents without. The time `t` is "
    "one number, the same for all, as samplers give it. Many programs "
    "guide in this way, because few large calls suit a GPU better than many small ones.",
    hint="`torch.cat([x, x])` doubles the latents; tokens and masks are joined in the same order; "
    "`.chunk(2)` takes the answer apart again.",
    wrong={
        _two_calls: "the numbers are those of guidance, but the network was asked twice; the test's "
        "denoiser can tell.",
        _halves_swapped: "the two halves of the answer are swapped: the prompts went in first.",
        _from_the_prompt: "the walk begins at the estimate without the prompt.",
        _interleaved: "the batch holds all with prompts, then all without: cut it in half.",
    },
)
