"""Exercises of lesson 11: clips."""

import torch

from minidiff.course.exercises import exercise


def centre(clip):
    """The centre of the ink in every frame of a clip (F, H, W): (F, 2), columns (x) first."""
    mass = clip.sum((1, 2))
    x, y = torch.arange(clip.shape[2]), torch.arange(clip.shape[1])
    return torch.stack([(clip.sum(1) * x).sum(1), (clip.sum(2) * y).sum(1)], 1) / mass[:, None]


def _rows_first(clip):
    return centre(clip).flip(1)


def _not_divided(clip):
    return centre(clip) * clip.sum((1, 2))[:, None]


def _of_the_whole(clip):
    mass = clip.sum()
    return centre(clip) * clip.sum((1, 2))[:, None] / mass


def _darkest(clip):
    place = clip.flatten(1).argmax(1)
    return torch.stack([place % clip.shape[2], place // clip.shape[2]], 1).float()


def _middle_of_box(clip):
    found = []
    for frame in clip:
        y, x = (frame > 0).nonzero().T
        found.append([(x.min() + x.max()) / 2, (y.min() + y.max()) / 2])
    return torch.tensor(found)


def _ink():
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(shape, generator=generator) ** 3,) for shape in ((8, 12, 9), (3, 5, 5))]


exercise(
    "11.1",
    level=1,
    solution=centre,
    inputs=_ink,
    task="Write `centre`, the ruler of this lesson: for every frame of a clip (F, H, W) the mean "
    "column and the mean row of its ink, each pixel counting as much as it is inked.",
    hint="Sum a frame over its rows, and you have the ink of each column; weigh the columns' numbers "
    "with it and divide by all the ink of the frame.",
    wrong={
        _rows_first: "columns (x) come first, rows (y) second.",
        _not_divided: "a mean is a sum divided by the ink of its frame.",
        _of_the_whole: "divide by the ink of each frame, not of the whole clip.",
        _darkest: "the mean over all the ink, not the one place with most of it.",
        _middle_of_box: "faint pixels are to count less: weigh each place with its ink.",
    },
)


