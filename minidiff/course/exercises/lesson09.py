"""Exercises of lesson 09: text to image."""

import torch

from minidiff.course.exercises import exercise


def calls():
    # Every guided step asks with the prompt and without it, for each picture of each row.
    return 2 * 25 * 6 * 4


exercise(
    "09.1",
    level=1,
    solution=calls,
    task="Six prompts, four seeds each, 25 steps of `dpmpp_2m`, guidance 3. How many latents does "
    "the U-Net look at, counting one each time that it looks at one?",
    hint="How many pictures? How many steps each? How often is the network asked in a guided step?",
    wrong={
        25 * 6 * 4: "a guided step asks twice: with the prompt and without.",
        2 * 25: "those are the calls; each looks at the latents of all the pictures.",
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


def _few_prompts(prompts, noise):
    return list(prompts), torch.cat([noise] * len(prompts))


def _tables():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(3, 4, 2, 2, generator=generator)
    return [(["a fox", "two cats"], noise), (["a fox", "a cat", "a tree", "a star"], noise[:2])]


exercise(
    "09.2",
    level=1,
    solution=every_pair,
    inputs=_tables,
    task="Write `every_pair`, which prepares the picture of this lesson: rows of prompts, columns of "
    "seeds. It returns one long list of prompts and one long batch of noise, the first row first, "
    "so that each prompt meets each noise once.",
    hint="In the long list the first prompt stands S times, then the second. The noise goes through "
    "all of its S before it starts again.",
    wrong={
        _diagonal: "both repeat in the same way, so most prompts never meet most of the noises.",
        _by_columns: "every pair is there, but column by column; the rows come first.",
        _few_prompts: "the list of prompts must be as long as the batch of noise.",
    },
)


def told(captions, chances, share):
    return ["" if chance < share else caption for caption, chance in zip(captions, chances)]


def _removes(captions, chances, share):
    return [caption for caption, chance in zip(captions, chances) if chance >= share]


def _keeps_the_few(captions, chances, share):
    return [caption if chance < share else "" for caption, chance in zip(captions, chances)]


def _all_or_none(captions, chances, share):
    return [""] * len(captions) if chances[0] < share else list(captions)


def _captions():
    chances = torch.rand(8, generator=torch.Generator().manual_seed(1)).tolist()
    captions = [f"a {colour} fox" for colour in "red blue green pink".split()] * 2
    return [(captions, chances, 0.1), (captions, chances, 0.5)]


exercise(
    "09.3",
    level=2,
    solution=told,
    inputs=_captions,
    task="Write `told`, which leaves captions out of a batch. `chances` holds a random number from "
    "0 to 1 for each caption. Where it is below `share`, the empty prompt takes the caption's place.",
    hint="The list keeps its length: each picture still needs something to be told.",
    wrong={
        _removes: "the list must keep its length, or captions slide to other pictures.",
        _keeps_the_few: "the other way round: with share 0.1 one in ten is left out.",
        _all_or_none: "each caption has a chance of its own; yours decides for the whole batch.",
    },
)


def all_right(right):
    """right: booleans (n,) by name; returns the share of pictures in which everything is right."""
    everything = torch.stack(list(right.values())).all(0)
    return everything.float().mean().item()


def _product(right):
    shares = torch.stack([values.float().mean() for values in right.values()])
    return shares.prod().item()


def _mean(right):
    return torch.stack(list(right.values())).float().mean().item()


def _worst(right):
    return min(values.float().mean().item() for values in right.values())


def _verdicts():
    generator = torch.Generator().manual_seed(2)
    names = ("thing", "colour", "place")
    easy = torch.rand(40, generator=generator)  # some pictures come out well in every respect
    return [
        ({name: torch.rand(40, generator=generator) < easy for name in names},),
        ({name: torch.rand(40, generator=generator) < 0.8 for name in names},),
    ]


exercise(
    "09.4",
    level=2,
    solution=all_right,
    inputs=_verdicts,
    task="Write `all_right`: from booleans (n,) for each fact, the share of the n pictures in which "
    "every fact is right. (It is more than the product of the shares wherever mistakes keep company.)",
    hint="Stack the rows to (facts, n) and ask each column whether all of it is true.",
    wrong={
        _product: "the product would be right only if mistakes fell on pictures independently.",
        _mean: "that is the mean over facts; a picture with one fact wrong still earns points.",
        _worst: "that is the worst single fact; different facts fail in different pictures.",
    },
)


def guided_at_once(denoiser, x, t, cond, null, w):
    """cond and null are (tokens, mask), each of B prompts; x (B, ...); returns x0_hat (B, ...)."""
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


def _at_a_place():
    def denoiser(x, t, tokens, mask):
        # the last term betrays how many latents came at once
        heard = (tokens * mask[..., None]).sum((1, 2))
        return (1 - t) * x + heard.view(-1, *[1] * (x.ndim - 1)) + len(x)

    generator = torch.Generator().manual_seed(3)
    x, tokens = (
        torch.randn(2, 3, 2, 2, generator=generator),
        torch.randn(4, 5, 6, generator=generator),
    )
    mask = torch.arange(5) < torch.tensor([[5], [3], [1], [1]])
    cond, null = (tokens[:2], mask[:2]), (tokens[2:], mask[2:])
    return [(denoiser, x, torch.tensor(0.4), cond, null, w) for w in (1.0, 3.0)]


exercise(
    "09.5",
    level=3,
    solution=guided_at_once,
    inputs=_at_a_place,
    task="Write `guided_at_once`, which asks the network once with a batch of twice the size instead "
    "of twice: first all latents with their prompts, then the same latents without. Many programs "
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
