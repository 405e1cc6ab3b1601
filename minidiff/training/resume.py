"""A run goes on from its state: what must agree is compared before anything is overwritten."""

import torch

from ..errors import UserError
from .checkpoints import fill


def restore(saved, source, plan, model, average, optimizers):
    """Fill the parts of a run from its saved state; returns the steps done and the last loss.

    source: the state's file, for sentences. UserError, with nothing overwritten, for the state of
    another run (the sentence names the setting that differs) or another model.
    """
    foreign = UserError(f"{source} is no training state of this model")
    try:
        compare(saved["plan"], plan, source)
        states, step = saved["optimizers"], int(saved["step"])
        fits = all(holds(each, state) for each, state in zip(optimizers, states, strict=True))
        learned = saved["average"]
        same = all(value.shape == average.learned[name].shape for name, value in learned.items())
        if not fits or not same or len(learned) != len(average.learned):
            raise foreign
        if not all(value.isfinite().all() for value in learned.values()):
            raise UserError(f"{source} holds weights that are no numbers")
        fill(model, saved["model"], source)
        fill(average.model, saved["model"] | learned, source)
        for optimizer, state in zip(optimizers, states):
            optimizer.load_state_dict(state)
        return step, torch.tensor(float(saved["loss"]))
    except UserError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise foreign from error


def compare(was, plan, source):
    """UserError that names the first setting in which two plans differ."""
    for name in plan | was:
        if was.get(name) != plan.get(name):
            raise UserError(
                f"{source} is of a run with {name} = {was.get(name)}, got {name} = {plan.get(name)}"
            )


def holds(optimizer, state):
    """Whether a saved state is one of this optimizer: as many weights, of the same shapes."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    saved = [number for group in state["param_groups"] for number in group["params"]]
    known = dict(zip(saved, weights, strict=True))
    return all(
        value.shape in (known[number].shape, torch.Size())
        for number, entry in state["state"].items()
        for value in entry.values()
        if torch.is_tensor(value)
    )
