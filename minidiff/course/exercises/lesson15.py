"""Exercises of lesson 15: larger pictures."""

import torch
import torch.nn.functional as F

from minidiff.course.exercises import exercise
from minidiff.denoiser import append_dims


def sharpness(pictures):
    """Mean square of the steps between neighbours, to the right and down: (B, C, H, W) -> (B,)."""
    across = pictures.diff(dim=-1).square().flatten(1).mean(1)
    down = pictures.diff(dim=-2).square().flatten(1).mean(1)
    return (across + down) / 2


def _one_way(pictures):
    return pictures.diff(dim=-1).square().flatten(1).mean(1)


def _no_square(pictures):
    across = pictures.diff(dim=-1).abs().flatten(1).mean(1)
    return (across + pictures.diff(dim=-2).abs().flatten(1).mean(1)) / 2


def _of_all(pictures):
    return sharpness(pictures).mean()


def _added(pictures):
    return 2 * sharpness(pictures)


def _pictures():
    """Each fainter than the one before, so that their order shows."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 3, 8, 12), (1, 1, 5, 4))
    faint = [torch.rand(shape, generator=generator) for shape in shapes]
    return [(x / append_dims(torch.arange(1.0, len(x) + 1), x),) for x in faint]


exercise(
    "15.1",
    level=1,
    solution=sharpness,
    inputs=_pictures,
    task="Write `sharpness`, the ruler of section 2: the mean square of the steps from each pixel to "
    "its right neighbour, and to the one below; the mean of the two, a number for each picture. Then "
    "measure a picture of your own before and after `minidiff enlarge`: which share of its sharpness "
    "does `F.interpolate` keep, and which does the network?",
    hint="`pictures.diff(dim=-1)` are the steps to the right; `.flatten(1).mean(1)` keeps the pictures "
    "apart.",
    wrong={
        _one_way: "steps down count as well as steps to the right.",
        _no_square: "the steps are to be squared.",
        _of_all: "each picture has its own sharpness: a number for each.",
        _added: "the mean of both directions, not their sum.",
    },
)


def details(large, small, strength):
    """What interpolation leaves out, as a share of sqrt(0.1^2 + strength^2), strength (B,)."""
    base = F.interpolate(small, scale_factor=2, mode="bicubic")
    return (large - base) / (0.1**2 + strength**2).sqrt()[:, None, None, None]


def _taken_from_the_small(large, small, strength):
    return -details(large, small, strength)


def _not_divided(large, small, strength):
    return large - F.interpolate(small, scale_factor=2, mode="bicubic")


def _sum_of_both(large, small, strength):
    return _not_divided(large, small, strength) / append_dims(0.1 + strength, large)


def _variance(large, small, strength):
    return _not_divided(large, small, strength) / append_dims(0.1**2 + strength**2, large)


def _repeated(large, small, strength):
    base = F.interpolate(small, scale_factor=2)
    return (large - base) / append_dims((0.1**2 + strength**2).sqrt(), large)


def _first_strength(large, small, strength):
    return details(large, small, strength[:1].expand(len(strength)))


def _sizes():
    generator = torch.Generator().manual_seed(1)
    cases = []
    for n, channels, height, width in ((4, 3, 8, 6), (2, 1, 5, 4)):
        large = torch.randn(n, channels, 2 * height, 2 * width, generator=generator)
        small = torch.randn(n, channels, height, width, generator=generator)
        strength = torch.rand(n, generator=generator) / 2
        strength[0] = 0
        cases.append((large, small, strength))
    return cases


exercise(
    "15.2",
    level=2,
    solution=details,
    inputs=_sizes,
    task="Write `details`, this model's $x_0$: the large pictures minus the small ones, enlarged by "
    "`bicubic` interpolation, divided by the size that is to be expected, "
    "$\\sqrt{0.1^2 + n^2}$. Each picture has its own strength $n$.",
    hint="`strength[:, None, None, None]` has an entry for each picture, and fits (B, C, H, W).",
    wrong={
        _taken_from_the_small: "large minus small: what the small one lacks.",
        _not_divided: "divide by the size that is to be expected.",
        _sum_of_both: "two independent parts: their squares add, not they themselves.",
        _variance: "divide by the standard deviation, the root of the variance.",
        _repeated: "`bicubic` lays a smooth surface; this repeats each pixel.",
        _first_strength: "each picture has a strength of its own.",
    },
)


def starts(length, size, stride):
    """Where windows of `size` begin on a canvas of `length`: `stride` apart, the last one at the end."""
    return [*range(0, length - size, stride), length - size]


def _beyond(length, size, stride):
    return list(range(0, length, stride))


def _with_a_gap(length, size, stride):
    return list(range(0, length - size + 1, stride))


def _no_end(length, size, stride):
    return list(range(0, length - size, stride))


def _twice(length, size, stride):
    return [*range(0, length - size + 1, stride), length - size]


exercise(
    "15.3",
    level=2,
    solution=starts,
    inputs=lambda: [(48, 16, 8), (50, 16, 8), (16, 16, 4), (33, 16, 16), (40, 16, 5)],
    task="Write `starts`: where windows begin that cover a canvas of `length` places. They are `stride` "
    "apart, and the last one is moved back so that it ends where the canvas does; none stands twice.",
    hint="The last window begins at `length - size`, whatever the stride.",
    wrong={
        _beyond: "windows must end within the canvas.",
        _with_a_gap: "the end of the canvas must be covered, whatever the stride.",
        _no_end: "the last window, which ends where the canvas does, is missing.",
        _twice: "where the stride fits, the last window is to stand once.",
    },
)


def blended(guesses, spans, length):
    """The mean, wherever they overlap, of guesses (B, C, H, size) that lie on slices of a canvas."""
    total = torch.zeros(*guesses[0].shape[:-1], length)
    count = torch.zeros(length)
    for guess, span in zip(guesses, spans):
        total[..., span] += guess
        count[span] += 1
    return total / count


def _sum(guesses, spans, length):
    count = torch.zeros(length)
    for span in spans:
        count[span] += 1
    return blended(guesses, spans, length) * count


def _last_wins(guesses, spans, length):
    total = torch.zeros(*guesses[0].shape[:-1], length)
    for guess, span in zip(guesses, spans):
        total[..., span] = guess
    return total


def _all_alike(guesses, spans, length):
    return _sum(guesses, spans, length) / len(guesses)


def _by_halves(guesses, spans, length):
    total, seen = torch.zeros(*guesses[0].shape[:-1], length), torch.zeros(length)
    for guess, span in zip(guesses, spans):
        share = 1 / (1 + seen[span].clamp(max=1))
        total[..., span] += share * (guess - total[..., span])
        seen[span] += 1
    return total


def _windows():
    generator = torch.Generator().manual_seed(2)
    cases = []
    for length, size, begin in ((24, 8, (0, 4, 8, 16)), (20, 8, (0, 3, 6, 12)), (6, 6, (0,))):
        guesses = list(torch.randn(len(begin), 2, 3, 4, size, generator=generator))
        cases.append((guesses, [slice(b, b + size) for b in begin], length))
    return cases


exercise(
    "15.4",
    level=2,
    solution=blended,
    inputs=_windows,
    task="Write `blended`, the heart of a wide canvas: guesses from windows are laid on the canvas, and "
    "where several overlap, the mean of them counts, each as much as the others. `spans` are the slices "
    "of the last axis. Then give three windows of section 7 prompts of your own, and look at the canvas.",
    hint="Add up the guesses and, beside them, how many there are at each place; divide at the end.",
    wrong={
        _sum: "divide by how many windows see each place.",
        _last_wins: "where windows overlap all of them count, not the last one.",
        _all_alike: "divide by how many windows see this place, not by how many there are.",
        _by_halves: "three that overlap count a third each.",
    },
)


def pulled_back(large, small):
    """Large pictures (B, C, 2 H, 2 W), moved so that, shrunk by means of four, they are `small` exactly."""
    missing = small - F.avg_pool2d(large, 2)
    return large + F.interpolate(missing, scale_factor=2)


def _wrong_way(large, small):
    return large - F.interpolate(small - F.avg_pool2d(large, 2), scale_factor=2)


def _smooth(large, small):
    missing = small - F.avg_pool2d(large, 2)
    return large + F.interpolate(missing, scale_factor=2, mode="bilinear")


def _copied(large, small):
    return F.interpolate(small, scale_factor=2)


def _half(large, small):
    return large + F.interpolate(small - F.avg_pool2d(large, 2), scale_factor=2) / 2


def _corner(large, small):
    return large + F.interpolate(small - large[..., ::2, ::2], scale_factor=2)


def _pairs():
    generator = torch.Generator().manual_seed(3)
    return [
        (
            torch.rand(*shape, 2 * h, 2 * w, generator=generator),
            torch.rand(*shape, h, w, generator=generator),
        )
        for shape, h, w in (((2, 3), 4, 6), ((1, 1), 5, 3))
    ]


exercise(
    "15.5",
    level=3,
    solution=pulled_back,
    inputs=_pairs,
    task="An enlarged picture, shrunk again, is only nearly the small one. Write `pulled_back`, which "
    "adds what is missing: each pixel of the small picture's error to the four pixels that it became. "
    "Then put it around the denoiser of section 4 with a wrapper, on x0_hat at every step: what does it "
    "do to the two numbers there, and does the picture look better?",
    hint="`F.avg_pool2d(large, 2)` shrinks; `F.interpolate(missing, scale_factor=2)` repeats each pixel.",
    wrong={
        _wrong_way: "add what is missing, small minus shrunk; this takes it away.",
        _smooth: "each error belongs to its own four pixels: repeat it, do not smooth it.",
        _copied: "the large picture is to stay, moved only as far as it must.",
        _half: "all that is missing, not a half of it.",
        _corner: "shrinking is the mean of four pixels, not the first of them.",
    },
)
