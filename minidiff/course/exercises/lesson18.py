"""Exercises of lesson 18: the real ones."""

import hashlib

import torch

from minidiff.course.exercises import exercise


def shift(alpha, sigma, pixels):
    """How far white, x0 = 1, moves the mean of x_t, in the mean's own standard deviations."""
    return alpha / sigma * pixels**0.5


def _of_one_pixel(alpha, sigma, pixels):
    return alpha / sigma


def _linear(alpha, sigma, pixels):
    return alpha / sigma * pixels


def _without_sigma(alpha, sigma, pixels):
    return alpha * pixels**0.5


def _ends():
    return [(0.068, 0.998, 4096), (0.6, 0.8, 4096), (0.001, 1.0, 784), (0.0, 1.0, 64)]


exercise(
    "18.1",
    level=1,
    solution=shift,
    inputs=_ends,
    task="A flat white picture, $x_0 = 1$ in each of `pixels` pixels, is noised. Write `shift`: by how many of its own "
    "standard deviations does the *mean over all pixels* of $x_t$ move away from 0? Then an experiment: "
    "run `brightness` of section 6 with 250 steps for pictures of 8, 16, 32 and 64 pixels a side, and draw its spread over the "
    "side, for the tables `trailing` and `mended, trailing`. Which line falls, and what does `shift` say about it?",
    hint="White moves the mean by alpha. The mean of n independent noises of standard deviation sigma has sigma / sqrt(n).",
    wrong={
        _of_one_pixel: "that is the shift in one pixel; the mean of many pixels is less noisy.",
        _linear: "noise in a mean falls with the square root of the number of pixels.",
        _without_sigma: "divide by the noise, whose standard deviation in a pixel is sigma.",
    },
)


def indices(T, steps, spacing):
    """The indices of a table 0 ... T - 1 that `steps` steps use, the noisiest first."""
    stride = T // steps
    if spacing == "leading":
        return [stride * k for k in range(steps - 1, -1, -1)]
    return [stride * k - 1 for k in range(steps, 0, -1)]


