"""What a sampler costs per step beside its network: ours and diffusers', in the same run.

    python tests/bench/sampler_overhead.py [--quick]

64 pictures of 28x28 on one core. The network returns a stored tensor, so all that is timed is the
denoiser and the sampler around it. The best of many repetitions, taken in turns, because a busy
machine only ever makes a run slower. Diffusers is the extra `test`.
"""

import argparse
import time
from functools import partial

import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

from minidiff import Denoiser, cosine, ddim, ddpm, dpmpp_2m, heun, noise_from, uniform_grid

SHAPE = (64, 1, 28, 28)
RUNS = (3, 9)  # steps: short, to fit between interruptions; the difference leaves out set-up


def ours(sampler, steps, x, out):
    """A loop of our sampler over a Denoiser; no clipping on either side."""
    denoise = Denoiser(lambda x, t: out, cosine, target="v")
    for _ in sampler(denoise, cosine, x, uniform_grid(steps)):
        pass


@torch.no_grad()
def theirs(scheduler, steps, x, out):
    """Diffusers' loop with the same target."""
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        x = scheduler.step(out, t, x).prev_sample


def noise_alone(steps, x, generator):
    for _ in range(steps):
        torch.randn(x.shape, generator=generator)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    repetitions = 200 if quick else 1000
    generator = torch.Generator().manual_seed(0)
    x, out = (torch.randn(SHAPE, generator=generator) for _ in range(2))
    same = dict(prediction_type="v_prediction", timestep_spacing="trailing")
    unclipped = same | dict(clip_sample=False)
    ways = {
        "DDPM, minidiff": partial(ours, partial(ddpm, noise=noise_from(generator))),
        "DDPM, diffusers": partial(theirs, DDPMScheduler(**unclipped)),
        "drawing DDPM's noise": lambda steps, x, out: noise_alone(steps, x, generator),
        "DDIM, minidiff": partial(ours, ddim),
        "DDIM, diffusers": partial(theirs, DDIMScheduler(**unclipped)),
        "DPM-Solver++(2M), minidiff": partial(ours, dpmpp_2m),
        "DPM-Solver++(2M), diffusers": partial(theirs, DPMSolverMultistepScheduler(**same)),
        "Heun (two calls a step), minidiff": partial(ours, heun),
    }
    best = {}
    for _ in range(repetitions):
        for name, way in ways.items():
            way(2, x, out)  # warms the caches that the others left cold
            for steps in RUNS:
                start = time.perf_counter()
                way(steps, x, out)
                spent = time.perf_counter() - start
                best[name, steps] = min(spent, best.get((name, steps), spent))
    short, long = RUNS
    best = {name: (best[name, long] - best[name, short]) / (long - short) for name in ways}
    print(f"{'ms a step, best of ' + str(repetitions):36}")
    for name, seconds in best.items():
        print(f"{name:36}{1000 * seconds:8.3f}")
    beyond = best["DDPM, minidiff"] - best["drawing DDPM's noise"]
    print(f"{'DDPM, minidiff, beyond its noise':36}{1000 * beyond:8.3f}")


if __name__ == "__main__":
    main()
