"""Whether a generated picture is a copy of a training picture, judged by its nearest neighbours."""

import torch

from ..errors import UserError


def neighbours(made, training):
    """The nearest training picture of each made one, and how far it and the next one are.

    made (N, *) and training (M, *), floats. Pictures that training holds twice count once: with a
    twin beside it, no picture would be nearer than the next one. Returns indices into `training`
    (N,) and the two Euclidean distances (N,), float64. UserError for shapes that disagree, and for
    fewer than two different training pictures.
    """
    if made.shape[1:] != training.shape[1:]:
        raise UserError(
            f"made and training must hold pictures of one shape, got {tuple(made.shape[1:])} "
            f"and {tuple(training.shape[1:])}"
        )
    kept = first_of_each(training)
    if len(kept) < 2:
        raise UserError(f"training must hold at least 2 different pictures, got {len(kept)}")
    made, training = made.flatten(1).double(), training[kept].flatten(1).double()
    parts = [torch.cdist(part, training).topk(2, largest=False) for part in made.split(1024)]
    distances, order = (torch.cat(column) for column in zip(*parts))
    return kept[order[:, 0]], distances[:, 0], distances[:, 1]


def first_of_each(pictures):
    """Indices (M',), in order, of pictures (M, *) without those that are equal to an earlier one."""
    first = {}
    for index, row in enumerate(pictures.flatten(1).cpu().numpy()):
        first.setdefault(row.tobytes(), index)
    return torch.tensor(list(first.values()))


def near_copies(made, training, ratio=1 / 3):
    """Which of made (N, *) lie at most `ratio` times as far from the nearest of training (M, *) as
    from the next one: booleans (N,).

    The criterion and its third are those of Yoon et al. 2023, "Diffusion probabilistic models
    generalize when they fail to memorize", section 3.
    """
    _, nearest, second = neighbours(made, training)
    return nearest <= ratio * second
