"""Students that need few steps, from teachers that need many."""

import torch

from ..denoiser import append_dims, noising
from ..errors import UserError
from ..samplers import ddim_step


def consistency(student, teacher, ts):
    """The loss of consistency distillation (Song et al. 2023, algorithm 2), for `train`.

    student, teacher: models of the same prompts, schedule and codec. ts: (n + 1,), the times between
    which the teacher takes steps of DDIM, data last. Its guidance, its own w, becomes a part of the
    student (Luo et al. 2023, section 4.2).

    What the student guesses at t is to be what its average guesses one step of the teacher later.
    At t = 0 a guess is x itself, for every target but x0, and that ties all others to the data. The
    error counts as one of the network's output v: in x0, divided by sigma. UserError for a teacher
    of another shape.
    """
    if teacher.shape != student.shape:
        raise UserError(
            f"teacher must paint x0 of its student's shape, {student.shape}, got {teacher.shape}"
        )
    schedule = student.schedule
    alphas, sigmas = schedule(ts)

    def loss(batch, generator, step, average):
        x0, prompts = student.codec.encode(batch[0]), batch[1]
        index = torch.randint(len(ts) - 1, (len(x0),), generator=generator)
        eps = torch.randn(x0.shape, generator=generator).to(x0)
        t, s = ts[index].to(x0.device), ts[index + 1].to(x0.device)
        now, nxt = ([append_dims(v[i], x0) for v in (alphas, sigmas)] for i in (index, index + 1))
        x = noising(schedule, x0, t, eps)
        with torch.no_grad():
            cond = student.encoder(prompts)
            x_s = ddim_step(x, teacher.prompted(prompts)(x, t), now, nxt)
            wanted = average.denoiser(x_s, s, *cond)
        guess = student.denoiser(x, t, *cond)
        return ((guess - wanted) / now[1]).square().flatten(1).mean(1)

    return loss
