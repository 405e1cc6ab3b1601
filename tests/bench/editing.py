"""Editing: what is kept, what is filled, what comes back, each beside its floor.

    python tests/bench/editing.py [points] [digits] [inversion] [photos] [scenes] [--quick]

points: energy distance of the plain variant and of RePaint (20 resamples, 50 steps) from the exact
conditional of three mixtures, 1000 samples. digits: the lower half hidden, read by the judge, 100
test digits, 25 steps. inversion: DDIM back and forth, w = 1, nothing clipped. photos: visibility of the border
of a hole that the network never saw, over that in the untouched photograph. scenes: a box around
the thing filled by a prompt that asks for another, 50 scenes. Seeds 0 to 4 for points, 0 and 1 for
scenes, 0 to 2 otherwise.
"""

import argparse
from dataclasses import replace

import torch

from minidiff import editing, load
from minidiff.data import mnist, photos, scenes
from minidiff.data.points import Mixture, eight_gaussians
from minidiff.evaluation.distances import energy_distance, floor
from minidiff.evaluation.judges import digits as judge
from minidiff.evaluation.judges.digits import accuracy
from minidiff.evaluation.judges.scenes import adherence, judged
from minidiff.evaluation.report import Row, table
from minidiff.evaluation.scenes import rendered
from minidiff.evaluation.seam import seam
from minidiff.guidance import given
from minidiff.samplers import ddim, ddpm, last
from minidiff.sampling import generator_at
from minidiff.schedules import cosine, uniform_grid

# name -> a mixture and the first coordinate that is known
KNOWN = {
    "two clusters": (Mixture(torch.tensor([[-1.5, -1.5], [1.5, 1.5]]), torch.tensor([0.3] * 2)), 1),
    "eight, far from others": (eight_gaussians(), 0.0),
    "eight, near another": (eight_gaussians(), 1.4),
}


def second_coordinate(mixture, value, n, generator):
    """n draws (n, 1) of the second coordinate given the first: Bayes' rule weighs the parts."""
    away = (value - mixture.means[:, 0]) / mixture.stds
    weights = (mixture.weights.log() - mixture.stds.log() - away.square() / 2).softmax(0)
    given_first = Mixture(mixture.means[:, 1:], mixture.stds, weights)
    return given_first(n, generator)


def points(quick):
    n, rows = 500 if quick else 1000, []
    ways = {"plain": ddpm, "plain, ddim": ddim, "x20": editing.resampled(ddpm, 20)}
    ways["x20 over 10 steps"] = editing.resampled(ddpm, 20, jump=10)
    for name, (mixture, value) in KNOWN.items():

        def exact(generator):
            return second_coordinate(mixture, value, n, generator)

        def error(sampler, seed):
            ts, noise = uniform_grid(50), torch.randn(n, 2, generator=generator_at(seed, 0))
            torch.manual_seed(seed)
            mask, known = torch.tensor([False, True]), torch.tensor([[value, 0.0]])
            denoise = editing.inpaint(mixture.denoiser(cosine), known, mask)
            made = last(sampler(denoise, cosine, cosine(ts[0])[1] * noise, ts))
            return energy_distance(made[:, 1:], exact(generator_at(seed, 1)))

        least = floor(energy_distance, exact)
        for way, sampler in ways.items():
            scores = [error(sampler, seed) for seed in range(1 if quick else 5)]
            rows.append(Row(f"{name}, {way}, energy", scores, least))
    return rows


def digits(quick):
    n, seeds = (50, 1) if quick else (100, 3)
    images, labels = mnist.load("test")
    images, labels = images[:n] / 255, labels[:n]
    mask, model, rows = photos.box(images, 14, 0, 14, 28), load("digits-text"), []
    real = accuracy(judge.load(), images, labels)
    blank = accuracy(judge.load(), torch.where(mask, 0.0, images), labels)
    rows.append(Row("lower half hidden, left blank", [blank], real, share=True))
    asked = [f"a {label}" for label in labels.tolist()]
    for way, sampler in [("plain", ddpm), ("x5", editing.resampled(ddpm, 5))]:
        for name, prompts, w in [("no prompt", None, 1), ("prompt", asked, None)]:
            scores = []
            for seed in range(seeds):
                made = editing.fill(
                    model, images, mask, prompts, seed=seed * n, sampler=sampler, steps=25, w=w
                )
                assert torch.equal(made[..., ~mask], images[..., ~mask])
                scores.append(accuracy(judge.load(), made, labels))
            rows.append(Row(f"lower half hidden, {name}, {way}", scores, real, share=True))
    return rows