def patches(clip, f, h, w):
    """A clip (C, F, H, W) as tokens (L, C f h w), one for each block of f frames and h x w pixels.

    The blocks are in the order of time, then from top to bottom, then from left to right.
    """
    c, frames, height, width = clip.shape
    blocks = clip.view(c, frames // f, f, height // h, h, width // w, w)
    return blocks.permute(1, 3, 5, 0, 2, 4, 6).flatten(3).flatten(0, 2)


def _time_last(clip, f, h, w):
    c, frames, height, width = clip.shape
    grid = patches(clip, f, h, w).view(frames // f, height // h, width // w, -1)
    return grid.permute(1, 2, 0, 3).flatten(0, 2)


def _only_reshaped(clip, f, h, w):
    return clip.reshape(-1, clip.shape[0] * f * h * w)


def _columns_first(clip, f, h, w):
    c, frames, height, width = clip.shape
    grid = patches(clip, f, h, w).view(frames // f, height // h, width // w, -1)
    return grid.permute(0, 2, 1, 3).flatten(0, 2)


def _channels_last(clip, f, h, w):
    tokens = patches(clip, f, h, w)
    return tokens.view(len(tokens), clip.shape[0], -1).transpose(1, 2).flatten(1)


def _clips():
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(1, 4, 8, 12, generator=generator), 2, 4, 4),
        (torch.randn(3, 6, 4, 8, generator=generator), 3, 2, 4),
        (torch.randn(2, 2, 4, 4, generator=generator), 1, 2, 2),
    ]


exercise(
    "11.2",
    level=2,
    solution=patches,
    inputs=_clips,
    task="Write `patches` for any size: cut a clip (C, F, H, W) into blocks of f frames and h x w "
    "pixels and lay each flat, channels first, then its frames, rows and columns.",
    hint="`view` splits an axis in two, F into (F / f, f). Then `permute` brings the three axes that "
    "count blocks to the front, and `flatten` does the rest.",
    wrong={
        _time_last: "the blocks of the first frames come first, all of them.",
        _only_reshaped: "a reshape alone cuts off rows of pixels, not blocks: permute in between.",
        _columns_first: "from left to right first, then down.",
        _channels_last: "within a block the channels come first.",
    },
)


def between(frames, height, width):
    """The mask (F, H, W), True where something new is wanted: all but the first and last frame."""
    mask = torch.ones(frames, height, width, dtype=torch.bool)
    mask[0] = mask[-1] = False
    return mask


def _kept_and_new_swapped(frames, height, width):
    return ~between(frames, height, width)


def _only_first_kept(frames, height, width):
    mask = between(frames, height, width)
    mask[-1] = True
    return mask


def _edges_of_the_picture(frames, height, width):
    mask = torch.ones(frames, height, width, dtype=torch.bool)
    mask[:, :, 0] = mask[:, :, -1] = False
    return mask


def _sizes():
    return [(8, 4, 6), (3, 5, 2), (5, 2, 2)]


exercise(
    "11.3",
    level=2,
    solution=between,
    inputs=_sizes,
    task="Write `between`, the mask that asks for what happens between a first and a last frame. "
    "Then take a real digit at two places as these two frames, have `fill` paint the rest without a prompt, "
    "and measure with `centre` whether it gets there at an even pace.",
    hint="A boolean tensor, True for new. Two frames are kept: number 0 and number -1.",
    wrong={
        _kept_and_new_swapped: "True says new; the two frames that are given are False.",
        _only_first_kept: "the last frame is given, too.",
        _edges_of_the_picture: "it is frames that are given, the first axis, not columns of pixels.",
    },
)


def shared(noise, common, share):
    """Noise (B, C, F, H, W) of which a share of the variance, common (B, C, 1, H, W), is in all frames."""
    return share**0.5 * common + (1 - share) ** 0.5 * noise


def _variances_as_factors(noise, common, share):
    return share * common + (1 - share) * noise


def _swapped(noise, common, share):
    return shared(noise, common, 1 - share)


def _only_added(noise, common, share):
    return noise + share**0.5 * common


def _first_frame(noise, common, share):
    return shared(noise, noise[:, :, :1], share)


def _noises():
    generator = torch.Generator().manual_seed(2)
    return [
        (
            torch.randn(2, 1, frames, 4, 4, generator=generator),
            torch.randn(2, 1, 1, 4, 4, generator=generator),
            torch.tensor(share),
        )
        for frames, share in ((8, 0.3), (3, 0.9), (4, 0.0), (2, 1.0))
    ]


exercise(
    "11.4",
    level=2,
    solution=shared,
    inputs=_noises,
    task="Some video models start from noise that the frames share in part (Ge et al. 2023). Write "
    "`shared`: noise of variance 1 of which the share `share` is `common` to all frames. Then have the "
    "shipped model of digits start from it, which was trained on frames with nothing in common: from which share on does the "
    "digit stop moving? Draw the speed that the ruler measures over the share.",
    hint="Variances add up, so the factors are square roots: of the share, and of what is left.",
    wrong={
        _variances_as_factors: "variances add, standard deviations do not: take square roots.",
        _swapped: "`share` is the part that all frames have in common.",
        _only_added: "the variance is to stay 1: what each frame has of its own shrinks.",
        _first_frame: "`common` is given; the first frame's noise would make that frame too strong.",
    },
)


def windows(total, length, kept):
    """Where windows of `length` frames begin that cover `total` frames, each keeping `kept` old ones."""
    starts = [0]
    while starts[-1] + length < total:
        starts.append(starts[-1] + length - kept)
    return starts


def _no_overlap(total, length, kept):
    return list(range(0, total, length))


def _steps_of_kept(total, length, kept):
    return list(range(0, total - length + 1, kept))


def _one_short(total, length, kept):
    return windows(total, length, kept)[:-1] or [0]


def _one_more(total, length, kept):
    starts = windows(total, length, kept)
    return [*starts, starts[-1] + length - kept]


def _lengths():
    return [(20, 8, 2), (8, 8, 4), (24, 8, 4), (21, 6, 1), (9, 8, 7)]


exercise(
    "11.5",
    level=3,
    solution=windows,
    inputs=_lengths,
    task="A clip longer than any that was trained on is painted in windows: of each new one the first "
    "`kept` frames are the last ones there. Write `windows`, the list of their first frames, as many as it takes "
    "for at least `total` frames. Then paint 32 frames of a digit with `continued`, read the digit in each, and find the "
    "frame from which on it is another one, for kept = 2 and kept = 6.",
    hint="Each window brings length - kept new frames; stop when the last one reaches `total`.",
    wrong={
        _no_overlap: "each window begins with `kept` frames that are there already.",
        _steps_of_kept: "`kept` frames are old, so each window goes on by length - kept.",
        _one_short: "the last window must reach the last frame.",
        _one_more: "no more windows than it takes.",
    },
)
