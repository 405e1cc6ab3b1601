"""On a GPU: every precision, the CPU's pictures, and the user's random state left alone."""

from functools import partial

import pytest
import torch

import minidiff
from minidiff import ddim, ddpm

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
PROMPTS = {"digits": [3, None], "scenes": ["a red fox in snow"] * 2, "points": 2}
WALKS = {"own": None, "ddpm": ddpm, "eta 1": partial(ddim, eta=1.0)}
NEAR = {torch.float32: 2e-3, torch.float64: 2e-3, torch.float16: 0.05, torch.bfloat16: 0.2}


@pytest.mark.parametrize("dtype", NEAR, ids=str)
@pytest.mark.parametrize("sampler", WALKS)
@pytest.mark.parametrize("name", PROMPTS)
def test_a_gpu_paints_what_the_cpu_does(name, sampler, dtype):
    model, prompts = minidiff.load(name), PROMPTS[name]
    walk = dict(steps=10, sampler=WALKS[sampler])
    wanted = model(prompts, seed=4, **walk)
    model.to("cuda", dtype)
    torch.cuda.manual_seed(3)
    before = torch.cuda.get_rng_state()
    made = model(prompts, seed=4, **walk)
    assert made.is_cuda and torch.equal(torch.cuda.get_rng_state(), before)
    assert (made.cpu().float() - wanted).abs().mean() < NEAR[dtype]
    alone = model(1 if isinstance(prompts, int) else prompts[1:], seed=5, **walk)
    assert (alone[0] - made[1]).abs().mean() < NEAR[dtype]
