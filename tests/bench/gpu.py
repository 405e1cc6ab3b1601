"""What one GPU makes in twelve minutes: the codec, the judge and the painter of scenes, from nothing.

    python tests/bench/gpu.py [--minutes 12] [--out runs/gpu]

The recipes `perceptual`, `codec`, `scene-judge` and `scenes`: their networks, data, losses and
settings, at a GPU's speed. What `minidiff train` does step by step from Python is here one CUDA
graph a step: a batch drawn from renders that stay on the GPU, the loss, AdamW and the average of the
weights. Thirteen processes render all the while; each stage begins when what it needs is there. With
`--trial` a second codec of four channels, and a painter on it, go along until a third of the time.

Writes models and manifest that `minidiff generate --model DIR` reads, log and scores to DIR. Needs
about 60 GB of shared memory and of GPU memory. `MINIDIFF_TINY=1` rehearses on a CPU, in a minute.
"""

import argparse
import copy
import json
import math
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import minidiff
from minidiff import cosine, log_snr_grid, pretrained, uniform_grid
from minidiff.codecs import Autoencoder
from minidiff.codecs.perceptual import Perceptual
from minidiff.data import scenes
from minidiff.data.scenes import PLACES, STYLES, THINGS
from minidiff.data.scenes.captions import caption_of
from minidiff.data.scenes.sprites import COLOURS
from minidiff.denoiser import append_dims
from minidiff.evaluation.distances import frechet, precision_recall
from minidiff.evaluation.judges.scenes import SceneJudge, adherence, judged
from minidiff.recipes import RECIPES
from minidiff.recipes.failures import blurred, failed_pictures, molten, shuffled
from minidiff.recipes.recipe import plain
from minidiff.recipes.scenes import full_scenes

TINY = bool(os.environ.get("MINIDIFF_TINY"))
DEVICE = "cpu" if TINY else "cuda"
WORKERS, EACH = (2, 150) if TINY else (13, 170_000)
BATCH = 32 if TINY else 512
MOST = 140 if TINY else 700_000  # renders that codec and judge hold on the GPU
# when, as shares of the whole time: a stage's own span, or its end
SPANS = {"perceptual": 0.04, "scene-judge": 0.12, "codec": 0.17}
PAINTED, END = 0.93, 1.0


class Pool:
    """Renders in files, a stripe for each process that makes them: pictures, captions, facts.

    The first process renders what only the judge may see: pairs held out, and places with nothing.
    """

    def __init__(self, folder, create=False):
        n = WORKERS * EACH
        self.tokenizer = full_scenes().encoder.tokenizer
        shapes = {
            "pictures": ((n, 64, 64, 3), np.uint8),
            "tokens": ((n, 2, self.tokenizer.length), np.int16),
            "facts": ((n, 7), np.int16),
            "done": ((WORKERS,), np.int64),
        }
        folder.mkdir(parents=True, exist_ok=True)
        for name, (shape, kind) in shapes.items():
            mode = dict(mode="w+", dtype=kind, shape=shape) if create else dict(mode="r+")
            setattr(self, name, np.lib.format.open_memmap(folder / f"{name}.npy", **mode))

    def render(self, worker):
        for k in range(EACH):
            row, rng = worker * EACH + k, np.random.default_rng((7, worker, k))
            unseen, empty = worker == 0 and k % 3 != 2, worker == 0 and k % 3 == 2
            scene = scenes.invent(rng, unseen)
            answers = [
                list(THINGS).index(scene.thing), COLOURS.index(scene.colour),
                list(PLACES).index(scene.place), STYLES.index(scene.style), len(scene.spots) - 1,
            ]  # fmt: skip
            self.facts[row] = [*answers, scene.size, empty]
            if empty:
                scene = copy.copy(scene)
                object.__setattr__(scene, "spots", ())
            self.pictures[row] = scenes.paint(scene, rng)
            if not empty:
                for which, mention in enumerate((1, scenes.MENTION)):
                    numbers = self.tokenizer.numbers(caption_of(scene, rng, mention))
                    self.tokens[row, which, : len(numbers)] = numbers
            self.done[worker] = k + 1

    def fresh(self, seen, most):
        """Rows rendered since `seen`, a list of counts, which is moved on."""
        for worker in range(WORKERS):
            now = min(int(self.done[worker]), seen[worker] + most)
            if now > seen[worker]:
                yield slice(worker * EACH + seen[worker], worker * EACH + now)
                seen[worker] = now


