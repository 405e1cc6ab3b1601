"""Pictures of which the scenes' judge must say that they show nothing: what generators do wrong.

A judge that has seen clean renders alone takes every smear for the thing that it resembles most.
"""

import torch
import torch.nn.functional as F
from torch import nn

from ..data.scenes import COMMON, THINGS, any_scenes, prompts_for
from ..evaluation.judges.scenes import SceneJudge, facts
from ..samplers import dpmpp_2m, last
from ..schedules import log_snr_grid, uniform_grid

REAL = 10  # sixteenths of a batch that stay what they are
COUNT = 40_000  # failed pictures of another model
HURT = 0.25  # how far its weights are pulled towards noise, in their standard deviations


def scenes_of_all_kinds():
    return any_scenes


class Suspicious(nn.Module):
    """A SceneJudge in training among renders and failures.

    generator: a model of scenes other than the one to be judged.
    """

    def __init__(self, generator):
        super().__init__()
        self.judge = SceneJudge()
        self.codec = generator.codec.requires_grad_(False)
        self.register_buffer("failed", failed_pictures(generator, COUNT), persistent=False)

    def judge_of(self):
        return self.judge

    def loss(self, pictures, scenes, generator=None):
        """Cross entropies of all answers, (B,), B at least 16; of six in sixteen pictures the right
        thing is "nothing".

        Of those, one is blurred, one two pictures in one, one molten, two failures of the other
        model, one shuffled. Of the others one is a little blurred and one went through a codec.
        """
        right = {name: value.to(pictures.device) for name, value in facts(scenes).items()}
        sizes = torch.tensor([scene.size for scene in scenes], device=pictures.device).float()
        edge = [len(pictures) * k // 16 for k in range(17)]
        at = [slice(*pair) for pair in zip(edge, edge[1:])]
        bad = torch.arange(len(pictures), device=pictures.device) >= edge[REAL]

        def draw(part, low, high):
            values = torch.rand(part.stop - part.start, generator=generator).to(pictures)
            return low + (high - low) * values

        mirrored = torch.rand(len(pictures), generator=generator) < 0.5
        mirrored = mirrored.to(pictures.device)[:, None, None, None]
        pictures = torch.where(mirrored, pictures.flip(3), pictures)
        changed, other = pictures.clone(), pictures.roll(1, 0)
        with torch.no_grad():
            changed[at[8]] = self.codec.decode(self.codec.encode(pictures[at[8]]))
        changed[at[9]] = blurred(pictures[at[9]], draw(at[9], 0.05, 0.85))
        changed[at[10]] = blurred(pictures[at[10]], sizes[at[10]] * draw(at[10], 0.13, 0.3))
        share = draw(at[11], 0.35, 0.65)[:, None, None, None]
        changed[at[11]] = torch.lerp(pictures[at[11]], other[at[11]], share)
        bad[at[11]] &= (right["thing"] != right["thing"].roll(1, 0))[at[11]]
        changed[at[12]] = molten(
            pictures[at[12]], sizes[at[12]] * draw(at[12], 0.12, 0.32), generator
        )
        two = slice(edge[13], edge[15])
        chosen = torch.randint(len(self.failed), (two.stop - two.start,), generator=generator)
        changed[two] = self.failed[chosen.to(self.failed.device)].float() / 255
        changed[at[15]] = shuffled(pictures[at[15]], generator)
        right["thing"] = right["thing"].where(~bad, len(THINGS))  # the last answer, "nothing"
        total = 0
        for name, logits in self.judge(changed).items():
            loss = F.cross_entropy(
                logits.float(), right[name], label_smoothing=0.05, reduction="none"
            )
            total = total + (loss if name == "thing" else loss * ~bad)
        return total


def blurred(pictures, std):
    """Pictures (B, 3, H, W) under a Gaussian blur of std (B,) pixels each, at most 12 pixels wide."""
    b, c, h, w = pictures.shape
    taps = torch.arange(-12, 13, device=pictures.device)
    kernel = torch.exp(-0.5 * (taps / std[:, None]).square())
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(c, 0)[:, None]
    x = F.pad(pictures.reshape(1, b * c, h, w), (12, 12, 12, 12), mode="replicate")
    x = F.conv2d(F.conv2d(x, kernel[:, :, None], groups=b * c), kernel[..., None], groups=b * c)
    return x.reshape(b, c, h, w)


def molten(pictures, reach, generator=None):
    """Pictures (B, 3, H, W) pulled about by a smooth random field, by about `reach` (B,) pixels."""
    b, _, h, w = pictures.shape
    field = torch.randn(b, 2, 9, 9, generator=generator).to(pictures)
    field = F.interpolate(field, (h, w), mode="bicubic", align_corners=True)
    field = (field * reach[:, None, None, None] * 2 / w).permute(0, 2, 3, 1)
    line = torch.linspace(-1, 1, w, device=pictures.device)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1) + field
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=True)


def shuffled(pictures, generator=None, cell=8):
    """Pictures (B, 3, H, W) with their squares of `cell` pixels in another order each."""
    columns = F.unfold(pictures, cell, stride=cell)  # (B, 3 cell^2, cells)
    order = torch.rand(columns[:, 0].shape, generator=generator).argsort(1).to(pictures.device)
    columns = columns.gather(2, order[:, None].expand_as(columns))
    return F.fold(columns, pictures.shape[2:], cell, stride=cell)


@torch.no_grad()
def failed_pictures(model, count, batch=250):
    """uint8 pictures (count, 3, 64, 64) that a model fails at: too few steps, or wrecked weights.

    By turns three steps that end in smears, and three to eight with weights pulled towards noise, as
    a half-trained network paints.
    """
    net, generator = model.denoiser.net, torch.Generator().manual_seed(5)
    whole, kept = [parameter.clone() for parameter in net.parameters()], []
    for number in range(-(-count // batch)):
        hurt = HURT * (number % 2)
        for parameter, good in zip(net.parameters(), whole):
            noise = torch.randn(good.shape, generator=generator).to(good)
            parameter.copy_(good + hurt * good.std() * noise if good.ndim > 1 else good)
        prompts, _ = prompts_for(batch, generator, things=COMMON)
        ts = uniform_grid(3 + number % 6) if hurt else log_snr_grid(model.schedule, 3)
        start = torch.randn(batch, *model.shape, generator=generator)
        x = model.schedule(ts[0])[1] * start.to(whole[0])
        denoise = model.prompted(prompts, (1.0, 2.0, 4.0)[number // 2 % 3])
        x0 = last(dpmpp_2m(denoise, model.schedule, x, ts))
        kept.append((255 * model.codec.decode(x0)).round().to(torch.uint8))
    for parameter, good in zip(net.parameters(), whole):
        parameter.copy_(good)
    return torch.cat(kept)[:count]
