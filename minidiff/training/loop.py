"""The training loop, as a generator: watching, stopping and drawing progress are the caller's."""

import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel
from tqdm.auto import tqdm

from ..sampling import generator_at
from . import distributed
from .checkpoints import load_state, save_state
from .devices import autocast, get_device
from .prefetch import prefetch


@dataclass
class Progress:
    """Where a run stands: steps and images so far, the step's loss, the averaged model."""

    step: int
    images: int
    loss: float
    model: torch.nn.Module


def train(
    model,
    data,
    images,
    batch=64,
    lr=2e-3,
    warmup=2_000,  # images over which the learning rate rises
    decay=0.999,  # of the average of the weights (EMA), per step
    clip=1.0,  # largest norm of the gradient
    seed=0,
    device=None,
    workers=0,  # processes that draw the data ahead; the batches are the same for any number
    minutes=None,  # stop after this long; the run can be resumed
    state=None,  # file for the training state
    resume=False,
    save_every=2_000,  # steps
):
    """Train `model` in place; yields a `Progress` each step, the averaged weights in its `model`.

    model: `model.loss(pictures, prompts, generator)`, see `Model`. data: `data(n, generator) ->
    (pictures (n, *), prompts)`. images: how many to train on in all. The randomness of step k comes
    from (seed, k) and the learning rate from the images seen, so a resumed run equals an
    uninterrupted one. A run whose generator is closed early saves its state too. Processes started
    by `torchrun` share each batch (see `distributed`); the first of them writes. ValueError for a
    run that cannot start; a missing `state` to resume raises FileNotFoundError.
    """
    if images < batch or batch < 1:
        raise ValueError(f"images must be at least one batch, {batch}, got {images}")
    if batch % distributed.size():
        raise ValueError(
            f"batch must be a multiple of the {distributed.size()} processes, got {batch}"
        )
    device = get_device(device)
    model.to(device, memory_format=torch.channels_last).train()
    average = AveragedModel(model, multi_avg_fn=warm_average(decay))
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)
    parts = {"model": model, "average": average, "optimizer": optimizer}
    plan = {"images": images, "batch": batch, "lr": lr, "seed": seed}
    first, started = restore(state, plan, parts) if resume else 0, time.monotonic()
    loss_of = distributed.objective(model)

    def save(step):
        if not state or distributed.rank():
            return
        Path(state).parent.mkdir(parents=True, exist_ok=True)
        here = {name: part.state_dict() for name, part in parts.items()}
        save_state(state, {"step": step, "plan": plan} | here)

    steps = range(first, images // batch)
    batches = prefetch(partial(batch_at, data, batch, seed), steps, workers)
    for step, drawn in zip(steps, batches):
        optimizer.param_groups[0]["lr"] = lr * learning_rate(step * batch, images, warmup)
        loss = one_step(model, loss_of, *drawn, optimizer, clip, device)
        average.update_parameters(model)
        done = step + 1
        late = minutes is not None and time.monotonic() - started > 60 * minutes
        late = distributed.any_rank(late)
        if done % save_every == 0 or done == steps.stop or late:
            save(done)
        try:
            yield Progress(done, done * batch, loss, average.module)
        except GeneratorExit:  # the caller stops here
            save(done)
            raise
        if late:
            return


def trained(name, model, data, images, batch=64, **settings):
    """`train` to its end, under a progress bar of that name; returns the averaged model."""
    steps = train(model, data, images, batch=batch, **settings)
    for progress in tqdm(steps, total=images // batch, desc=name, unit="step"):
        pass
    return progress.model


def restore(path, plan, parts):
    """Fill the parts of a run from its state file; returns the steps done. ValueError if foreign."""
    saved = load_state(path)
    try:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} is no training state of this model") from error
    for name, value in saved.get("plan", plan).items():
        if value != plan[name]:
            raise ValueError(f"{path} is of a run with {name} = {value}, got {name} = {plan[name]}")
    return saved["step"]


def batch_at(data, batch, seed, step):
    """What step `step` trains on: pictures, prompts, and the state its generator is left in."""
    generator = generator_at(seed, step)
    return *data(batch, generator), generator.get_state()


def one_step(model, loss_of, pictures, prompts, chance, optimizer, clip, device):
    """One batch through the loss and one step of the optimizer; returns the loss as a number."""
    generator = torch.Generator()
    generator.set_state(chance)
    with autocast(device):
        loss = loss_of(pictures.to(device), prompts, generator).mean()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return distributed.average(loss.item())


def learning_rate(seen, images, warmup):
    """The share of the full rate after `seen` images: a linear rise, then half a cosine to 0."""
    return min(1, (seen + 1) / warmup) * (1 + math.cos(math.pi * seen / images)) / 2


def warm_average(decay):
    """An average of the weights that forgets its first, bad ones quickly (as in TensorFlow's EMA)."""

    def update(averages, values, count):
        share = 1 - min(decay, (1 + float(count)) / (10 + float(count)))
        torch._foreach_lerp_(averages, values, share)

    return update