def inversion(quick):
    images, labels = mnist.load("test")
    images, labels = images[: 20 if quick else 50] / 255, labels[: 20 if quick else 50]
    model = load("digits")
    print("inversion and back, digits, mean absolute error in 0..1 (all pixels, ink alone):")
    with torch.no_grad():
        denoise = given(model.denoiser, *model.encoder(labels.tolist()))
    x0 = model.codec.encode(images)
    for steps in (10, 25, 50, 100):
        for rounds in (0, 2):
            ts = uniform_grid(steps)[:-1]
            noise = last(editing.invert(denoise, model.schedule, x0, ts, rounds))
            back = model.codec.decode(last(ddim(denoise, model.schedule, noise, ts)))
            error = (back - images).abs()
            ink = error[images > 0.5].mean()
            print(f"  {steps:3} steps, rounds {rounds}: {error.mean():.4f}, {ink:.4f}", flush=True)
    return []


def seams(quick):
    rows = []
    for name in photos.HOLES:
        picture, model = photos.load(name), load(f"photo-{name}")
        mask = photos.hole(name, picture)
        untouched = seam(picture, mask)
        smooth = torch.where(mask, picture[..., ~mask].mean(), picture)
        print(f"{name}: a hole left grey has a border {seam(smooth, mask) / untouched:.3g}")
        for way, sampler in [("plain", ddpm), ("x5", editing.resampled(ddpm, 5))]:
            scores = []
            for seed in range(1 if quick else 3):
                filled = editing.fill_window(model, picture, mask, seed=seed, sampler=sampler)
                assert torch.equal(filled[..., ~mask], picture[..., ~mask])
                scores.append(seam(filled, mask) / untouched)
            rows.append(Row(f"{name}, border, {way}", scores, 1.0))
    return rows


def changed(scene, generator):
    """The scene with another thing of the same place, natural in colour, seen in training."""
    while True:
        thing = scenes.COMMON[torch.randint(len(scenes.COMMON), (), generator=generator)]
        if thing != scene.thing and not scenes.held_out(thing, place=scene.place):
            return replace(scene, thing=thing, colour="natural")


def refilled(quick):
    n, seeds = (20, 1) if quick else (50, 2)
    model, rows = load("scenes"), {}
    for seed in range(seeds):
        generator = generator_at(seed, 6)
        old = [scenes.random_scene(generator, things=scenes.COMMON) for _ in range(n)]
        old = [replace(scene, spots=((32, 58),), size=44) for scene in old]
        new = [changed(scene, generator) for scene in old]
        pictures = rendered(old, generator)
        mask = photos.box(pictures, 8, 8, 52, 48)
        prompts = [scenes.describe(scene, generator, mention=1, vague=0) for scene in new]
        real = adherence(judged(rendered(new, generator)), new)
        for way, sampler in [("plain", ddpm), ("x5", editing.resampled(ddpm, 5))]:
            made = editing.fill(
                model, pictures, mask, prompts, seed=seed * n, sampler=sampler, steps=model.steps
            )
            assert torch.equal(made[..., ~mask], pictures[..., ~mask])
            for name, right in adherence(judged(made), new).items():
                key = f"hole of a scene, {name}, {way}"
                row = rows.setdefault(key, Row(key, [], 0.0, share=True))
                row.scores.append(right.float().mean().item())
                row.floor += real[name].float().mean().item() / seeds
    return list(rows.values())


PARTS = {
    "points": points,
    "digits": digits,
    "inversion": inversion,
    "photos": seams,
    "scenes": refilled,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default all")
    parser.add_argument("--quick", action="store_true", help="1 seed, a tenth of the samples")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"unknown parts: {', '.join(unknown)}")
    torch.set_num_threads(1)
    for name in args.parts or PARTS:
        if rows := PARTS[name](args.quick):
            print(table(rows), flush=True)


if __name__ == "__main__":
    main()
