"""Pictures a second: our U-Net against diffusers' of equal FLOPs, under one sampler, in one run.

    python tests/bench/gpu_sampling.py [--device cuda] [--recipe scenes] [--batch 256] [--quick]

Both networks read the same text vectors and walk the same 25 guided steps (50 calls) of
DPM-Solver++(2M), on a GPU in bfloat16 and channels-last, first as they are, then both compiled; on
a CPU in float32 and not compiled, which only checks that it runs. The width of diffusers' network is
the one whose FLOPs come nearest. Best of some repetitions, taken in turns. Diffusers is the extra
`test`.
"""

import argparse
import time

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from minidiff.denoiser import Denoiser
from minidiff.guidance import given, guide
from minidiff.recipes import RECIPES
from minidiff.samplers import dpmpp_2m, last
from minidiff.schedules import cosine, log_snr_grid
from minidiff.training.devices import get_device

CLOSE = 0.1  # how far apart the FLOPs may be


class Theirs(nn.Module):
    """Diffusers' network with the call of ours."""

    def __init__(self, width, token_width):
        super().__init__()
        self.net = UNet2DConditionModel(
            in_channels=4,
            out_channels=4,
            block_out_channels=(8 * round(width / 8), 2 * width, 4 * width),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
            cross_attention_dim=token_width,
            norm_num_groups=8,
            attention_head_dim=4,  # which, in diffusers, is the number of heads
        )

    def forward(self, x, t, tokens, mask):
        return self.net(x, 1000 * t, tokens, encoder_attention_mask=mask).sample


def flops(net, x, t, *cond):
    """FLOPs of one call for one sample."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(x[:1], t[:1], *(part[:1] for part in cond))
    return counter.get_total_flops()


def nearest(wanted, x, t, *cond):
    """Diffusers' network with about as many FLOPs; SystemExit if none comes near enough."""
    found = {}
    for width in range(16, 129, 4):
        with torch.device("meta"):  # counts without computing
            net = Theirs(width, cond[0].shape[-1])
            found[width] = flops(net, *(part.to("meta") for part in (x, t, *cond)))
        if found[width] > 1.2 * wanted:
            break
    width = min(found, key=lambda width: abs(found[width] - wanted))
    if abs(found[width] / wanted - 1) > CLOSE:
        raise SystemExit(f"no width within {CLOSE:.0%} of {wanted:.3g} FLOPs: {found}")
    return Theirs(width, cond[0].shape[-1]), found[width]


@torch.no_grad()
def seconds(net, x, cond, null, ts, dtype):
    """One guided walk from x to latents."""

    def typed(x, t, tokens, mask):
        x = x.to(dtype, memory_format=torch.channels_last)
        return net(x, t.to(dtype), tokens, mask).float()

    denoise = Denoiser(typed, cosine)
    start = time.perf_counter()
    last(dpmpp_2m(guide(given(denoise, *cond), given(denoise, *null), 3.0), cosine, x, ts))
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", help="auto, cpu or cuda (default: $MINIDIFF_DEVICE or cpu)")
    parser.add_argument("--recipe", default="scenes")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--quick", action="store_true", help="2 steps of 2 pictures, once")
    args = parser.parse_args()
    device, batch, steps = get_device(args.device), args.batch, 25
    repetitions = 10
    if args.quick:
        batch, steps, repetitions = 2, 2, 1
    gpu = device.type == "cuda"
    dtype = torch.bfloat16 if gpu else torch.float32
    torch.manual_seed(0)
    recipe = RECIPES[args.recipe]
    model = (recipe.empty or recipe.model)()
    x, ts = model.noise(batch), log_snr_grid(cosine, steps)
    with torch.no_grad():
        cond, null = (model.encoder([prompt] * batch) for prompt in ("a fox", ""))
    nets, counts = {"minidiff": model.denoiser.net}, {}
    counts["minidiff"] = flops(nets["minidiff"], x, torch.rand(batch), *cond)
    nets["diffusers"], counts["diffusers"] = nearest(
        counts["minidiff"], x, torch.rand(batch), *cond
    )
    x = x.to(device)
    cond, null = ((tokens.to(device, dtype), mask.to(device)) for tokens, mask in (cond, null))
    ways, parameters = {}, {}
    for name, net in nets.items():
        parameters[name] = sum(parameter.numel() for parameter in net.parameters())
        net = net.to(device, dtype, memory_format=torch.channels_last).eval()
        ways[name, "as it is"] = net
        if gpu:
            ways[name, "compiled"] = torch.compile(net)
    best = {}
    for round_ in range(-2, repetitions):  # the first ones compile and warm up
        for way, net in ways.items():
            spent = seconds(net, x, cond, null, ts, dtype)
            if round_ >= 0:
                best[way] = min(spent, best.get(way, spent))
    place = torch.cuda.get_device_name(device) if gpu else "CPU"
    print(f"{args.recipe}: batch {batch}, {steps} guided steps, {dtype}, {place}")
    print(
        f"{'network':10} {'way':9} {'M params':>9} {'MFLOP':>7} {'ms a call':>10} {'pictures/s':>11}"
    )
    for (name, how), spent in best.items():
        print(
            f"{name:10} {how:9} {parameters[name] / 1e6:9.2f} {counts[name] / 1e6:7.0f} "
            f"{1000 * spent / (2 * steps):10.2f} {batch / spent:11.1f}"
        )
    for how in dict.fromkeys(how for _, how in best):
        ratio = best["diffusers", how] / best["minidiff", how]
        print(f"minidiff over diffusers, {how}: {ratio:.2f} x")


if __name__ == "__main__":
    main()
