"""Right answers in other styles than the solution's are right: in place, with loops, with helpers."""

import math

import pytest
import torch
import torch.nn.functional as F

from minidiff.course.exercises import all_exercises, grade
from minidiff.course.exercises.answers import plain

FUNCTIONS = [ex for ex in all_exercises() if not ex.is_value]


def _spoil(value):
    """What an answer that works in place may leave of its arguments."""
    if isinstance(value, torch.Tensor):
        value.zero_()
    elif isinstance(value, (list, tuple)):
        for part in value:
            _spoil(part)
    elif isinstance(value, dict):
        value.clear()
    if isinstance(value, list):
        value.clear()


@pytest.mark.parametrize("ex", FUNCTIONS, ids=lambda ex: ex.name)
def test_arguments_belong_to_one_call(ex):
    """What an answer does to its arguments reaches no other call."""

    def in_place(*args):
        made = plain(ex.solution(*args))
        _spoil(args)
        return made

    assert grade(ex.name, in_place).status == "correct"


@pytest.mark.parametrize("ex", FUNCTIONS, ids=lambda ex: ex.name)
def test_numbers_come_as_tensors_or_floats(ex):
    """Numpy's arrays, a tensor for a number, a tuple for a list: what is right stays right."""

    def other_types(value):
        if isinstance(value, torch.Tensor):
            return value.numpy() if value.ndim else value.item()
        if isinstance(value, (bool, int, float)):
            return torch.tensor(value)
        return tuple(map(other_types, value)) if isinstance(value, (list, tuple)) else value

    assert grade(ex.name, lambda *args: other_types(ex.solution(*args))).status == "correct"


def _sculpt(guess, x, steps):
    left = steps
    while left:
        x, left = x * (1 - 1 / left) + guess(x) / left, left - 1
    return x


def _sculpt_on(guess, x, steps):
    return x if steps == 0 else _sculpt_on(guess, torch.lerp(x, guess(x), 1 / steps), steps - 1)


def _time_by_trying(schedule, lam):
    t = torch.linspace(0, 1, 100_001)
    alpha, sigma = schedule(t)
    return t[((alpha / sigma).log() - lam).abs().nan_to_num(9e9).argmin()]


def _guess_by_loops(x, known, alpha, sigma):
    made = []
    for one in x:
        weights = [math.exp(-((one - alpha * k) ** 2).sum() / (2 * sigma**2)) for k in known]
        made.append(sum(w * k for w, k in zip(weights, known)) / sum(weights))
    return torch.stack(made)


def _floor_by_parts(std, alpha, sigma):
    share = alpha * std**2 / (alpha**2 * std**2 + sigma**2)
    return (1 - alpha * share) ** 2 * std**2 + (share * sigma) ** 2


def _share_by_softmax(x, means, stds, weights, alpha, sigma):
    variance = (alpha * stds).square() + sigma**2
    logits = weights.log() - (x[:, None] - alpha * means).square() / (2 * variance)
    return (logits - variance.log() / 2).softmax(1)[:, 0]


def _share_by_normal(x, means, stds, weights, alpha, sigma):
    joint = [
        w
        * torch.distributions.Normal(alpha * m, torch.hypot(alpha * s, torch.tensor(sigma)))
        .log_prob(x)
        .exp()
        for m, s, w in zip(means, stds, weights)
    ]
    return joint[0] / sum(joint)


def _weighted_by_points(net, schedule, x0, t, eps, most):
    alpha, sigma = schedule(t)
    weight = torch.minimum(sigma**-2, torch.tensor(float(most)))
    x = alpha.view(-1, 1) * x0 + sigma.view(-1, 1) * eps
    return (weight * F.mse_loss(net(x, t), x0, reduction="none").mean(1)).mean()


def _fresh_by_share(now, nxt):
    (alpha, sigma), (alpha_s, sigma_s) = now, nxt
    return sigma_s * math.sqrt(1 - (alpha / alpha_s * sigma_s / sigma) ** 2)


