"""The clinic's tools: each examines a library, healthy or not, and returns its findings as sentences.

A healthy library gives no finding. A tool knows what must come out, and nothing of how it is made:
it takes `lib`, the library or a copy from `clinic.library`, and uses it as anybody does.
"""

from importlib import import_module

import torch
from torch import nn

from minidiff.data import mnist, points, scenes
from minidiff.denoiser import append_dims


def room(lib, name):
    """A room of that library, such as "recipes.digits"."""
    return import_module(f"{lib.__name__}.{name}")


def digits(n):
    """The first n test digits (n, 1, 28, 28) in 0..1, and their labels."""
    pictures, labels = mnist.load("test")
    return pictures[:n] / 255, labels[:n].tolist()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gate(lib):
    """What goes in, as the network sees it, and whether it comes out again.

    Returns the lowest and the highest x0 of digits, the share of empty captions in a batch of a
    thousand, and the root mean squared error of digits and of scenes after encode and decode.
    """
    pixels, codec = lib.Pixels(), lib.load("scenes").codec
    pictures, painted = digits(64)[0], scenes.any_scenes(4, generator())[0]
    x0 = pixels.encode(pictures)
    data = room(lib, "recipes.digits").labelled(torch.zeros(10, 2), torch.arange(10))
    empty = data(1000, generator())[1].count(None) / 1000
    errors = [
        (each.decode(each.encode(p)) - p).square().mean().sqrt().item()
        for each, p in ((pixels, pictures), (codec, painted))
    ]
    return x0.min().item(), x0.max().item(), empty, *errors


class Phantom(nn.Module):
    """A perfect network: x0 is drawn from N(mean, std^2), and this is its best guess, exactly.

    Its mean is its condition, so that a prompt to it is a number.
    """

    def __init__(self, schedule, std=0.5):
        super().__init__()
        self.schedule, self.std = schedule, std

    def forward(self, x, t, mean):
        alpha, sigma = (append_dims(value, x) for value in self.schedule(torch.as_tensor(t)))
        share = alpha * self.std**2 / (alpha**2 * self.std**2 + sigma**2)
        return mean + share * (x - alpha * mean)


class Means(nn.Module):
    """The phantom's encoder: a prompt is the mean itself, and no prompt is 0."""

    null = None

    def forward(self, prompts):
        return (torch.tensor([[prompt or 0.0] for prompt in prompts]),)


def scanned(lib, schedule, sampler, w=1.0, n=500, steps=20):
    """Mean and standard deviation of n samples of the phantom, asked for the mean 1.

    They should be w and 0.5: guidance of two Gaussians of one width moves the mean, and no more.
    """
    model = lib.Model(Phantom(schedule), Means(), lib.Scaled(1.0), (1,), w=w, steps=steps)
    made = model([1.0] * n, sampler=sampler)
    return made.mean().item(), made.std().item()


def rough(model, error=0.03):
    """The model, its network wrong by `error` in every entry of its eps, as real ones are."""
    exact = model.denoiser.forward

    def forward(x, t, *cond):
        alpha, sigma = (append_dims(v, x) for v in model.denoiser.schedule(torch.as_tensor(t)))
        return exact(x, t, *cond) + sigma / alpha * error * torch.sin(100 * x)

    model.denoiser.forward = forward
    return model


def guesses(lib, model=None, labels=range(10)):
    """x0_hat of digits at every step, (steps, N, 1, 28, 28), in -1..1 if all is well."""
    model = model or lib.load("digits")
    ((_, steps),) = room(lib, "sampling").trajectories(model, list(labels))
    return torch.stack([x0_hat for _, x0_hat in steps])


def corners(pictures):
    """The four corners of pictures (..., 28, 28), 3 by 3 pixels each, where digits have no ink."""
    return torch.cat([pictures[..., rows, :] for rows in (slice(3), slice(-3, None))], -2)[
        ..., [0, 1, 2, -3, -2, -1]
    ]


def loss_by_t(denoiser, x0, cond=(), schedule=None, times=9):
    """The error of x0_hat at so many times from 0.1 to 0.9, (times,); x0 (N, *).

    schedule: with which x0 is noised; by default the denoiser's own, as in training.
    """
    schedule, losses = schedule or denoiser.schedule, []
    eps = torch.randn(x0.shape, generator=generator())
    for t in torch.linspace(0.1, 0.9, times):
        alpha, sigma = schedule(t)
        with torch.no_grad():
            x0_hat = denoiser(alpha * x0 + sigma * eps, t, *cond)
        losses.append((x0_hat - x0).square().mean())
    return torch.stack(losses)