def _always_leading(T, steps, spacing):
    return [T // steps * k for k in range(steps - 1, -1, -1)]


def _always_trailing(T, steps, spacing):
    return [T // steps * k - 1 for k in range(steps, 0, -1)]


def _upwards(T, steps, spacing):
    return indices(T, steps, spacing)[::-1]


def _past_the_end(T, steps, spacing):
    stride = T // steps
    if spacing == "leading":
        return [stride * k for k in range(steps - 1, -1, -1)]
    return [stride * k for k in range(steps, 0, -1)]


def _exchanged(T, steps, spacing):
    return indices(T, steps, "trailing" if spacing == "leading" else "leading")


def _spacings():
    return [(1000, 4, "leading"), (1000, 4, "trailing"), (100, 10, "leading"), (60, 3, "trailing")]


exercise(
    "18.2",
    level=1,
    solution=indices,
    inputs=_spacings,
    task='Write `indices`. A table has $T$ entries, 0 to $T - 1$, and `steps` divides $T$. `"leading"` takes every '
    '`T // steps`-th entry, starting with entry 0; `"trailing"` takes as many, but so that the last entry, $T - 1$, is one of them. '
    "Both go from the noisiest to the cleanest.",
    hint="Both are the multiples of T // steps. Trailing is leading, moved by how much?",
    wrong={
        _always_leading: "with `trailing` the first index is T - 1.",
        _always_trailing: "with `leading` the last index is 0.",
        _upwards: "sampling begins with the noisiest: the largest index comes first.",
        _past_the_end: "the table has no entry T: its last is T - 1.",
        _exchanged: "the two are exchanged: leading has entry 0, trailing has entry T - 1.",
    },
)


def rescaled(alpha_bar):
    """A table alpha_bar (T,) so that its last entry is 0 and its first stays as it is."""
    signal = alpha_bar.sqrt()
    shifted = signal - signal[-1]
    return (shifted * signal[0] / shifted[0]).square()


def _only_the_last(alpha_bar):
    return torch.cat([alpha_bar[:-1], torch.zeros(1, dtype=alpha_bar.dtype)])


def _not_stretched(alpha_bar):
    return (alpha_bar.sqrt() - alpha_bar[-1].sqrt()).square()


def _without_roots(alpha_bar):
    shifted = alpha_bar - alpha_bar[-1]
    return shifted * alpha_bar[0] / shifted[0]


def _tables():
    scaled = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64).square()
    linear = torch.linspace(1e-4, 0.02, 50, dtype=torch.float64)
    return [((1 - beta).cumprod(0),) for beta in (scaled, linear)]


exercise(
    "18.3",
    level=2,
    solution=rescaled,
    inputs=_tables,
    task="Mend a table as Lin et al. (2024, section 3.1, algorithm 1) do: take the signal $\\sqrt{\\bar\\alpha}$, "
    "move it down so that the last entry is 0, stretch it so that the first is again what it was, and square it. Write `rescaled`.",
    hint="After moving, the first entry is signal[0] - signal[-1]; multiply by what makes it signal[0].",
    wrong={
        _only_the_last: "then the last step jumps; move and stretch all entries.",
        _not_stretched: "stretch it as well: the first entry must come out as it went in.",
        _without_roots: "it is the signal that is moved, the root of alpha_bar; square it afterwards.",
    },
)


def guided(out, x, alpha, sigma, w):
    """x0_hat (B, *) from x (B, *) and the network's eps (2 B, *), without the prompt and with it."""
    without, told = out.chunk(2)
    eps = without + w * (told - without)
    return (x - sigma * eps) / alpha


def _halves_exchanged(out, x, alpha, sigma, w):
    told, without = out.chunk(2)
    return (x - sigma * (without + w * (told - without))) / alpha


def _papers_w(out, x, alpha, sigma, w):
    return guided(out, x, alpha, sigma, 1 + w)


def _eps_itself(out, x, alpha, sigma, w):
    without, told = out.chunk(2)
    return without + w * (told - without)


def _not_divided(out, x, alpha, sigma, w):
    return alpha * guided(out, x, alpha, sigma, w)


def _calls():
    draw = torch.Generator().manual_seed(0)
    inputs = []
    for shape, alpha, sigma, w in [((2, 4, 3, 3), 0.6, 0.8, 7.5), ((3, 5), 0.28, 0.96, 2.0)]:
        x = torch.randn(shape, generator=draw)
        out = torch.randn(2 * shape[0], *shape[1:], generator=draw)
        inputs.append((out, x, alpha, sigma, w))
    return inputs


exercise(
    "18.4",
    level=2,
    solution=guided,
    inputs=_calls,
    task="A pipeline of diffusers asks its network once a step, with a batch of two halves: first without the prompt, then with it. "
    "`out` holds both estimates of $\\epsilon$. Write `guided`: the guided estimate of $\\epsilon$, and from it and $x_t$ the $\\hat x_0$ "
    "that our samplers want.",
    hint="out.chunk(2) gives the halves. Guidance is lesson 07's; then solve x = alpha x0 + sigma eps for x0.",
    wrong={
        _halves_exchanged: "the first half is the one without the prompt.",
        _papers_w: "w = 1 is the prompt alone here and in diffusers.",
        _eps_itself: "that is the guided noise; solve x = alpha x0 + sigma eps for x0.",
        _not_divided: "divide by alpha.",
    },
)


def still_holds(manifest, pixels):
    """1 if the manifest {"claim", "pixels"} was made for these bytes, else 0."""
    return int(manifest["pixels"] == hashlib.sha256(pixels).hexdigest())


def _always(manifest, pixels):
    return 1


def _of_the_claim(manifest, pixels):
    return int(manifest["pixels"] == hashlib.sha256(manifest["claim"].encode()).hexdigest())


def _upside_down(manifest, pixels):
    return 1 - still_holds(manifest, pixels)


def _pictures():
    grey, changed = bytes([128] * 64), bytes([128] * 63 + [129])
    manifest = {"claim": "made by a machine", "pixels": hashlib.sha256(grey).hexdigest()}
    other = manifest | {"claim": "made with a camera"}
    runs = (manifest, grey), (manifest, changed), (other, grey), (manifest, b"")
    return [(dict(made), pixels) for made, pixels in runs]


exercise(
    "18.5",
    level=2,
    solution=still_holds,
    inputs=_pictures,
    task="Half of a content credential: the manifest names the SHA-256 of the picture that it speaks of. Write `still_holds`: 1 if that is the hash of "
    "`pixels`, in hexadecimal digits, else 0. Then try it on the picture of section 7: change one pixel by one level. "
    "Which lie does it find, and which can it not find, for which the real thing has a signature?",
    hint="hashlib.sha256(pixels).hexdigest() gives the hash as a text.",
    wrong={
        _always: "a picture that was changed has another hash.",
        _of_the_claim: "hash the pixels, not the claim.",
        _upside_down: "1 is for the picture that the manifest was made for.",
    },
)


def dynamic(x0_hat, share):
    """x0_hat (B, *), each sample cut at its own limit and brought back into -1..1."""
    size = x0_hat.flatten(1).abs().quantile(share, dim=1).clamp(min=1)
    size = size.reshape(-1, *[1] * (x0_hat.ndim - 1))
    return x0_hat.clamp(-size, size) / size


def _clipped(x0_hat, share):
    return x0_hat.clamp(-1, 1)


def _not_at_least_one(x0_hat, share):
    size = x0_hat.flatten(1).abs().quantile(share, dim=1)
    size = size.reshape(-1, *[1] * (x0_hat.ndim - 1))
    return x0_hat.clamp(-size, size) / size


def _not_cut(x0_hat, share):
    size = x0_hat.flatten(1).abs().quantile(share, dim=1).clamp(min=1)
    return x0_hat / size.reshape(-1, *[1] * (x0_hat.ndim - 1))


def _not_shrunk(x0_hat, share):
    size = x0_hat.flatten(1).abs().quantile(share, dim=1).clamp(min=1)
    size = size.reshape(-1, *[1] * (x0_hat.ndim - 1))
    return x0_hat.clamp(-size, size)


def _one_limit_for_all(x0_hat, share):
    size = x0_hat.abs().quantile(share).clamp(min=1)
    return x0_hat.clamp(-size, size) / size


def _estimates():
    draw = torch.Generator().manual_seed(1)
    spread = torch.tensor([0.2, 1.0, 3.0])
    pictures = torch.randn(3, 1, 8, 8, generator=draw) * spread[:, None, None, None]
    return [(pictures, 0.9), (torch.randn(3, 50, generator=draw) * spread[:, None], 0.995)]


exercise(
    "18.6",
    level=3,
    solution=dynamic,
    inputs=_estimates,
    task="Imagen's *dynamic thresholding* (Saharia et al. 2022, section 2.3): of each sample's $|\\hat x_0|$ take the quantile `share`; call "
    "it $s$, but let it be at least 1. Cut $\\hat x_0$ to $-s \\ldots s$ and divide by $s$. Write `dynamic`. Then an experiment: `digits` with "
    "$w = 15$, three times from the same noise: the guided denoiser as it is (`guide` of two `given` ones, lesson 07), inside `clip`, and "
    "inside `dynamic` with a share of 0.95. Draw the three rows, and print for each the share of pixels above 0.98.",
    hint="x0_hat.flatten(1).abs().quantile(share, dim=1) is a number a sample; clamp takes tensors as limits, too.",
    wrong={
        _clipped: "that is plain clipping, at 1 for every sample.",
        _not_at_least_one: "a sample within -1..1 must stay as it is: s is at least 1.",
        _not_cut: "cut at s before you divide: the result must lie in -1..1.",
        _not_shrunk: "divide by s, or the result leaves -1..1.",
        _one_limit_for_all: "every sample has its own limit: take the quantile along dim 1.",
    },
)
