"""Exercises of lesson 14: the clinic. Most start from code that is sick."""

import torch

from minidiff.course.exercises import exercise
from minidiff.data.points import eight_gaussians
from minidiff.schedules import cosine, flow, uniform_grid


def diagnosis():
    return "BFCE"


exercise(
    "14.1",
    level=1,
    solution=diagnosis,
    task="Four more patients, told in words. Name the illness of each with one letter, and answer with the "
    'four letters in a row, such as `"ABCD"`.\n\n'
    "1. With $w = 0$ the prompt is obeyed, with $w = 3$ anything but what it asks for comes.\n"
    "2. DDIM paints what it should. DDPM, with the same network, paints one and the same picture from every start.\n"
    "3. Ten steps leave grain, a hundred a little, a thousand hardly any. The training loss is as it was.\n"
    "4. The training loss is as it was. Of ten networks kept during the last hundred steps, some score twice as "
    "well as others.\n\n"
    "**A** data in 0..1 where -1..1 was meant, **B** a wrong sign in guidance, **C** a time off by one, **D** a mask "
    "forgotten, **E** EMA not used, **F** a seed reused.",
    hint="For each: what do the cases that go well not use? The second uses no noise on its way.",
    wrong={
        "BFCA": "the fourth: data in 0..1 makes every network's paper grey, and none twice as good.",
        "BFDE": "the third: a mask has nothing to do with the number of steps. What shrinks with a step?",
        "BCFE": "the second and the third: only DDPM draws noise on its way; only a step's length falls with steps.",
        "DFCE": "the first: without the mask, w = 0 would not obey the prompt. Which is w = 0 here?",
        "AFCE": "the first: the range of the data knows nothing of w.",
    },
)


def leak(denoise, x, t):
    """How far each sample's guess moves when it is guessed alone: the largest entry; x (B, ...), (B,)."""
    alone = torch.cat([denoise(one[None], t) for one in x])
    return (denoise(x, t) - alone).flatten(1).abs().amax(1)


def _with_its_sign(denoise, x, t):
    return (denoise(x, t) - torch.cat([denoise(one[None], t) for one in x])).flatten(1).amax(1)


def _on_average(denoise, x, t):
    alone = torch.cat([denoise(one[None], t) for one in x])
    return (denoise(x, t) - alone).flatten(1).abs().mean(1)


def _networks():
    a, b, c, d = torch.randn(4, 4, 3, 2, generator=torch.Generator().manual_seed(0))
    return [  # a healthy one; some that see the batch's mean, those behind, the next
        (lambda x, t: x / (1 + t), a, torch.tensor(0.5)),
        (lambda x, t: (x - x.mean(0)) / (1 + t), b[:3], torch.tensor(0.3)),
        (lambda x, t: x - x.square().flip(0).cumsum(0).flip(0), c, torch.tensor(0.9)),
        (lambda x, t: t * (x + x.roll(-1, 0).exp()), d[:2, 0], torch.tensor(0.2)),
    ]


exercise(
    "14.2",
    level=2,
    solution=leak,
    inputs=_networks,
    task="A tool of your own, of section 5's kind: the others in a batch must not matter. Write `leak`: guess all of `x` at "
    "once, then each sample alone; return for each the largest difference in any of its entries. **Then examine** the "
    'denoiser of `minidiff.load("points")` on `model.noise(100)` at $t = 0.5$, and the same one made ill: '
    "`lambda x, t: denoise(x - x.mean(0), t)`. What does your tool say of each, and why not quite 0 of the first?",
    hint="`one[None]` is a batch of one. A difference can be negative: take its size before the largest.",
    wrong={
        _with_its_sign: "a guess may move down as well: take the size of the difference (`abs`).",
        _on_average: "that is the mean over the entries; one that moves far must show.",
    },
)


def alpha_and_sigma(beta):
    """alpha and sigma of DDPM's entries 1 to T from beta (T,): two tensors (T,)."""
    alpha_bar = (1 - beta).cumprod(0)
    return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()


def _alpha_and_sigma_sick(beta):
    """alpha and sigma of DDPM's entries 1 to T from beta (T,): two tensors (T,)."""
    alpha_bar = 1 - beta
    return alpha_bar, 1 - alpha_bar