class OnGPU:
    """Renders, or what a codec makes of them, on the GPU, more of them as they come."""

    def __init__(self, pool, most=MOST, codec=None, channels=None, with_rest=False):
        self.pool, self.codec, self.most, self.n = pool, codec, most, 0
        self.seen = [0 if with_rest else EACH] + [0] * (WORKERS - 1)
        shape, kind = (
            ((channels, 16, 16), torch.float16) if channels else ((3, 64, 64), torch.uint8)
        )
        kind = torch.float32 if TINY and channels else kind
        self.x = torch.zeros(most, *shape, dtype=kind, device=DEVICE)
        self.tokens = torch.zeros(most, 2, pool.tokenizer.length, dtype=torch.int16, device=DEVICE)
        self.facts = torch.zeros(most, 7, dtype=torch.int16, device=DEVICE)
        self.count = torch.ones((), device=DEVICE)  # a tensor, which a graph can read

    @torch.no_grad()
    def refresh(self):
        for rows in self.pool.fresh(self.seen, 2048):
            rows = slice(rows.start, min(rows.stop, rows.start + self.most - self.n))
            here = slice(self.n, self.n + rows.stop - rows.start)
            part = torch.from_numpy(self.pool.pictures[rows]).to(DEVICE).permute(0, 3, 1, 2)
            self.x[here] = self.codec.encode(part.float() / 255) if self.codec else part
            self.tokens[here] = torch.from_numpy(self.pool.tokens[rows]).to(DEVICE)
            self.facts[here] = torch.from_numpy(self.pool.facts[rows]).to(DEVICE)
            self.n = here.stop
        self.count.fill_(max(self.n, 1))

    def wait(self, n):
        while self.n < min(n, self.most):
            self.refresh()
            time.sleep(0.2)

    def draw(self, batch):
        """Numbers (batch,) of random renders."""
        index = (torch.rand(batch, device=DEVICE) * self.count).long()
        return index.minimum(self.count.long() - 1)  # float32 may round up to the count

    def pictures(self, index):
        """Those renders in 0..1, half of them mirrored."""
        pictures = self.x[index].float() / 255
        mirrored = torch.rand(len(index), 1, 1, 1, device=DEVICE) < 0.5
        return torch.where(mirrored, pictures.flip(3), pictures)


