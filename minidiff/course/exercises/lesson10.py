"""Exercises of lesson 10: editing real pictures."""

import torch
import torch.nn.functional as F

from minidiff.course.exercises import exercise
from minidiff.schedules import cosine


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
        100: "that is the whole walk from noise; this one begins at 0.6.",
        40: "the strength is what is walked, not what is left out.",
        90: "w says how far to walk along a difference, not how often to ask.",
    },
)


def keep_known(x0_hat, known, mask):
    """The estimate where the mask is True, the known picture elsewhere."""
    return torch.where(mask, x0_hat, known)


def _swapped(x0_hat, known, mask):
    return torch.where(mask, known, x0_hat)


def _blank(x0_hat, known, mask):
    return x0_hat * mask


def _sum(x0_hat, known, mask):
    return known + x0_hat * mask


def _estimates():
    generator = torch.Generator().manual_seed(0)
    x0_hat, known = torch.randn(2, 3, 1, 6, 6, generator=generator)
    return [(x0_hat, known, torch.arange(36).view(6, 6) > 17), (x0_hat, known, known[0, 0] > 0)]


exercise(
    "10.2",
    level=1,
    solution=keep_known,
    inputs=_estimates,
    task="Write `keep_known`, the heart of inpainting: the estimate `x0_hat` where `mask` is True, "
    "the picture `known` where it is False.",
    hint="`torch.where(condition, a, b)` takes a where the condition is True and b elsewhere.",
    wrong={
        _swapped: "the other way round: True marks the hole, and there the estimate is wanted.",
        _blank: "outside the hole stands 0, a grey, and not the picture.",
        _sum: "inside the hole the old picture shines through: replace it, do not add to it.",
    },
)


def fold_mask(mask, fold):
    """A mask of pixels (H, W) as one of latents (H / fold, W / fold)."""
    blocks = mask.unfold(0, fold, fold).unfold(1, fold, fold)
    return blocks.flatten(2).any(2)


def _only_full(mask, fold):
    return mask.unfold(0, fold, fold).unfold(1, fold, fold).flatten(2).all(2)


def _corners(mask, fold):
    return mask[::fold, ::fold]


def _majority(mask, fold):
    return F.avg_pool2d(mask.float()[None], fold)[0] > 0.5


def _masks():
    box, speck = torch.zeros(2, 16, 24).bool()
    box[3:9, 5:17], speck[5, 7], speck[10:, 20:] = True, True, True
    return [(box, 4), (speck, 4), (speck, 2)]


exercise(
    "10.3",
    level=2,
    solution=fold_mask,
    inputs=_masks,
    task="A latent stands for a block of `fold` x `fold` pixels. Write `fold_mask`: from a mask of "
    "pixels (H, W) the mask of latents (H / fold, W / fold), True wherever *any* pixel of the block "
    "is to be filled.",
    hint="`mask.unfold(0, fold, fold)` cuts rows into blocks; the same along axis 1 gives "
    "(H / fold, W / fold, fold, fold). Then ask each block whether any of it is True.",
    wrong={
        _only_full: "a block that is partly hole is left as it was: the old thing stays in its rim.",
        _corners: "you look at one pixel of each block and miss the others.",
        _majority: "half a block is not needed: one pixel to be filled is enough.",
    },
)


def midway(a, b):
    """Noise midway between two independent noises, again with standard deviation 1."""
    return (a + b) / 2**0.5


def _average(a, b):
    return (a + b) / 2


def _total(a, b):
    return a + b


def _rescaled(a, b):
    return (a + b) / 2 / ((a + b) / 2).abs().max()


def _noises():
    generator = torch.Generator().manual_seed(1)
    return [tuple(torch.randn(2, *shape, generator=generator)) for shape in [(4, 8, 8), (1000,)]]


exercise(
    "10.4",
    level=2,
    solution=midway,
    inputs=_noises,
    task="Write `midway`: from two independent standard normal noises the noise midway between them, "
    "which has mean 0 and standard deviation 1 again.",
    hint="Variances of independent noises add: that of a + b is 2. What does dividing by a number do "
    "to a variance?",
    wrong={
        _average: "the average has standard deviation 0.71: too little noise for the network.",
        _total: "the sum has standard deviation 1.41: too much noise for the network.",
        _rescaled: "it is the standard deviation that should be 1, not the largest value.",
    },
)


def step_up(denoise, schedule, x, s, t):
    """From x at time s to the noisier time t > s, along the line of DDIM."""
    (alpha_s, sigma_s), (alpha, sigma) = schedule(s), schedule(t)
    x0_hat = denoise(x, s)
    eps_hat = (x - alpha_s * x0_hat) / sigma_s
    return alpha * x0_hat + sigma * eps_hat


def _asks_ahead(denoise, schedule, x, s, t):
    (alpha_s, sigma_s), (alpha, sigma) = schedule(s), schedule(t)
    x0_hat = denoise(x, t)
    return alpha * x0_hat + sigma * (x - alpha_s * x0_hat) / sigma_s


def _wrong_pair(denoise, schedule, x, s, t):
    alpha, sigma = schedule(t)
    x0_hat = denoise(x, s)
    return alpha * x0_hat + sigma * (x - alpha * x0_hat) / sigma


def _fresh_noise(denoise, schedule, x, s, t):
    alpha, sigma = schedule(t)
    eps = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return alpha * denoise(x, s) + sigma * eps


def _forgets(denoise, schedule, x, s, t):
    alpha, sigma = schedule(t)
    return alpha * denoise(x, s) + sigma * x


def _on_the_way():
    def denoise(x, t):
        return x / (1 + t)

    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(2))
    times = torch.tensor([[0.1, 0.2], [0.5, 0.8]])
    return [(denoise, cosine, x, s, t) for s, t in times]


exercise(
    "10.5",
    level=3,
    solution=step_up,
    inputs=_on_the_way,
    task=r"Write `step_up`, one step of inversion: from `x` at time $s$ to the noisier time $t$. Ask "
    r"the denoiser at $s$, work out $\hat\epsilon$ there, and mix both with $\alpha_t$ and $\sigma_t$.",
    hint=r"$x = \alpha_s \hat x_0 + \sigma_s \hat\epsilon$ gives $\hat\epsilon$. Where you arrive, the "
    r"same two are mixed with the numbers of $t$.",
    wrong={
        _asks_ahead: "x is the point at time s, so that is the time to ask the denoiser for.",
        _wrong_pair: "that returns x itself: the noise in x has to be worked out with the numbers of s.",
        _fresh_noise: "no new noise: then the way down would lead to another picture.",
        _forgets: "x is no noise: take alpha_s x0_hat away and divide by sigma_s first.",
    },
)
