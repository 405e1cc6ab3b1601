"""The training loop, as a generator: watching, stopping and drawing progress are the caller's."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from .checkpoints import load_state, save_state
from .devices import autocast, pick


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
    minutes=None,  # stop after this long; the run can be resumed
    state=None,  # file for the training state
    resume=False,
    save_every=2_000,  # steps
):
    """Train `model` in place; yields a `Progress` each step, the averaged weights in its `model`.

    model: `model.loss(pictures, prompts, generator)`, see `Model`. data: `data(n, generator) ->
    (pictures (n, *), prompts)`. images: how many to train on in all. The randomness of step k comes
    from (seed, k) and the learning rate from the images seen, so a resumed run equals an
    uninterrupted one. A run whose generator is closed early saves its state too. ValueError for a
    run that cannot start; a missing `state` to resume raises FileNotFoundError.
    """
    if images < batch or batch < 1:
        raise ValueError(f"images must be at least one batch, {batch}, got {images}")
    device = pick(device)
    model.to(device, memory_format=torch.channels_last).train()
    average = AveragedModel(model, multi_avg_fn=warm_average(decay))
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)
    parts = {"model": model, "average": average, "optimizer": optimizer}
    plan = {"images": images, "batch": batch, "lr": lr, "seed": seed}
    first, started = restore(state, plan, parts) if resume else 0, time.monotonic()

    def save(step):
        Path(state).parent.mkdir(parents=True, exist_ok=True)
        here = {name: part.state_dict() for name, part in parts.items()}
        save_state(state, {"step": step, "plan": plan} | here)

    steps = images // batch
    for step in range(first, steps):
        optimizer.param_groups[0]["lr"] = lr * learning_rate(step * batch, images, warmup)
        loss = one_step(model, data, batch, generator_at(seed, step), optimizer, clip, device)
        average.update_parameters(model)
        done = step + 1
        late = minutes is not None and time.monotonic() - started > 60 * minutes
        if state and (done % save_every == 0 or done == steps or late):
            save(done)
        try:
            yield Progress(done, done * batch, loss, average.module)
        except GeneratorExit:  # the caller stops here
            if state:
                save(done)
            raise
        if late:
            return


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


def one_step(model, data, batch, generator, optimizer, clip, device):
    """One batch through the loss and one step of the optimizer; returns the loss as a number."""
    pictures, prompts = data(batch, generator)
    with autocast(device):
        loss = model.loss(pictures.to(device), prompts, generator)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return loss.item()


def learning_rate(seen, images, warmup):
    """The share of the full rate after `seen` images: a linear rise, then half a cosine to 0."""
    return min(1, (seen + 1) / warmup) * (1 + math.cos(math.pi * seen / images)) / 2


def warm_average(decay):
    """An average of the weights that forgets its first, bad ones quickly (as in TensorFlow's EMA)."""

    def update(averages, values, count):
        share = 1 - min(decay, (1 + float(count)) / (10 + float(count)))
        torch._foreach_lerp_(averages, values, share)

    return update


def generator_at(seed, step):
    """A generator of its own for each (seed, step); SeedSequence mixes the two numbers."""
    word = np.random.SeedSequence([seed, step]).generate_state(1)[0]
    return torch.Generator().manual_seed(int(word))
