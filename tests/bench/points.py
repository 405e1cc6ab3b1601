"""The Swiss roll: Chamfer and energy distance beside their floors, for two budgets.

    python tests/bench/points.py [--quick]

KAIST's protocol (assignment 1 of CS492(D)): an MLP of 3 x 128, 5000 iterations of 128 points,
1000-step DDPM, Chamfer of 2048 points against 2048; the same network with 50 DDIM steps. Then the
recipe `points` trained from scratch, and the shipped model. The median of 5 seeds of sampling and,
for what is trained here, of training.
"""

import argparse
import time

import torch
from tqdm import tqdm

from minidiff import load
from minidiff.data.points import swiss_roll
from minidiff.evaluation.points import point_scores
from minidiff.evaluation.report import floors_of, rows_of, table
from minidiff.recipes import RECIPES, point_data
from minidiff.samplers import ddim, ddpm
from minidiff.sampling import generator_at, samples
from minidiff.schedules import uniform_grid
from minidiff.training import train

CHAMFER, ENERGY = 2048, 5000  # points for each score


def trained(images, seed, **settings):
    """The recipe's network after that many points, its averaged weights, and the seconds it took."""
    torch.manual_seed(seed)
    start = time.perf_counter()
    steps = train(RECIPES["points"].model(), point_data(), images, seed=seed, **settings)
    bar = tqdm(steps, total=images // settings["batch"], desc=f"training {seed}", leave=False)
    for progress in bar:
        pass
    return progress.model.eval(), time.perf_counter() - start


def scores(model, sampler, steps, seed):
    """Chamfer at 2048 points and energy distance at 5000, from the same samples."""
    way = dict(ts=uniform_grid(steps), sampler=sampler, chunk=ENERGY)
    made = samples(model, [None] * ENERGY, seed * ENERGY, **way)
    real = swiss_roll(ENERGY, generator_at(seed, 1))
    first = point_scores(made[:CHAMFER], real[:CHAMFER])
    return {"Chamfer": first["Chamfer"], "energy": point_scores(made, real)["energy distance"]}


def floors():
    chamfer, energy = (
        floors_of(point_scores, lambda generator: swiss_roll(2 * n, generator).chunk(2))
        for n in (CHAMFER, ENERGY)
    )
    return {"Chamfer": chamfer["Chamfer"], "energy": energy["energy distance"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="1 seed, a tenth of the training")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    seeds, share = (1, 10) if quick else (5, 1)
    recipe, rows, limits, seconds = RECIPES["points"], [], floors(), {}
    shipped = load("points")
    budgets = {
        "KAIST": lambda seed: trained(640_000 // share, seed, batch=128, lr=5e-3),
        "recipe": lambda seed: trained(recipe.images // share, seed, **recipe.settings),
        "shipped": lambda seed: (shipped, 0.0),
    }
    for budget, model_of in budgets.items():
        models = [model_of(seed) for seed in range(seeds)]
        seconds[budget] = max(spent for _, spent in models)
        fast = 50 if budget == "KAIST" else 100
        for name, sampler, steps in [("DDPM", ddpm, 1000), ("DDIM", ddim, fast)]:
            found = [scores(model, sampler, steps, seed) for seed, (model, _) in enumerate(models)]
            rows += rows_of(found, limits, f"{budget}, {name} {steps}, ")
    print(table(rows))
    print("seconds of training, the slowest:", {name: round(s) for name, s in seconds.items()})


if __name__ == "__main__":
    main()