def _mean_by_x0(x, eps_hat, now, nxt):
    (alpha, sigma), (alpha_s, sigma_s) = now, nxt
    x0_hat, ratio = (x - sigma * eps_hat) / alpha, alpha / alpha_s
    on_x = ratio * sigma_s**2 / sigma**2
    return on_x * x + (alpha_s - on_x * alpha) * x0_hat


def _climbs_by_loop(rungs):
    climbing = [all(a < b for a, b in zip(column, column[1:])) for column in rungs.T.tolist()]
    return sum(climbing) / len(climbing)


def _small_by_each(sizes, labels, q):
    cuts = [sizes[labels == kind].quantile(q) for kind in labels]
    return sizes <= torch.stack(cuts)


def _carried_in_place(said, hidden):
    for changed in hidden:
        changed -= said
    return torch.stack([changed.mean(0) / said.var(0).sqrt() for changed in hidden])


def _listening_by_exp(query, key, volume):
    made = (
        torch.exp(torch.einsum("...pd,...ld->...pl", query, key) * query.shape[-1] ** -0.5) * volume
    )
    return made / made.sum(-1, keepdim=True)


def _listening_by_log(query, key, volume):
    scores = query @ key.transpose(-1, -2) / math.sqrt(key.shape[-1])
    return (scores + volume.log()).softmax(-1)


def _calls_by_loop(ts, low, high):
    calls = 0
    for t in ts.tolist()[:-1]:
        calls += 2 if float(low) <= t <= float(high) else 1
    return calls


def _composed_in_place(null, conds, ws):
    total = null.clone()
    for cond, w in zip(conds, ws):
        total += w * (cond - null)
    return total


def _chosen_by_loop(ws, obeyed, recalls, least):
    best = None
    for k, w in enumerate(ws):
        if recalls[k] >= least and (best is None or obeyed[k] > obeyed[best]):
            best = k
    return ws[best]


def _spread_by_loop(guided, plain, share):
    pairs = zip(guided, plain)
    return torch.tensor([share * (p.std() / g.std()) + 1 - share for g, p in pairs])


def _view_backwards(layers):
    seen = 1
    for kernel, stride in reversed(layers):
        seen = (seen - 1) * stride + kernel
    return seen


def _pasted_in_place(x0, onto, top, left, side):
    r, c, n = top // 4, left // 4, side // 4
    onto[..., r : r + n, c : c + n] = x0[..., r : r + n, c : c + n]
    return onto


def _pairs_by_loop(prompts, noise):
    made = [(prompt, eps) for prompt in prompts for eps in noise]
    return [prompt for prompt, _ in made], torch.stack([eps for _, eps in made])


def _guided_by_index(denoiser, x, t, cond, null, w):
    tokens, mask = torch.cat([cond[0], null[0]]), torch.cat([cond[1], null[1]])
    answer, n = denoiser(torch.cat((x, x), 0), t, tokens, mask), len(x)
    return torch.lerp(answer[n:], answer[:n], w)


def _folded_by_pool(mask, fold):
    return F.max_pool2d(mask[None].float(), fold)[0]


def _up_by_eps(denoise, schedule, x, s, t):
    alpha_s, sigma_s = schedule(s)
    alpha, sigma = schedule(t)
    point, time = x, s
    for _ in range(2):
        x0_hat = denoise(point, time)
        point, time = alpha * x0_hat + sigma * ((x - alpha_s * x0_hat) / sigma_s), t
    return point


def _centre_by_loop(clip):
    made = []
    for frame in clip:
        y, x = torch.meshgrid(*map(torch.arange, frame.shape), indexing="ij")
        made.append([(frame * x).sum() / frame.sum(), (frame * y).sum() / frame.sum()])
    return torch.tensor(made)


def _patches_by_loop(clip, f, h, w):
    _, F_, H, W = clip.shape
    corners = [(k, i, j) for k in range(0, F_, f) for i in range(0, H, h) for j in range(0, W, w)]
    return torch.stack([clip[:, k : k + f, i : i + h, j : j + w].flatten() for k, i, j in corners])