def _no_product(beta):
    return (1 - beta).sqrt(), beta.sqrt()


def _no_root(beta):
    alpha_bar = (1 - beta).cumprod(0)
    return alpha_bar, 1 - alpha_bar


def _root_of_one(beta):
    alpha_bar = (1 - beta).cumprod(0)
    return alpha_bar.sqrt(), 1 - alpha_bar


def _product_of_beta(beta):
    alpha_bar = beta.cumprod(0)
    return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()


def _betas():
    return [(torch.linspace(1e-4, 0.02, T, dtype=torch.float64),) for T in (1000, 50)] + [
        (torch.tensor([0.5, 0.1, 0.2]).double(),)
    ]


exercise(
    "14.3",
    level=2,
    solution=alpha_and_sigma,
    sick=_alpha_and_sigma_sick,
    inputs=_betas,
    task="Two illnesses in one: mend both. Then draw the sick pair and the mended one over the thousand entries of "
    "`torch.linspace(1e-4, 0.02, 1000)` with `viz.curve`: what is left of the picture at the end, in each?",
    hint="alpha_bar is a product over all entries so far, and alpha is its root.",
    wrong={
        _no_product: "the roots are there; alpha_bar is the product of all 1 - beta so far (`cumprod`).",
        _no_root: "the product is there; alpha and sigma are the roots of alpha_bar and 1 - alpha_bar.",
        _root_of_one: "alpha is right; sigma needs its root as well.",
        _product_of_beta: "the product is of 1 - beta, not of beta: an issue of a well-known sampler.",
    },
)


def step(weight, x, target, lr):
    """The weights (K,) after one step down the mean squared error of x @ weight; x (N, K), target (N,)."""
    weight = weight.clone().requires_grad_()
    loss = (x @ weight - target).square().mean()
    loss.backward()
    return (weight - lr * weight.grad).detach()


def _step_sick(weight, x, target, lr):
    """The weights (K,) after one step down the mean squared error of x @ weight; x (N, K), target (N,)."""
    weight = weight.clone().requires_grad_()
    loss = (x @ weight - target).square().mean()
    loss.backward(loss)
    return (weight + lr * weight.grad).detach()


def _still_times_loss(weight, x, target, lr):
    weight = weight.clone().requires_grad_()
    loss = (x @ weight - target).square().mean()
    loss.backward(loss)
    return (weight - lr * weight.grad).detach()


def _uphill(weight, x, target, lr):
    return 2 * weight - step(weight, x, target, lr)


def _slopes():
    generator = torch.Generator().manual_seed(1)
    return [
        (*(torch.randn(size, generator=generator) for size in sizes), lr)
        for sizes, lr in (((3, (6, 3), 6), 0.1), ((2, (4, 2), 4), 0.5))
    ]


exercise(
    "14.4",
    level=2,
    solution=step,
    sick=_step_sick,
    inputs=_slopes,
    task="One step of training by hand, with two illnesses. Mend both. Then mend the sign alone, take 100 steps with "
    "each from `torch.zeros(3)`, with `lr=0.1`, `x = torch.randn(64, 3)` and `target = x.sum(1)`, and draw the two losses with "
    "`viz.curve(..., logy=True)`. Do you know one of the lines?",
    hint="What `backward` is given multiplies the gradient. And which way is down?",
    wrong={
        _still_times_loss: "the sign is mended; the gradient is still multiplied by the loss.",
        _uphill: "the gradient is right now; down is against it.",
    },
)


def walk(denoise, schedule, x, ts):
    """DDIM: yields x after each step from t to s, over the decreasing times ts."""
    for t, s in zip(ts[:-1], ts[1:]):
        now, nxt = schedule(t), schedule(s)  # alpha and sigma of each
        x0_hat = denoise(x, t)
        eps_hat = (x - now[0] * x0_hat) / now[1]
        x = nxt[0] * x0_hat + nxt[1] * eps_hat
        yield x