class Trainer:
    """Steps of `loss()` and of the recipe's optimizer, captured in a CUDA graph.

    loss: draws its batch on the GPU and returns a scalar. What is not finite is taken back.
    """

    def __init__(self, name, module, loss):
        settings = RECIPES[name].settings
        self.name, self.module, self.loss, self.graph, self.steps = name, module, loss, None, 0
        self.peak, self.decay = settings["lr"], settings["decay"]
        self.warmup = settings.get("warmup", 2_000) / settings["batch"]
        self.learned = [p for p in module.parameters() if p.requires_grad]
        self.average = copy.deepcopy(module).eval().requires_grad_(False)
        twins = dict(self.average.named_parameters())
        self.twins = [twins[n] for n, p in module.named_parameters() if p.requires_grad]
        # as the recipe's optimizer, in the form that a graph can hold
        like = settings.get("optimizer", minidiff.training.adamw)(module, self.peak).defaults
        self.lr = torch.tensor(self.peak, device=DEVICE)
        self.share, self.value = torch.ones((), device=DEVICE), torch.zeros((), device=DEVICE)
        held = dict(foreach=False) if TINY else dict(capturable=True, fused=True)
        same = {key: like[key] for key in ("betas", "weight_decay")}
        self.optimizer = torch.optim.AdamW(self.learned, self.lr, **same, **held)

    def once(self):
        with torch.autocast(DEVICE, torch.bfloat16, cache_enabled=False):
            loss = self.loss()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learned, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=False)
        with torch.no_grad():
            gap = torch._foreach_sub(self.learned, self.twins)
            torch._foreach_mul_(gap, self.share)
            torch._foreach_add_(self.twins, gap)
            self.value.copy_(loss.detach())

    def capture(self):
        """Record the step, after some for practice, and begin from the first weights again."""
        first = [p.detach().clone() for p in self.learned]
        stream = None if TINY else torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(4):
                self.once()
        if not TINY:
            torch.cuda.synchronize()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.once()
        self.go_back(first + first)
        self.kept = first + first

    @torch.no_grad()
    def go_back(self, weights):
        for p, value in zip(self.learned + self.twins, weights):
            p.copy_(value)
        for state in self.optimizer.state.values():
            for value in state.values():
                value.zero_()

    def run(self, seconds, refresh, watch=lambda progress: None):
        """Train for that long under the recipe's half cosine; returns the averaged module."""
        start = told = time.time()
        while (progress := (time.time() - start) / seconds) < 1:
            if self.steps % 20 == 0:
                rise = min(1, (self.steps + 1) / self.warmup)
                self.lr.fill_(self.peak * rise * (1 + math.cos(math.pi * progress)) / 2)
                self.share.fill_(1 - min(self.decay, (1 + self.steps) / (10 + self.steps)))
            self.graph.replay() if self.graph else self.once()
            self.steps += 1
            if self.steps % 100 == 0:
                refresh()
            if self.steps % 500 == 0:
                sound = bool(self.value.isfinite())
                if not sound:
                    say(f"{self.name}: no number at step {self.steps}; back, at half the rate")
                    self.go_back(self.kept)
                    self.peak /= 2
                self.kept = [p.detach().clone() for p in self.learned + self.twins]
            if time.time() - told > 20:
                told = time.time()
                say(f"{self.name}: {self.steps} steps, loss {self.value.item():.4f}")
            if watch(progress):
                break
        say(f"{self.name}: done, {self.steps} steps, loss {self.value.item():.4f}")
        for mine, buffer in zip(self.average.buffers(), self.module.buffers()):
            mine.copy_(buffer)
        return self.average


def elapsed():
    return time.time() - float(os.environ["STARTED"])


def whole():
    return 60 * float(os.environ["MINUTES"])


def say(*words):
    print(f"[{elapsed():6.1f}]", *words, flush=True)


def ship(name, model, trainer, folder, **facts):
    settings = {"seed": 0} | plain(RECIPES[name].settings) | {"images": RECIPES[name].images}
    facts |= dict(images=trainer.steps * BATCH, minutes=round(elapsed() / 60, 1))
    facts |= dict(training="by tests/bench/gpu.py", seed=0, settings=settings, recipe=name)
    pretrained.save(name, model.cpu().eval(), folder, **facts)


def ready(name, folder, *known):
    """A model that another stage writes, once it is there."""
    while name not in pretrained.manifest(folder):
        time.sleep(0.3)
    model = pretrained.load(name, folder, *known).to(DEVICE, memory_format=torch.channels_last)
    return model.requires_grad_(False)


# -- the stages, a process each


def judge_loss(judge, pictures, facts, thing, bad):
    """Cross entropies of all answers; of bad pictures the thing alone, which is then "nothing"."""
    total, clear = 0, (~bad).float()
    for i, (name, logits) in enumerate(judge(pictures).items()):
        right = thing if name == "thing" else facts[:, i]
        loss = F.cross_entropy(logits.float(), right, label_smoothing=0.05, reduction="none")
        total = total + (loss.mean() if name == "thing" else (loss * clear).sum() / clear.sum())
    return total