def _between_by_frames(frames, height, width):
    number = torch.arange(frames)[:, None, None]
    return ((number > 0) & (number < frames - 1)).expand(-1, height, width)


def _windows_by_count(total, length, kept):
    new = length - kept
    return [k * new for k in range(max(math.ceil((total - length) / new), 0) + 1)]


def _euler_by_pool(ink):
    dots = ink.float()
    beside, above = dots[..., 1:] * dots[..., :-1], dots[:, 1:] * dots[:, :-1]
    squares = above[..., 1:] * above[..., :-1]
    return sum(
        s * part.sum((-2, -1)) for s, part in ((1, dots), (-1, beside), (-1, above), (1, squares))
    )


def _copied_by_sort(made, training, ratio):
    apart = torch.cdist(made, training.unique(dim=0)).sort(1).values
    return apart[:, 0] / apart[:, 1] <= ratio


def _share_by_sigmoid(p, q, w):
    odds = [math.log(share / (1 - share)) for share in (p, q)]
    return 1 / (1 + math.exp(-(w * odds[0] + (1 - w) * odds[1])))


def _detour_by_loop(path):
    long = sum(torch.linalg.norm(b - a, dim=1) for a, b in zip(path, path[1:]))
    return long / torch.linalg.norm(path[-1] - path[0], dim=1) - 1


def _jumps_as_list(denoise, schedule, x, ts, noise):
    made = []
    for k in range(len(ts) - 1):
        guess, (alpha, sigma) = denoise(x, ts[k]), schedule(ts[k + 1])
        x = guess if ts[k + 1] == 0 else alpha * guess + sigma * noise(guess)
        made.append(x)
    return made


def _neighbours_by_hand(x0, eps, t, s):
    levels = [(torch.cos(math.pi / 2 * u), torch.sin(math.pi / 2 * u)) for u in (t, s)]
    return [a[:, None] * x0 + b[:, None] * eps for a, b in levels]


