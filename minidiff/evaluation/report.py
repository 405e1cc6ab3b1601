"""Scores of the shipped models, each beside the score that real data gets: the floor.

A score is the median over seeds, a floor the median over 20 pairs of real samples of the same size.
`Row`s go into a table with `table`.
"""

from dataclasses import dataclass
from statistics import median

import torch

from ..errors import UserError

DISTANCES = ("Chamfer", "energy distance", "energy", "Frechet")  # the other scores are shares


@dataclass
class Row:
    """One line of a table: what was measured, its score for each seed, and what real data gets."""

    name: str
    scores: list
    floor: float
    share: bool = False  # a share of samples, read as per cent; else a distance


def check_samples(n, features, most):
    """UserError, before any work, unless n samples span so many features and as many are real."""
    if not features < n <= most:
        raise UserError(f"samples must be from {features + 1} to {most} for this model, got {n}")


def table(rows):
    """The rows as text: median and range over the seeds, the floor, and their ratio."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'':{width}}  {'median':>8}  {'min':>8}  {'max':>8}  {'real':>8}  {'ratio':>6}"]
    for row in rows:
        values = [median(row.scores), min(row.scores), max(row.scores), row.floor]
        texts = [f"{100 * v:.2f} %" if row.share else f"{v:.4g}" for v in values]
        cells = "  ".join(f"{text:>8}" for text in texts)
        lines.append(f"{row.name:{width}}  {cells}  {values[0] / row.floor:6.2f}")
    return "\n".join(lines)


def floors_of(scores, pair, pairs=20):
    """`metrics.floor` for each entry of the dictionary `scores(made, real)`, from the same pairs.

    pair(generator): two real samples.
    """
    generators = (torch.Generator().manual_seed(seed) for seed in range(pairs))
    found = [scores(*pair(generator)) for generator in generators]
    return {name: median(one[name] for one in found) for name in found[0]}


def rows_of(scores, floors, prefix=""):
    """A Row for each entry of the dictionaries `scores`, one dictionary a seed."""
    return [
        Row(prefix + name, [one[name] for one in scores], floors[name], name not in DISTANCES)
        for name in scores[0]
    ]
