"""Both halves of guidance in one batch, against two calls: milliseconds of a core, the median of pairs.

    python tests/bench/guidance_batch.py [--threads 1]

The two ways take turns, so that a busy machine slows both. Below 1, one batch is faster.
"""

import argparse
import time
from statistics import median

import torch

from minidiff import load
from minidiff.guidance import given, guide, guide_at_once

PROMPTS = {"digits-text": "a thick seven", "scenes": "a red fox in snow"}


def ways(model, prompt, n):
    """A guided call for n pictures made of two calls of the denoiser, and made of one."""
    cond, null = model.encoder([prompt] * n), model.encoder([model.null] * n)
    two = guide(given(model.denoiser, *cond), given(model.denoiser, *null), 3.0)
    return two, guide_at_once(model.denoiser, cond, null, 3.0)


def seconds(denoise, x):
    start = time.perf_counter()
    denoise(x, torch.tensor(0.5))
    return time.perf_counter() - start


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    print("| model | pictures | two calls, ms | one batch, ms | ratio |\n|" + "---|" * 5)
    for name, prompt in PROMPTS.items():
        model = load(name)
        for n in (1, 4, 16, 64):
            x, both = model.noise(n), ways(model, prompt, n)
            torch.testing.assert_close(
                *(way(x, torch.tensor(0.5)) for way in both), atol=1e-3, rtol=0
            )
            pairs = [[seconds(way, x) for way in both] for _ in range(settings.repeats)]
            two, one = (1000 * median(times) for times in zip(*pairs))
            ratio = median(one / two for two, one in pairs)
            print(f"| {name} | {n} | {two:.1f} | {one:.1f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
