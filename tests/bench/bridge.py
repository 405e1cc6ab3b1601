"""Diffusers' pipelines on our samplers and our digits under its pipelines: how far apart they end.

    python tests/bench/bridge.py [--quick]

Small pipelines with random weights, built from their configuration classes, so that nothing is
downloaded; both sides from the same start and with the same noise on the way. Printed are the largest
difference of x over all steps, relative to the largest entry of that step, and that of the pixels.
Diffusers is the extra `test`.
"""

import argparse
import sys
from pathlib import Path

import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler

import minidiff
from minidiff.bridge import to_diffusers
from minidiff.samplers import ddim, ddpm, last, noise_from, with_noise

sys.path.insert(0, str(Path(__file__).parents[1]))
from tiny_pipelines import LEADING, PIPELINES, SCHEDULERS, ZERO_SNR, both_ways, differences, quiet

SETTINGS = {"eps, leading": LEADING, "v, trailing, zero SNR": ZERO_SNR}
SHORT = dict(
    num_train_timesteps=100, clip_sample=False
)  # of which x stays as large as pictures are


def incoming(steps):
    """Rows: pipeline, scheduler, settings, steps, differences of x and of pixels."""
    for name, build in PIPELINES.items():
        settings = SETTINGS | ({"eps, T = 100": SHORT} if name == "DDPM" else {})
        for what, chosen in settings.items():
            for way in SCHEDULERS:
                for n in steps:
                    apart = differences(*both_ways(build(way, chosen), n))
                    yield name, way, what, n, *apart


def digits(steps, prompts=(3, 1, 4, None)):
    """The same for the shipped digits under DDIMPipeline and DDPMPipeline; pixels only."""
    model = minidiff.load("digits")
    made = to_diffusers(model, list(prompts))
    for sampler, kind, scheduler in (
        (ddim, DDIMPipeline, DDIMScheduler),
        (ddpm, DDPMPipeline, DDPMScheduler),
    ):
        pipeline = quiet(kind(made.unet, scheduler.from_config(made.scheduler.config)))
        for n in steps:
            generator = torch.Generator().manual_seed(0)
            way = dict(batch_size=len(prompts), num_inference_steps=n, output_type="pt")
            theirs = pipeline(**way, generator=generator).images
            noise = noise_from(generator.manual_seed(0))
            x, denoise = noise(torch.empty(len(prompts), *model.shape)), model.prompted(prompts)
            walk = with_noise(sampler, noise)(denoise, model.schedule, x, model.grid(n))
            apart = (model.codec.decode(last(walk)) - theirs).abs().max().item()
            yield "our digits", sampler.__name__, kind.__name__, n, float("nan"), apart


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few steps")
    steps = (5,) if parser.parse_args().quick else (10, 50)
    print(
        "| pipeline | sampler | setting | steps | x, relative | pixels |\n|---|---|---|---|---|---|"
    )
    worst = 0
    for rows in (incoming(steps), digits(steps)):
        for name, way, what, n, of_x, of_pixels in rows:
            shown = "-" if of_x != of_x else f"{of_x:.1e}"
            print(f"| {name} | {way} | {what} | {n} | {shown} | {of_pixels:.1e} |", flush=True)
            worst = max(worst, of_pixels)
    print(f"\nlargest difference of pixels: {worst:.1e}")


if __name__ == "__main__":
    main()
