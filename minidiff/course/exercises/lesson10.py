"""Exercises of lesson 10: editing real pictures."""

import torch

from minidiff.course.exercises import exercise
from minidiff.data.points import eight_gaussians
from minidiff.schedules import cosine, flow


def edit_calls():
    # From time 0.6 down to 0 in steps of 1 / 50 it is 30 steps, and each asks twice.
    return 2 * 30


exercise(
    "10.1",
    level=1,
    solution=edit_calls,
    task="A picture is noised to strength 0.6 and then denoised on what is left of "
    "`uniform_grid(50)`, with guidance $w = 3$. How often is the network asked?",
    hint="How long is each of the 50 steps? How many of them fit between 0.6 and 0? And how often "
    "does a guided step ask?",
    wrong={
        30: "those are the steps; a guided step asks twice, with the prompt and without.",
        20: "two slips: what is walked is the strength, and each step asks with the prompt and without.",
        50: "the walk begins at 0.6, so it is fewer steps; and how often does one of them ask?",
        58: "a step too few: between 31 times there are 30 steps.",
        62: "a step too many: nothing is asked at time 0, where the walk ends.",
        180: "w multiplies no calls: how many estimates does a guided step compare?",
        100: "that is the whole walk from noise; this one begins at 0.6.",
        40: "the strength is what is walked, not what is left out.",
        90: "w says how far to walk along a difference, not how often to ask.",
    },
)


def least_strength():
    # Over the seeds 0, 16 and 32 the judge reads 31 to 38 % as eights at 0.7, 69 % at 0.8.
    return 0.8


exercise(
    "10.2",
    level=1,
    solution=least_strength,
    task="An experiment: run section 1's `image_to_image` on the sixteen threes at strength 0.5, 0.6, "
    "0.7, 0.8 and 0.9, show the pictures, and have the judge read them. Which is the least strength "
    "of these at which more than half are eights?",
    hint="`[editing.image_to_image(painter, threes, s, eight, steps=16) for s in strengths]`, then "
    "`viz.images` and `judge(edit).argmax(1) == 8`, as in the cells of section 1.",
    wrong={
        0.5: "at 0.5 hardly one in sixteen is an eight: look at the pictures.",
        0.6: "at 0.6 the first gaps close, but most are read as threes.",
        0.7: "at 0.7 about a third are eights: not yet half.",
        0.9: "at 0.9 nearly all are, but a lower strength will do.",
    },
)


def foxes_left():
    return 0


exercise(
    "10.3",
    level=1,
    solution=foxes_left,
    task="An experiment: fill section 4's boxes with no prompt at all, `editing.fill(studio, before, box, steps=12)`, "
    "and look at the ten pictures. In how many of them is the fox back?",
    hint="What does the network see of the fox, when the box covers all of it? Show the pictures with "
    "`viz.images`.",
    wrong={
        **{n: f"{n}? Look for two pointed ears over a red face." for n in range(2, 10)},
        10: "nothing remembers the fox: the box covered it, and its noise is not its own.",
        1: "red alone makes no fox: look for ears and a face.",
    },
)


def keep_partly(x0_hat, known, share):
    """The estimate where share is 1, the known picture where it is 0, a mixture in between."""
    return share * x0_hat + (1 - share) * known


def _mixed(how):
    """A wrong `keep_partly`: other amounts of the estimate and of the known picture, by the share."""
    return lambda x0_hat, known, share: how(share)[0] * x0_hat + how(share)[1] * known


_sum, _sum_of_estimate = _mixed(lambda m: (m, 1)), _mixed(lambda m: (1, 1 - m))
_swapped, _as_noise = _mixed(lambda m: (1 - m, m)), _mixed(lambda m: (m**0.5, (1 - m) ** 0.5))
_same_share, _difference = _mixed(lambda m: (m, m)), _mixed(lambda m: (m, -m))


def _all_or_nothing(x0_hat, known, share):
    return torch.where(share > 0, x0_hat, known)


def _estimates():
    """A soft edge, a hard one, and shares for each coordinate of points."""
    generator = torch.Generator().manual_seed(0)
    soft, hard = torch.linspace(0, 1, 48).view(6, 8), (torch.arange(25).view(5, 5) > 11).float()
    shapes = [(3, 1, 6, 8), (1, 3, 5, 5), (7, 2)]
    shares = soft, hard, torch.tensor([0.25, 0.7])
    return [
        (*torch.randn(2, *shape, generator=generator), share)
        for shape, share in zip(shapes, shares)
    ]


