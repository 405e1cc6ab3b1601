"""The training loop, as a generator: watching, stopping and drawing progress are the caller's."""

import json
import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from tqdm.auto import tqdm

from ..errors import UserError, shown
from ..sampling import generator_at
from ..threads import considerate
from . import distributed
from .checkpoints import load_state, save_state
from .devices import autocast, get_device
from .ema import Average
from .optimizers import adamw
from .prefetch import prefetch
from .resume import restore


@dataclass
class Progress:
    """Where a run stands: steps and images so far, the averaged model, the step's loss."""

    step: int
    images: int
    model: torch.nn.Module
    value: torch.Tensor  # the loss where it was computed: reading it makes a GPU wait

    @property
    def loss(self):
        """The loss of the step as a number."""
        return float(self.value)


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
    loss=None,  # default: that of the model
    optimizer=adamw,  # from model and learning rate to one optimizer or a tuple of them
    prepare=None,  # called with the model on its device, such as `channels_last`
    accumulate=1,  # equal parts in which a batch is computed, for less memory
    bf16=False,  # forward passes in bfloat16
    device=None,  # default: where the model is
    workers=0,  # processes that draw the data ahead; the batches are the same for any number
    minutes=None,  # stop after this long; the run can be resumed
    state=None,  # file for the training state
    resume=False,
    save_every=2_000,  # steps
    plan=None,  # more that a resumed run must agree in, by name, such as its recipe
):
    """Train `model` in place; yields a `Progress` each step, the averaged weights in its `model`.

    data: `data(n, generator) -> batch`, a tuple of tensors (n, *) and lists of n. images: how many
    to train on in all, in whole batches. loss: `loss(batch, generator, step, average) -> (n,)`, or a
    number; `average` is the averaged model before the step. With several optimizers it returns one
    such loss for each, which moves the weights of that one alone, or one for all.

    The randomness of step k comes from (seed, k) and the learning rate from the images seen, so a
    resumed run equals an uninterrupted one, and a finished one yields its last `Progress` again. A
    run whose generator is closed early saves its state too. Processes started by `torchrun` share
    each batch (see `distributed`); the first of them writes. UserError for a run that cannot start,
    a state of another run, and a loss that is no number; a missing `state` to resume raises
    FileNotFoundError.
    """
    parts = distributed.size() * accumulate
    if images < batch or batch < 1:
        raise UserError(f"images must be at least one batch, {batch}, got {images}")
    if batch % parts:
        what = "processes" if accumulate == 1 else "processes times accumulate"
        raise UserError(f"batch must be a multiple of the {parts} {what}, got {batch}")
    if device:
        model.to(get_device(device))
    device = next(model.parameters()).device
    model.train()
    if prepare:
        prepare(model)
    distributed.copy_first(model)
    average, optimizers = Average(model, decay), in_tuple(optimizer(model, lr))
    objective, stream = (loss, data) if loss else of_model(model, data, parts)
    settings = dict(images=images, batch=batch, lr=lr, warmup=warmup, decay=decay, clip=clip)
    settings |= dict(seed=seed, accumulate=accumulate, bf16=bf16) | (plan or {})
    settings["optimizers"] = [[type(each).__name__, each.defaults] for each in optimizers]
    settings = json.loads(json.dumps(settings, default=str))  # as they come back from a file
    for group in groups(optimizers):
        group["initial_lr"] = group["lr"]
    first, value = 0, torch.tensor(math.nan)
    if resume:
        saved = load_state(state)
        first, value = restore(saved, shown(state), settings, model, average, optimizers)
    started, unread = time.monotonic(), []

    def save(done):
        check(unread, done, state)
        if state and not distributed.rank():
            Path(state).parent.mkdir(parents=True, exist_ok=True)
            now = {"step": done, "plan": settings, "loss": float(value)}
            now |= {"model": model.state_dict(), "average": average.learned}
            save_state(state, now | {"optimizers": [each.state_dict() for each in optimizers]})

    steps = range(first, images // batch)
    if not steps:
        yield Progress(first, first * batch, average.model, value)
    pin = device.type == "cuda"
    batches = prefetch(partial(batch_at, stream, batch, seed), steps, workers, pin)
    for step, drawn in zip(steps, batches):
        for group in groups(optimizers):
            group["lr"] = group["initial_lr"] * learning_rate(step * batch, images, warmup)
        pieces = in_parts(drawn, accumulate, device, seed, step)

        def losses(piece, generator):
            with autocast(device, bf16):
                return in_tuple(objective(piece, generator, step, average.model))

        value, norm = one_step(losses, pieces, optimizers, clip, parts)
        average.update(model, step)
        considerate()
        done = step + 1
        unread.append(torch.stack([value, norm]))
        if device.type == "cpu" or len(unread) == 50:
            check(unread, done, state)
        late = minutes is not None and time.monotonic() - started > 60 * minutes
        late = minutes is not None and distributed.any_rank(late)
        if done % save_every == 0 or done == steps.stop or late:
            save(done)
        try:
            yield Progress(done, done * batch, average.model, value)
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


def of_model(model, data, parts):
    """A model's own loss, and the stream for it.

    A model that can draw a loss's randomness apart (`draw_noise`, `loss_at`) draws it with the whole batch,
    so that the losses of a batch computed in parts are those of the whole.
    """
    if parts == 1 or not hasattr(model, "draw_noise"):
        return lambda batch, generator, *_: model.loss(*batch, generator=generator), data

    def stream(n, generator):
        batch = data(n, generator)
        return *batch, *model.draw_noise(batch[0], generator)

    return lambda batch, *_: model.loss_at(*batch), stream


def batch_at(data, batch, seed, step):
    """What step `step` trains on, and at last the state that its generator is left in."""
    generator = generator_at(seed, step)
    return *data(batch, generator), generator.get_state()


def in_parts(drawn, accumulate, device, seed, step):
    """This process's parts of what `batch_at` drew, each with a generator of its own."""
    *batch, chance = drawn
    parts = distributed.size() * accumulate
    for part in range(distributed.rank() * accumulate, (distributed.rank() + 1) * accumulate):
        piece = distributed.shard(batch, part, parts)
        piece = [x.to(device, non_blocking=True) if torch.is_tensor(x) else x for x in piece]
        generator = generator_at(seed, step, part) if parts > 1 else torch.Generator()
        yield piece, generator if parts > 1 else generator.set_state(chance)


def one_step(losses, pieces, optimizers, clip, parts):
    """Gradients of all pieces and one step of each optimizer; returns loss and norm of the gradient.

    losses: `losses(piece, generator)` -> a loss for each optimizer, or one. Nothing here waits for a
    GPU.
    """
    total = 0.0
    learned = [[p for group in o.param_groups for p in group["params"]] for o in optimizers]
    for optimizer in optimizers:
        optimizer.zero_grad()
    for piece in pieces:
        means = [each.float().mean() / parts for each in losses(*piece)]
        if len(means) not in (1, len(optimizers)):
            raise UserError(
                f"loss must give one loss, or one for each of {len(optimizers)} optimizers"
            )
        each = learned if len(means) > 1 else [sum(learned, [])]
        for number, (mean, own) in enumerate(zip(means, each), start=1):
            mean.backward(inputs=own, retain_graph=number < len(means))
        total = total + sum(means).detach()
    everything = sum(learned, [])
    total = distributed.add_up(everything, total)
    norm = torch.nn.utils.clip_grad_norm_(everything, clip)
    for optimizer in optimizers:
        optimizer.step()
    return total, norm


def check(unread, done, state):
    """UserError if a loss or a gradient of the last steps is no number; `done` steps are done.

    Emptied here, `unread` holds (loss, norm of the gradient) of the steps not looked at before.
    """
    if not unread:
        return
    for step, values in enumerate(torch.stack(unread).tolist(), start=done + 1 - len(unread)):
        if not all(map(math.isfinite, values)):
            what = "gradient" if math.isfinite(values[0]) else "loss"
            kept = f"; {shown(state)} holds the last good state, if any" if state else ""
            raise UserError(f"the {what} of step {step} is no number: lower lr or clip{kept}")
    unread.clear()


def learning_rate(seen, images, warmup):
    """The share of the full rate after `seen` images: a linear rise, then half a cosine to 0."""
    return min(1, (seen + 1) / warmup) * (1 + math.cos(math.pi * seen / images)) / 2


def groups(optimizers):
    return [group for optimizer in optimizers for group in optimizer.param_groups]


def in_tuple(value):
    return value if isinstance(value, tuple) else (value,)