OTHERS = {
    "00.5": [_sculpt, _sculpt_on],
    "01.2": [
        lambda x0, eps, ab: x0.mul_(ab.sqrt()).add_((1 - ab).sqrt() * eps),
        lambda x0, eps, ab: math.sqrt(ab) * x0 + math.sqrt(1 - ab) * eps,
        lambda x0, eps, ab: torch.sqrt(ab) * x0 + torch.sqrt(1 - ab) * eps,
    ],
    "01.3": [_time_by_trying],
    "01.4": [_guess_by_loops],
    "01.5": [
        lambda schedule, x, s, t, eps: (r := schedule(t)[0] / schedule(s)[0]) * x
        + math.sqrt(schedule(t)[1] ** 2 - r**2 * schedule(s)[1] ** 2) * eps
    ],
    "02.1": [lambda x, v, angle: torch.cos(angle) * x + math.sin(angle) * v],
    "02.3": [
        lambda a, b, alpha, sigma: (alpha / sigma * b - a).square(),
        lambda a, b, alpha, sigma: 1 / (sigma / (sigma * a - alpha * b)) ** 2,
    ],
    "02.4": [
        _floor_by_parts,
        lambda std, alpha, sigma: std**2 - alpha**2 * std**4 / (alpha**2 * std**2 + sigma**2),
    ],
    "02.5": [_share_by_softmax, _share_by_normal],
    "02.6": [_weighted_by_points],
    "03.2": [lambda t, T: (int(T * t + 0.5), int(T * t + 0.5) - 1)],
    "03.3": [_fresh_by_share],
    "03.4": [_mean_by_x0],
    "04.3": [
        lambda error, error_twice: torch.log2(error / error_twice),
        lambda error, error_twice: (math.log(error) - math.log(error_twice)) / math.log(2),
    ],
    "04.5": [lambda n, top, bottom, rho: torch.tensor(
        [*torch.linspace(top ** (1 / rho), bottom ** (1 / rho), n) ** rho, 0.0])],
    "06.2": [
        _climbs_by_loop,
        lambda rungs: (rungs[1:] > rungs[:-1]).min(0)[0].double().mean(),
    ],
    "06.3": [_small_by_each],
    "06.4": [
        _carried_in_place,
        lambda said, hidden: (hidden.mean(1) - said.mean(0)) / said.std(0),
    ],
    "06.5": [_listening_by_exp, _listening_by_log],
    "07.1": [
        lambda cond, null, w: w * cond + (1 - w) * null,
        lambda cond, null, w: torch.lerp(null, cond, w),
        lambda cond, null, w: null.add_(w * (cond - null)),
    ],
    "07.2": [
        lambda cond, null, guided: torch.stack(
            [(g - n).mul(c - n).sum() / (c - n).square().sum() for c, n, g in zip(cond, null, guided)]
        ),
    ],
    "07.3": [
        lambda null, conds, ws: (1 - sum(ws)) * null + sum(w * c for c, w in zip(conds, ws)),
        _composed_in_place,
    ],
    "07.4": [_calls_by_loop],
    "07.5": [_spread_by_loop],
    "07.6": [_chosen_by_loop],
    "08.2": [lambda t, schedule: 1 / (schedule(t)[0] / schedule(t)[1])],
    "08.3": [_pasted_in_place],
    "08.4": [
        lambda harm, price: torch.sqrt(price / (2 * harm + price)),
        lambda harm, price: 1 / (1 + 2 * harm / price).sqrt(),
    ],
    "08.5": [_view_backwards],
    "09.2": [_pairs_by_loop],
    "09.3": [
        lambda p, q, n: math.sqrt(n * (p - q) ** 2 / (p * (1 - p) + q * (1 - q))),
        lambda p, q, n: torch.abs(p - q) / torch.sqrt((p - p**2) / n + (q - q**2) / n),
    ],
    "09.4": [lambda even, late, share: torch.lerp(even, late, share)],
    "09.5": [_guided_by_index],
    "10.4": [lambda x0_hat, known, share: known + share * (x0_hat - known)],
    "10.5": [_folded_by_pool],
    "10.6": [lambda a, b: a.add_(b).mul_(math.sqrt(0.5))],
    "10.7": [_up_by_eps],
    "11.1": [_centre_by_loop],
    "11.2": [_patches_by_loop],
    "11.3": [_between_by_frames],
    "11.4": [
        lambda noise, common, share: math.sqrt(share) * common + math.sqrt(1 - share) * noise,
        lambda noise, common, share: torch.sqrt(share) * common + torch.sqrt(1 - share) * noise,
    ],
    "11.5": [_windows_by_count],
    "12.3": [_euler_by_pool],
    "12.4": [_copied_by_sort],
    "12.5": [
        _share_by_sigmoid,
        lambda p, q, w: torch.sigmoid(w * torch.logit(p) + (1 - w) * torch.logit(q)),
    ],
    "13.1": [_detour_by_loop],
    "13.2": [lambda noise, end, t: (torch.lerp(end, noise, t.view(-1, 1)), noise.sub_(end))],
    "13.3": [_jumps_as_list],
    "13.4": [_neighbours_by_hand],
    "13.5": [
        lambda weight, up, down: weight.add_((up @ down).reshape(weight.shape)),
        lambda weight, up, down: weight + torch.einsum("or,ri->oi", up, down).unflatten(1, (-1, 3, 3)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_another_right_answer(name):
    for answer in OTHERS[name]:
        result = grade(name, answer)
        assert result.status == "correct", (answer.__name__, result.message)


@pytest.mark.parametrize("ex", FUNCTIONS, ids=lambda ex: ex.name)
def test_a_forgotten_return_is_told_as_such(ex):
    result = grade(ex.name, lambda *args: print(ex.solution(*args)))
    assert "`return`" in result.message