exercise(
    "10.4",
    level=2,
    solution=keep_partly,
    inputs=_estimates,
    task="A hole with a soft edge: instead of a mask there is a `share` between 0 and 1 for each place. "
    "Write `keep_partly`: the estimate `x0_hat` where the share is 1, the picture `known` where it is 0, "
    "and in between a mixture of the two that moves evenly from one to the other.",
    hint="For True and False, 1 and 0, the line of section 2 does it: "
    r"$m \odot \hat x_0 + (1 - m) \odot x_0^{known}$. What does it give for 0.3?",
    wrong={
        _swapped: "the other way round: where the share is 1, the estimate is wanted.",
        _all_or_nothing: "a share of 0.3 should leave seven tenths of the known picture.",
        _sum_of_estimate: "the estimate comes in full; where the share is 0, there should be none of it.",
        _same_share: "both have the same share; where it is 0, what is left?",
        _difference: "that is the change alone: a share of the way from `known`, without `known`.",
        _sum: "the known picture shines through in full: it should have the rest, 1 - share.",
        _as_noise: "roots keep the variance of noises; pictures are mixed with the shares themselves.",
    },
)


def fold_mask(mask, fold):
    """A mask of pixels (H, W) as one of latents (H / fold, W / fold)."""
    blocks = mask.unfold(0, fold, fold).unfold(1, fold, fold)
    return blocks.flatten(2).any(2)


def _asked(how):
    """A wrong `fold_mask`: something else asked of the blocks (H / fold, W / fold, fold * fold)."""
    return lambda mask, fold: how(mask.unfold(0, fold, fold).unfold(1, fold, fold).flatten(2))


_only_full, _corners = _asked(lambda blocks: blocks.all(2)), _asked(lambda blocks: blocks[..., 0])
_majority = _asked(lambda blocks: blocks.float().mean(2) > 0.5)


def _only_rows(mask, fold):
    return mask.unfold(0, fold, fold).any(2)


def _masks():
    box, speck = torch.zeros(2, 16, 24).bool()
    box[3:9, 5:17], speck[5, 7], speck[10:, 20:] = True, True, True
    last = torch.zeros(9, 6).bool()
    last[8, 5] = True
    return [(box, 4), (speck, 4), (speck.clone(), 2), (last, 3), (box.clone(), 1)]


exercise(
    "10.5",
    level=2,
    solution=fold_mask,
    inputs=_masks,
    task="A latent stands for a block of `fold` x `fold` pixels. Write `fold_mask`: from a mask of pixels (H, W) "
    "the mask of latents (H / fold, W / fold), True wherever *any* pixel of the block is to be filled.",
    hint="`mask.unfold(0, fold, fold)` cuts rows into blocks; the same along axis 1 gives "
    "(H / fold, W / fold, fold, fold). Then ask each block whether any of it is True.",
    wrong={
        _only_full: "a block that is partly hole is left as it was: the old thing stays in its rim.",
        _corners: "you look at one pixel of each block and miss the others.",
        _only_rows: "rows are cut into blocks, columns are not: the same again along axis 1.",
        _majority: "half a block is not needed: one pixel to be filled is enough.",
    },
)


def midway(a, b):
    """Noise midway between two independent noises, again with standard deviation 1."""
    return (a + b) / 2**0.5


def _summed(how):
    """A wrong `midway`: something else made of the sum."""
    return lambda a, b: how(a + b)


_half, _total = _summed(lambda both: both / 2), _summed(lambda both: both)
_rescaled = _summed(lambda both: both / both.abs().max())


def _noises():
    generator = torch.Generator().manual_seed(1)
    return [tuple(torch.randn(2, *shape, generator=generator)) for shape in [(4, 8, 8), (1000,)]]


exercise(
    "10.6",
    level=2,
    solution=midway,
    inputs=_noises,
    task="Write `midway`: from two independent standard normal noises a noise to which both give the "
    "same part, their sum times the one number that makes its standard deviation 1 again.",
    hint="Variances of independent noises add: that of a + b is 2. What does dividing by a number do "
    "to a variance?",
    wrong={
        _half: "the average has standard deviation 0.71: too little noise for the network.",
        _total: "the sum has standard deviation 1.41: too much noise for the network.",
        _rescaled: "it is the standard deviation that should be 1, not the largest value.",
    },
)


def step_up(denoise, schedule, x, s, t):
    """From x at time s to the noisier time t > s, asking at both ends."""
    (alpha_s, sigma_s), (alpha, sigma) = schedule(s), schedule(t)

    def arrive(x0_hat):
        return alpha * x0_hat + sigma * (x - alpha_s * x0_hat) / sigma_s

    guess = arrive(denoise(x, s))
    return arrive(denoise(guess, t))


