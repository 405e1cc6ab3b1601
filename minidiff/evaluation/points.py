"""Scores of a model of points."""

from ..data import points
from ..samplers import ddim, ddpm
from ..sampling import generator_at, samples
from ..schedules import uniform_grid
from .distances import chamfer, energy_distance
from .report import floors_of, rows_of


def point_scores(made, real):
    """Chamfer and energy distance of points made (N, 2) and real (N, 2)."""
    return {"Chamfer": chamfer(made, real), "energy distance": energy_distance(made, real)}


def evaluate_points(model, n=2048, seeds=5, steps=None, draw=points.swiss_roll):
    """Rows for a model of points: three samplers, or one with `steps` steps of DDIM."""
    ways = [("DDIM", ddim, steps)] if steps else [("DDPM", ddpm, 1000), ("DDIM", ddim, 100)]
    ways += [] if steps else [("DDIM", ddim, 50)]
    floors = floors_of(point_scores, lambda generator: (draw(n, generator), draw(n, generator)))
    rows = []
    for name, sampler, count in ways:
        scores = []
        for seed in range(seeds):
            way = dict(ts=uniform_grid(count), sampler=sampler, chunk=n)
            real = draw(n, generator_at(seed, 1))
            scores.append(point_scores(samples(model, [None] * n, seed * n, **way), real))
        rows += rows_of(scores, floors, f"{name} {count}, ")
    return rows