def twice(lib):
    """`loss_by_t` of digits, noised as in training and as in sampling: the same, if all is well."""
    model, (pictures, labels) = lib.load("digits"), digits(32)
    x0, cond = 2 * pictures - 1, model.encoder(labels)
    ways = (model.denoiser.schedule, model.schedule)
    with torch.no_grad():
        return [loss_by_t(model.denoiser, x0, cond, way) for way in ways]


def moved_by_padding(lib, prompt="a thin three"):
    """How far other padding moves a guess, over how far another prompt does: 0 if all is well."""
    model = lib.load("digits-text")
    x, t = model.noise(1), torch.tensor(0.7)
    with torch.no_grad():
        (tokens, mask), other = model.encoder([prompt]), model.encoder(["a thick seven"])
        padded = torch.where(mask[..., None], tokens, 5.0)
        here, there, far = (
            model.denoiser(x, t, *cond) for cond in ((tokens, mask), (padded, mask), other)
        )
    return ((there - here).norm() / (far - here).norm()).item()


def by_heart(lib, steps=100, lr=2e-3):
    """The losses of so many steps on one batch, and how far the model handed over is from the trained.

    The distance is that of their weights, over how far training has moved them.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = lib.PointNet()
    model = lib.Model(lib.Denoiser(net, lib.cosine), lib.Unconditional(), lib.Scaled(1.0), (2,))
    x0 = points.swiss_roll(64, generator()) / 2
    t, eps = model.denoiser.draw_noise(x0.shape, generator())
    start, losses = weights(model), []
    for progress in lib.train(
        model,
        lambda n, generator: (x0,),
        64 * steps,
        lr=lr,
        warmup=1,
        loss=lambda batch, *_: model.denoiser.loss_at(batch[0], t, eps),
    ):
        losses.append(progress.loss)
        if progress.step == steps // 2:
            trained, handed = weights(model), weights(progress.model)
    return losses, ((handed - trained).norm() / (trained - start).norm()).item()


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def at_the_gate(lib):
    low, high, empty, digits_error, scenes_error = gate(lib)
    if low > -0.9 or high < 0.9:
        yield f"x0 of digits runs from {low:.0f} to {high:.0f}"
    if not 0.05 < empty < 0.15:
        yield f"{empty:.0%} of the captions are empty"
    for name, error in (("digits", digits_error), ("scenes", scenes_error)):
        if error > 0.05:
            yield f"{name} come back from the codec with an error of {error:.2f}"


def in_the_scanner(lib):
    for name, schedule, sampler, w in (
        ("2M with guidance", lib.cosine, lib.dpmpp_2m, 2.0),
        ("DDPM", lib.DDPM(), lib.ddpm, 1.0),
    ):
        mean, std = scanned(lib, schedule, sampler, w)
        if abs(mean - w) > 0.1 or not 0.35 < std < 0.55:
            yield f"{name}: mean {mean:.1f} for {w:.0f}, spread {std:.1f} for 0.5"


def along_the_way(lib):
    steps = guesses(lib, rough(lib.load("digits")))
    if steps.abs().max() > 1.001:
        yield f"x0_hat reaches {steps.abs().max():.0f}, and pixels end at 1"
    grain = corners(guesses(lib)[-1]).add(1).square().mean().sqrt()
    if grain > 0.1:
        yield f"empty corners of the last x0_hat are off by {grain:.1f}"


def at_each_time(lib):
    training, sampling = twice(lib)
    ratio = (sampling / training).log().abs().max().exp()
    if ratio > 1.05:
        yield f"noised as in sampling, the loss is up to {ratio:.1f} times that of training"


def under_the_mask(lib):
    moved = moved_by_padding(lib)
    if moved > 1e-3:
        yield f"padding moves a guess {moved:.1f} times as far as another prompt"


def on_one_batch(lib):
    losses, apart = by_heart(lib)
    if losses[-1] > 1e-3 * losses[0]:
        yield f"one batch is not learned by heart: loss {losses[-1]:.3f} after {len(losses)} steps"
    if apart == 0:
        yield "the model handed over has the last step's weights, no average"


TOOLS = {
    "what goes in": at_the_gate,
    "a known answer": in_the_scanner,
    "the guesses on the way": along_the_way,
    "loss by t": at_each_time,
    "what must not matter": under_the_mask,
    "one batch by heart": on_one_batch,
}


def findings(lib, tools=TOOLS):
    """What the tools find, {tool: [sentences]}, empty lists for a healthy library."""
    return {name: list(TOOLS[name](lib)) for name in tools}