def _walk_sick(denoise, schedule, x, ts):
    """DDIM: yields x after each step from t to s, over the decreasing times ts."""
    for t, s in zip(ts[:-1], ts[1:]):
        now, nxt = schedule(t), schedule(s)  # alpha and sigma of each
        x0_hat = denoise(x, s)
        eps_hat = (x - nxt[0] * x0_hat) / now[1]
        x = nxt[0] * x0_hat + nxt[1] * eps_hat
        yield x


def _told_s(denoise, schedule, x, ts):
    return walk(lambda x, t: denoise(x, ts[(ts == t).nonzero()[0, 0] + 1]), schedule, x, ts)


def _eps_of_s(denoise, schedule, x, ts):
    for t, s in zip(ts[:-1], ts[1:]):
        now, nxt = schedule(t), schedule(s)
        x0_hat = denoise(x, t)
        x = nxt[0] * x0_hat + nxt[1] * (x - nxt[0] * x0_hat) / now[1]
        yield x


def _stays_at_t(denoise, schedule, x, ts):
    for t in ts[:-1]:
        alpha, sigma = schedule(t)
        x0_hat = denoise(x, t)
        x = alpha * x0_hat + sigma * (x - alpha * x0_hat) / sigma
        yield x


def _starts():
    runs = []
    for schedule, steps, n in ((cosine, 3, 5), (cosine, 1, 2), (flow, 5, 1)):
        denoise, ts = eight_gaussians().denoiser(schedule), uniform_grid(steps)
        start = torch.randn(n, 2, generator=torch.Generator().manual_seed(steps))
        runs.append((denoise, schedule, schedule(ts[0])[1] * start, ts))
    return runs


exercise(
    "14.5",
    level=3,
    solution=walk,
    sick=_walk_sick,
    inputs=_starts,
    task="A DDIM sampler with two illnesses. Mend both. Then walk the shipped model `points` with the sick and "
    "the mended one (20 steps, 1,000 points) and look at the two clouds with `viz.points`.",
    hint="Where does x stand when the guess is made? Whatever belongs to that place is of t, or `now`.",
    wrong={
        _told_s: "eps_hat is right now; the network is still told the time of the next place.",
        _eps_of_s: "the time is right now; x is made of alpha x0_hat and sigma eps_hat, both of the time t.",
        _stays_at_t: "x must come to the time s: nxt, not now, in the last line.",
    },
)


def heard(query, key, value, mask):
    """What the queries (Q, D) hear from L tokens, key and value (L, D), mask (L,): (Q, D)."""
    scores = query @ key.T / query.shape[1] ** 0.5
    return scores.masked_fill(~mask, -torch.inf).softmax(1) @ value


def _heard_sick(query, key, value, mask):
    """What the queries (Q, D) hear from L tokens, key and value (L, D), mask (L,): (Q, D)."""
    scores = query @ key.T / query.shape[1] ** 0.5
    return (scores.softmax(1) * mask) @ value


def _no_mask(query, key, value, mask):
    return (query @ key.T / query.shape[1] ** 0.5).softmax(1) @ value


def _scores_times_mask(query, key, value, mask):
    return (query @ key.T / query.shape[1] ** 0.5 * mask).softmax(1) @ value


def _hides_the_words(query, key, value, mask):
    return heard(query, key, value, ~mask)


def _heads():
    generator = torch.Generator().manual_seed(2)
    masks = torch.tensor([[1, 1, 1, 0, 0], [1, 0, 0, 0, 1]]).bool()
    return [
        (torch.randn(4, 3, generator=generator), *torch.randn(2, 5, 3, generator=generator), mask)
        for mask in masks
    ]


exercise(
    "14.6",
    level=3,
    solution=heard,
    sick=_heard_sick,
    inputs=_heads,
    task="Attention with a mask that comes too late. Padding is not heard, and yet something is wrong: "
    "examine how the shares of a query sum up. Mend it.",
    hint="The shares of the words alone are to sum to 1, so padding must be gone before `softmax`.",
    wrong={
        _no_mask: "now the padding is heard: the mask has to stay, and to come earlier.",
        _scores_times_mask: "a score of 0 is no silence: exp(0) is 1. It takes minus infinity.",
        _hides_the_words: "the mask is True on the words: hide the others.",
    },
)