def _line(eps=lambda a, b: (a, b), mix=lambda a, b: (a, b), ask=lambda x, y, s, time: (y, time)):
    """A wrong `step_up`: other numbers for alpha and sigma of s (eps) or t (mix), or other questions."""

    def wrong(denoise, schedule, x, s, t):
        (alpha_s, sigma_s), (alpha, sigma), y = eps(*schedule(s)), mix(*schedule(t)), x
        for time in (s, t):
            x0_hat = denoise(*ask(x, y, s, time))
            y = alpha * x0_hat + sigma * (x - alpha_s * x0_hat) / sigma_s
        return y

    return wrong


_asks_once = _line(ask=lambda x, y, s, time: (x, s))
_asks_at_s_again = _line(ask=lambda x, y, s, time: (y, s))
_asks_old_point = _line(ask=lambda x, y, s, time: (x, time))
_forgets, _x_is_noise = _line(lambda a, b: (0, 1)), _line(lambda a, b: (0, b))
_undivided, _multiplied = _line(lambda a, b: (a, 1)), _line(lambda a, b: (a, 1 / b))
_added, _x0_in_full = _line(lambda a, b: (-a, b)), _line(lambda a, b: (1, b))
_levels_of_s, _over_alpha = _line(lambda a, b: (b, a)), _line(lambda a, b: (a, a))
_minus, _guess_in_full = _line(mix=lambda a, b: (a, -b)), _line(mix=lambda a, b: (1, b))
_guess_alone, _noise_alone = _line(mix=lambda a, b: (a, 0)), _line(mix=lambda a, b: (0, b))
_levels_of_t, _noise_in_full = _line(mix=lambda a, b: (b, a)), _line(mix=lambda a, b: (a, 1))


def _goes_on_from_guess(denoise, schedule, x, s, t):
    return _asks_once(denoise, schedule, _asks_once(denoise, schedule, x, s, t), s, t)


def _times_exchanged(denoise, schedule, x, s, t):
    return step_up(denoise, lambda time: schedule(s + t - time), x, s, t)


def _on_the_way():
    """Steps on two schedules, from nearly clean and up to pure noise."""
    generator = torch.Generator().manual_seed(2)
    steps = [(cosine, 0.02, 0.1), (cosine, 0.5, 0.8), (flow, 0.3, 0.6), (flow, 0.9, 1.0)]
    made = []
    for schedule, *times in steps:
        x = torch.randn(5, 2, generator=generator)
        made.append((eight_gaussians().denoiser(schedule), schedule, x, *torch.tensor(times)))
    return made


exercise(
    "10.7",
    level=3,
    solution=step_up,
    inputs=_on_the_way,
    task=r"Write `step_up`, a step of inversion that asks twice: from `x` at time $s$ go to the noisier "
    r"time $t$ with the estimate at $x$ and $s$; then ask again where you arrived, at $t$, and step once "
    r"more *from the old* `x` with the new estimate.",
    hint=r"Both steps are the same line with another $\hat x_0$: $\hat\epsilon$ comes from `x` with the "
    r"numbers of $s$, and the two are mixed with the numbers of $t$. Put that into a small function.",
    wrong={
        _undivided: "what is left of x without the data is sigma_s times the noise: divide.",
        _multiplied: "to get the noise out of x, undo what sigma_s did to it: divide.",
        _added: "a sign: to find the noise, take the data out of x.",
        _x0_in_full: "x holds alpha_s times the data, not all of it.",
        _x_is_noise: "x is not only noise: take its data out before you divide by sigma_s.",
        _levels_of_s: "alpha and sigma of s have changed places: which of them belongs to the data?",
        _over_alpha: "the noise in x has the factor sigma_s; you divide by alpha_s.",
        _minus: "the noise is added to the data; a sign is turned round.",
        _guess_alone: "that is the data alone; a point at t has noise as well.",
        _noise_alone: "that is the noise alone; a point at t has data as well.",
        _guess_in_full: "alpha is missing: at t only a part of the data is left.",
        _noise_in_full: "sigma of t is missing: how much of the noise belongs to time t?",
        _levels_of_t: "alpha and sigma of t have changed places: which of them belongs to the noise?",
        _times_exchanged: "s and t have changed places: x is at s, and the mixture at t.",
        _asks_once: "that is the first step alone; ask again where it arrives, and step from the old x.",
        _asks_at_s_again: "the second time you stand at time t: ask the denoiser for t.",
        _goes_on_from_guess: "the second step starts from x again, not from where the first arrived.",
        _asks_old_point: "the second question is about the point where you arrived, not about x.",
        _forgets: "x is no noise: take alpha_s x0_hat away and divide by sigma_s first.",
    },
)