def perceptual(folder):
    renders, judge = OnGPU(Pool(folder / "pool"), MOST // 2), SceneJudge().to(DEVICE)
    renders.wait(60_000)

    def loss():
        index = renders.draw(BATCH)
        facts = renders.facts[index].long()
        return judge_loss(judge, renders.pictures(index), facts, facts[:, 0], facts[:, 6] > 0)

    trainer = Trainer("perceptual", judge.train(), loss)
    trainer.capture()
    average = trainer.run(SPANS["perceptual"] * whole(), renders.refresh)
    ship("perceptual", average, trainer, folder)


def scene_judge(folder):
    """As `failures.Suspicious`, with the shipped model of scenes as the one that fails."""
    failing = minidiff.load("scenes").to(DEVICE)
    failed = failed_pictures(failing, 40 if TINY else 40_000, 20 if TINY else 1000)
    codec = failing.codec.requires_grad_(False)
    renders = OnGPU(Pool(folder / "pool"), with_rest=True)
    renders.wait(100_000)
    judge, part = SceneJudge().to(DEVICE), BATCH // 16
    rows = [slice(k * part, (k + 1) * part) for k in range(16)]

    def loss():
        index = renders.draw(BATCH)
        pictures, facts = renders.pictures(index), renders.facts[index].long()
        size, other = facts[:, 5].float(), pictures.roll(1, 0)
        draw = torch.rand(5, BATCH, device=DEVICE)
        chosen = (torch.rand(2 * part, device=DEVICE) * (len(failed) - 1)).long()
        share = 0.35 + 0.3 * draw[2, rows[11], None, None, None]
        pictures = torch.cat([
            pictures[: 8 * part],
            codec.decode(codec.encode(pictures[rows[8]])).float(),
            blurred(pictures[rows[9]], 0.05 + 0.8 * draw[0, rows[9]]),
            blurred(pictures[rows[10]], size[rows[10]] * (0.13 + 0.17 * draw[1, rows[10]])),
            torch.lerp(pictures[rows[11]], other[rows[11]], share),
            molten(pictures[rows[12]], size[rows[12]] * (0.12 + 0.2 * draw[3, rows[12]])),
            failed[chosen].float() / 255,
            shuffled(pictures[rows[15]]),
        ])  # fmt: skip
        bad = (torch.arange(BATCH, device=DEVICE) >= 10 * part) | (facts[:, 6] > 0)
        thing = torch.where(bad, len(THINGS), facts[:, 0])
        return judge_loss(judge, pictures, facts, thing, bad)

    trainer = Trainer("scene-judge", judge.train(), loss)
    trainer.capture()
    average = trainer.run(SPANS["scene-judge"] * whole(), renders.refresh)
    ship("scene-judge", average, trainer, folder)


def codec(folder, channels=8):
    renders = OnGPU(Pool(folder / "pool"))
    network = ready("perceptual", folder, SceneJudge)
    renders.wait(100_000)
    model = Perceptual(Autoencoder(channels), network).to(DEVICE, memory_format=torch.channels_last)
    model.train()
    model.codec.update_statistics = lambda z: None  # they are measured at the end
    share = torch.zeros((), device=DEVICE)

    def loss():
        return model.loss(renders.pictures(renders.draw(BATCH // 4)), share=share)

    def watch(progress):
        share.fill_(0.004 * min(1, 2 * progress))

    trainer = Trainer("codec", model, loss)
    trainer.capture()
    average = trainer.run(SPANS["codec"] * whole(), renders.refresh, watch).codec
    with torch.no_grad():
        z = [average.posterior(renders.pictures(renders.draw(250)))[0] for _ in range(8)]
        average.mean.copy_(torch.cat(z).mean((0, 2, 3))[:, None, None])
        average.std.copy_(torch.cat(z).std((0, 2, 3))[:, None, None])
    ship("codec", average, trainer, folder if channels == 8 else folder / "four")


def painter(folder, channels=8):
    """The recipe `scenes`, on latents of what has been rendered so far."""
    home = folder if channels == 8 else folder / "four"
    model = full_scenes().to(DEVICE) if channels == 8 else four_channels().to(DEVICE)
    parts = torch.nn.ModuleDict({"net": model.denoiser.net, "encoder": model.encoder}).train()
    parts["net"].to(memory_format=torch.channels_last)
    latents = OnGPU(Pool(folder / "pool"), (WORKERS - 1) * EACH, channels=channels)
    latents.tokens[:, :, 0] = 1  # the start token: made-up prompts to compile with
    net = parts["net"] if TINY else torch.compile(parts["net"], dynamic=False)
    null = latents.pool.tokenizer([""])[0][0].to(DEVICE)

    def loss():
        index = latents.draw(BATCH)
        which = (torch.rand(BATCH, device=DEVICE) < 0.5).long()
        ids = latents.tokens[index, which].long()
        ids = torch.where(torch.rand(BATCH, 1, device=DEVICE) < 0.1, null, ids)
        cond, x0 = encoded(parts["encoder"], ids), latents.x[index].float()
        spread = (torch.arange(BATCH, device=DEVICE) + torch.rand(BATCH, device=DEVICE)) / BATCH
        t = torch.special.ndtri(spread.clamp(1e-4, 1 - 1e-4)).sigmoid()
        eps, angle = torch.randn_like(x0), math.acos(1e-3) * t
        alpha, sigma = append_dims(angle.cos(), x0), append_dims(angle.sin(), x0)
        out = net(alpha * x0 + sigma * eps, t, *cond)
        return (out.float() - (alpha * eps - sigma * x0)).square().mean()

    trainer = Trainer("scenes", parts, loss)
    trainer.capture()
    say(f"painter on {channels} channels: compiled and captured")
    latents.codec = ready("codec", home)
    latents.refresh()
    end, curve, told = PAINTED * whole(), [], [time.time()]

    def now():
        model.denoiser.net, model.encoder = trainer.average["net"], trainer.average["encoder"]
        model.codec = latents.codec
        return model

    def watch(progress):
        if time.time() - told[0] > whole() / 9:
            told[0] = time.time()
            images = trainer.steps * BATCH
            judge = ready("scene-judge", folder, SceneJudge)
            curve.append({"images": images, **asked_for(now(), 16 if TINY else 1024, judge)[0]})
            say(f"painter on {channels} channels:", json.dumps(curve[-1]))
            return channels != 8 and progress > 0.3

    trainer.run(max(1, end - elapsed()), latents.refresh, watch)
    parts = {"codec": "codec"}
    ship("scenes", now(), trainer, home, parts=parts, curve=curve, renders=latents.n)


def four_channels():
    """The same painter for latents of four channels."""
    model = full_scenes()
    net = minidiff.UNet(4, 64, (1, 2, 4), patch=1, token_width=128, attention_levels=2)
    model.denoiser.net, model.shape, model.codec = net, (4, 16, 16), Autoencoder(4)
    return model


def encoded(encoder, ids):
    """`TextEncoder.forward` for numbers of words."""
    mask = ids != 0
    tokens = encoder.token_embedding(ids) + encoder.position_embedding
    return encoder.norm(encoder.layers(tokens, src_key_padding_mask=~mask)), mask


@torch.no_grad()
def asked_for(model, n, judge, w=3.0, ts=None, unseen=False, chunk=1024):
    """The shares of n prompts right in each of the answers, and the judge's features."""
    generator, made = torch.Generator().manual_seed(1000), []
    prompts, asked = scenes.prompts_for(n, generator, unseen)
    for first in range(0, n, chunk):
        part = prompts[first : first + chunk]
        x = torch.randn(len(part), *model.shape, generator=generator).to(DEVICE)
        denoise = model.prompted(part, w)
        for x, _ in minidiff.dpmpp_2m(
            denoise, cosine, x, ts if ts is not None else uniform_grid(16)
        ):
            pass
        made.append(model.codec.decode(x))
    made = torch.cat(made)
    right = adherence(judged(made, judge), asked)
    shares = {name: round(values.float().mean().item(), 4) for name, values in right.items()}
    return shares, torch.cat([judge.features(part) for part in made.split(512)]).cpu()


@torch.no_grad()
def evaluate(folder):
    """Scores of what was trained over guidance, steps and grids, until the time is over."""
    model, judge = ready("scenes", folder), ready("scene-judge", folder, SceneJudge)
    pool, n = Pool(folder / "pool"), 16 if TINY else 2048
    rows = torch.randperm((100 if TINY else 50_000) - 1)[: 2 * n].numpy() + EACH
    real = torch.from_numpy(pool.pictures[rows]).permute(0, 3, 1, 2).float() / 255
    parts = [part.to(DEVICE) for part in real.split(512)]
    features = torch.cat([judge.features(part) for part in parts]).cpu()
    errors = [
        (model.codec.decode(model.codec.encode(p)) - p).square().mean((1, 2, 3)) for p in parts
    ]
    scores = {"PSNR": (-10 * torch.cat(errors).log10()).mean().item()}
    if not TINY:
        scores["floor"] = frechet(features[:n], features[n:])
    even, snr = uniform_grid, partial(log_snr_grid, cosine)
    ways = [(3.0, 16, even, False), (3.0, 16, even, True)]
    ways += [(w, 25, even, False) for w in (1.5, 2.0, 3.0, 4.0, 6.0)]
    ways += [(3.0, steps, grid, False) for grid in (even, snr) for steps in (4, 6, 12, 50)]
    for w, steps, grid, unseen in ways:
        if elapsed() > END * whole():
            break
        shares, made = asked_for(model, n, judge, w, grid(steps), unseen)
        if not TINY:
            shares["Frechet"] = frechet(made, features[:n])
            shares["precision"], shares["recall"] = precision_recall(features[:n], made)
        name = f"w {w}, {steps} steps, {'even' if grid is even else 'log-SNR'}"
        scores[name + (", held out" if unseen else "")] = shares
        say(name, "held out" if unseen else "seen", json.dumps(shares))
    if not TINY:
        scores["peak memory of sampling, GB"] = torch.cuda.max_memory_allocated() / 1e9
    (folder / "scores.json").write_text(json.dumps(scores, indent=1))


def render(folder):
    pool = Pool(folder / "pool")
    os.setpriority(os.PRIO_PROCESS, 0, 5)
    children = []
    for worker in range(WORKERS):
        child = os.fork()
        if not child:
            pool.render(worker)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


STAGES = {
    "render": render, "perceptual": perceptual, "scene-judge": scene_judge, "codec": codec,
    "painter": painter, "codec-4": partial(codec, channels=4),
    "painter-4": partial(painter, channels=4),
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"))
    parser.add_argument("--trial", action="store_true", help="four channels beside eight")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0 if args.stage is None else 1 + list(STAGES).index(args.stage))
    if not TINY:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    if args.stage:
        return STAGES[args.stage](args.out)
    os.environ |= {"STARTED": str(time.time()), "MINUTES": str(args.minutes)}
    os.environ["OMP_NUM_THREADS"] = "1"
    Pool(args.out / "pool", create=True)
    (args.out / "four").mkdir(exist_ok=True)
    stages = [name for name in STAGES if args.trial or not name.endswith("-4")]
    command = [sys.executable, __file__, "--out", str(args.out), "--stage"]
    running = {name: subprocess.Popen([*command, name]) for name in stages}
    for name, process in running.items():
        if name != "render" and process.wait():
            raise SystemExit(f"{name} ended with {process.returncode}")
    running["render"].terminate()
    evaluate(args.out)


if __name__ == "__main__":
    main()
