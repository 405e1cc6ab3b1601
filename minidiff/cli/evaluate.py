"""`minidiff evaluate`: which evaluation a recipe's models get."""

from ..evaluation.digits import evaluate_digits, evaluate_text
from ..evaluation.moving_digits import evaluate_moving_digits
from ..evaluation.moving_scenes import evaluate_moving_scenes
from ..evaluation.points import evaluate_points
from ..evaluation.report import table
from ..evaluation.scenes import evaluate_scenes
from .models import look_up, open_model

EVALUATIONS = {
    "points": evaluate_points,
    "digits": evaluate_digits,
    "digits-text": evaluate_text,
    "digits-fast": evaluate_text,
    "scenes": evaluate_scenes,
    "scenes-fast": evaluate_scenes,
    "scenes-small": evaluate_scenes,
    "clips-digits": evaluate_moving_digits,
    "clips-scenes": evaluate_moving_scenes,
}


def evaluate(args):
    """A table on stdout: median, least and greatest over the seeds, real data, ratio."""
    model, facts = open_model(args.model, args.device)
    measure = look_up("recipe", facts["recipe"], EVALUATIONS)
    rows = measure(model, args.samples, args.seeds, args.steps)
    print(f"{args.model}: {args.samples} samples, {args.seeds} seeds, w = {model.w:g}")
    print(table(rows))
    return 0
