"""The bridge: diffusers' pipelines and ours give the same pictures, step by step, both ways."""

import subprocess
import sys
from functools import partial

import pytest
import torch
from diffusers import (
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    UNet2DModel,
)
from tiny_pipelines import (
    LEADING,
    PIPELINES,
    SCALED,
    SCHEDULERS,
    ZERO_SNR,
    both_ways,
    differences,
    quiet,
    stable_diffusion,
    stable_diffusion_xl,
    unconditional,
    unet,
)

import minidiff
from minidiff.bridge import from_diffusers, load_pipeline, to_diffusers
from minidiff.bridge.parts import Table
from minidiff.editing import fill, image_to_image, invert
from minidiff.guidance import given
from minidiff.samplers import ddim, ddpm, last, noise_from
from minidiff.schedules import DDPM, flow, uniform_grid

SHORT = dict(num_train_timesteps=100, timestep_spacing="trailing", clip_sample=False)


@pytest.mark.parametrize("way", SCHEDULERS)
@pytest.mark.parametrize("settings", [LEADING, ZERO_SNR], ids=["eps, leading", "v, zero SNR"])
@pytest.mark.parametrize("name", PIPELINES)
def test_equal_to_its_pipeline_step_by_step(name, settings, way):
    theirs, ours = both_ways(PIPELINES[name](way, settings), 5)
    assert len(theirs[0]) == len(ours[0]) == 5
    assert max(differences(theirs, ours)) < 1e-5
    assert 0.05 < theirs[1].std() < 0.6  # pictures, not one grey


@pytest.mark.parametrize("way", SCHEDULERS)
@pytest.mark.parametrize("kind", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_every_target_and_spacing_of_a_short_table(kind, spacing, way):
    settings = SHORT | dict(prediction_type=kind, timestep_spacing=spacing)
    theirs, ours = both_ways(unconditional(way, settings), 10)
    assert max(differences(theirs, ours)) < 1e-5


@pytest.mark.parametrize("build", [stable_diffusion, stable_diffusion_xl])
def test_a_negative_prompt_and_a_picture_that_is_no_square(build):
    plain, _ = both_ways(build(), 5, shape=(4, 8, 12))
    theirs, ours = both_ways(build(), 5, negative="dog", shape=(4, 8, 12))
    assert theirs[1].shape == (2, 3, 16, 24)
    assert max(differences(theirs, ours)) < 1e-5 < min(differences(plain, theirs))


def test_latents_with_mean_and_spread():
    pipeline = stable_diffusion_xl()
    before = both_ways(pipeline, 5)[0]
    pipeline.vae.register_to_config(
        latents_mean=[0.5, -1.0, 2.0, 0.0], latents_std=[2.0, 1.0, 0.5, 3.0]
    )
    theirs, ours = both_ways(pipeline, 5)
    assert max(differences(theirs, ours)) < 1e-5 < differences(before, theirs)[1]


def test_pictures_are_encoded_as_the_pipelines_do():
    pipeline, pictures = stable_diffusion(), torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        wanted = pipeline.vae.encode(pipeline.image_processor.preprocess(pictures)).latent_dist.mean
    x0 = from_diffusers(pipeline).codec.encode(pictures)
    torch.testing.assert_close(x0, pipeline.vae.config.scaling_factor * wanted)


def test_clipping_is_that_of_the_scheduler():
    """Theirs keeps to eps as the network gave it, unless told to go by the clipped x0 as ours does."""
    settings = SHORT | dict(clip_sample=True, clip_sample_range=0.5)
    assert max(differences(*both_ways(unconditional("ddpm", settings), 5))) < 1e-5
    pipeline = unconditional("ddim", settings)
    model = from_diffusers(pipeline)
    assert model.range == (-0.5, 0.5) and from_diffusers(unconditional()).range is None
    pipeline = quiet(DDIMPipeline(pipeline.unet, pipeline.scheduler))
    way = dict(batch_size=2, num_inference_steps=5, output_type="pt")
    theirs = pipeline(**way, use_clipped_model_output=True, generator=seeded()).images
    x = noise_from(seeded())(torch.empty(2, *model.shape))
    ours = model.codec.decode(last(ddim(model.prompted(2), model.schedule, x, model.grid(5))))
    assert (ours - theirs).abs().max() < 1e-5


def test_other_schedulers_walk_with_ddim():
    """Euler's steps are DDIM's, in another unit."""
    pipeline = stable_diffusion()
    pipeline.scheduler = EulerDiscreteScheduler(**SCALED, timestep_spacing="leading")
    model = from_diffusers(pipeline)
    assert model.sampler is ddim and model.grid(5)[-1] == 0
    theirs, ours = both_ways(pipeline, 5)
    assert (theirs[1] - ours[1]).abs().max() < 1e-5


def test_grids():
    """The times of each spacing; Stable Diffusion's end one index before the data."""
    sd = from_diffusers(stable_diffusion())
    assert (1000 * sd.grid(4)).round().tolist() == [752, 502, 252, 2, 1]
    still = from_diffusers(unconditional("ddim", LEADING | dict(steps_offset=0)))
    assert (1000 * still.grid(4)).round().tolist() == [751, 501, 251, 1]
    torch.testing.assert_close(
        from_diffusers(unconditional("ddim", SHORT)).grid(10), uniform_grid(10)
    )
    with pytest.raises(ValueError, match="steps must be at most 100 for this pipeline, got 101"):
        from_diffusers(unconditional("ddim", SHORT)).grid(101)


def test_table():
    """Equal to DDPM at its entries; between them finite, too, where the last entry is 0."""
    ours = DDPM()
    table = Table(ours.alpha_bar[1:])
    t = torch.arange(1001).double() / 1000
    for a, b in zip(table(t), ours(t)):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
    alpha, sigma = Table(torch.tensor([0.9, 0.5, 0.0]))(torch.tensor([0.0, 1 / 3, 0.9, 1.0]))
    torch.testing.assert_close(alpha.square(), torch.tensor([1.0, 0.9, 0.15, 0.0]))
    torch.testing.assert_close(sigma.square(), torch.tensor([0.0, 0.1, 0.85, 1.0]))
    assert alpha[-1] == 0 and sigma[0] == 0


def test_a_pipeline_is_a_model():
    """Its defaults, seeds, filling and inversion are what they are for any model."""
    model = from_diffusers(stable_diffusion(settings=LEADING | dict(set_alpha_to_one=True)))
    assert (model.w, model.steps, model.null, model.shape) == (7.5, 50, "", (4, 8, 8))
    assert from_diffusers(stable_diffusion_xl()).null is None
    pictures = model(["a fox", "cat"], steps=3)
    alone = model(["cat"], steps=3, seed=1)
    torch.testing.assert_close(pictures[1:], alone, atol=1e-5, rtol=0)
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[4:12, 4:12] = True
    filled = fill(model, pictures, mask, ["cat", "cat"], sampler=ddim, steps=3)
    assert torch.equal(filled[..., ~mask], pictures[..., ~mask])
    assert (filled - pictures)[..., mask].abs().mean() > 0.01
    x0, ts = torch.randn(2, 4, 8, 8, generator=seeded()), model.grid(90)[30:-1]
    denoise = given(model.denoiser, *model.encoder(["a fox", "cat"]))
    noise = last(invert(denoise, model.schedule, x0, ts, rounds=2))
    again = last(ddim(denoise, model.schedule, noise, ts))
    assert (again - x0).abs().max() < 0.05 < (noise - x0).abs().max()


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sampler, pipeline, scheduler", [
    (ddim, DDIMPipeline, DDIMScheduler), (ddpm, DDPMPipeline, DDPMScheduler),
])  # fmt: skip
def test_digits_under_its_pipelines(sampler, pipeline, scheduler):
    model, prompts = minidiff.load("digits"), [3, 1, 4, None]
    made = to_diffusers(model, prompts)
    made = quiet(pipeline(made.unet, scheduler.from_config(made.scheduler.config)))
    way = dict(batch_size=4, num_inference_steps=10, output_type="pt")
    theirs = made(**way, generator=seeded()).images
    noise = noise_from(seeded())
    x, more = noise(torch.empty(4, *model.shape)), {"noise": noise} if sampler is ddpm else {}
    ours = last(sampler(model.prompted(prompts), model.schedule, x, uniform_grid(10), **more))
    assert (model.codec.decode(ours) - theirs).abs().max() < 1e-5
    assert theirs.std() > 0.2
    with pytest.raises(ValueError, match="batch_size must be that of the prompts, 4, got 1"):
        made(num_inference_steps=1)


def test_models_that_no_pipeline_shows():
    scenes, digits = minidiff.load("scenes"), minidiff.load("digits")
    with pytest.raises(
        ValueError, match="model must paint in pixels .* x0 of shape .* Autoencoder"
    ):
        to_diffusers(scenes, ["a red fox"])
    digits.denoiser.schedule = flow
    with pytest.raises(ValueError, match=r"schedule must keep alpha\^2 \+ sigma\^2 = 1"):
        to_diffusers(digits, [3])


def other_kinds():
    """Pipelines that cannot be taken apart, each with the start of its sentence."""
    sd = stable_diffusion()
    parts = {name: part for name, part in sd.components.items() if name != "image_encoder"}
    varied = StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False)
    yield varied, "pipeline must be a .*, got a StableDiffusionImg2ImgPipeline"
    yield "folder/of/a/pipeline", "pipeline must be a .*, got a str"
    for net, sentence in [
        (unet(8, in_channels=9), "unet must map 4 channels to 4, .*, got 9 to 4"),
        (unet(8, time_cond_proj_dim=4), "unet must hear .*, got one with time_cond_proj_dim"),
    ]:
        sd.unet = net
        yield sd, sentence
        sd = stable_diffusion()
    sd.scheduler = FlowMatchEulerDiscreteScheduler()
    yield sd, "scheduler must have a table of betas, .*, got a FlowMatchEulerDiscreteScheduler"
    yield stable_diffusion(settings=ZERO_SNR | dict(prediction_type="epsilon")), "prediction_type"
    digits = to_diffusers(minidiff.load("digits"), [3])
    yield digits, f"unet must be a {UNet2DModel.__name__}, got a Painter"


def test_pipelines_of_another_kind():
    for pipeline, sentence in other_kinds():
        with pytest.raises(minidiff.errors.UserError, match=f"^{sentence}") as refused:
            from_diffusers(pipeline)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("build", [stable_diffusion, stable_diffusion_xl])
def test_prompts_that_do_not_fit(build):
    model = from_diffusers(build())
    with pytest.raises(ValueError, match="prompt 'abcdefghijklmno' has 17 tokens.*limit is 16"):
        model(["abcdefghijklmno"], steps=1)
    assert model(["abcdefghijklmn"], steps=1).shape == (1, 3, 16, 16)
    with pytest.raises(ValueError, match="prompt must be a text, got 3"):
        model([3], steps=1)


@pytest.mark.parametrize(
    "pictures, sentence",
    [
        ("fox.png", "floating-point numbers in 0..1, got str"),
        (torch.zeros(2, 3, 16, 16, dtype=torch.uint8), "numbers in 0..1, got torch.uint8"),
        (torch.full((2, 3, 16, 16), 255.0), "lie in 0..1, got values from 255 to 255"),
        (torch.full((2, 3, 16, 16), torch.nan), "lie in 0..1, got values from nan to nan"),
        (torch.zeros(3, 16, 16), r"shape \(B, C, H, W\), got \(3, 16, 16\)"),
        (torch.zeros(2, 1, 16, 16), r"shape \(B, 3, H, W\), got \(2, 1, 16, 16\)"),
        (torch.zeros(2, 3, 16, 18), r"multiples of 4 high and wide .* got \(16, 18\)"),
    ],
    ids=["a name", "whole numbers", "0..255", "nan", "one picture", "grey", "no multiple"],
)
def test_pictures_that_are_none(pictures, sentence):
    model, mask = from_diffusers(stable_diffusion()), torch.ones(16, 16, dtype=torch.bool)
    for use in (partial(fill, mask=mask), partial(image_to_image, strength=0.5)):
        with pytest.raises(minidiff.errors.UserError, match=f"^pictures must .*{sentence}") as said:
            use(model, pictures, prompts=["a fox", "cat"], steps=2)
        assert "\n" not in str(said.value)
    if not torch.is_tensor(pictures):
        with pytest.raises(minidiff.errors.UserError, match="^pictures must .* got str"):
            model.codec.encode(pictures)


def test_a_pipeline_from_its_folder(tmp_path):
    pipeline = stable_diffusion()
    pipeline.save_pretrained(tmp_path)
    again = from_diffusers(load_pipeline(tmp_path))
    wanted = from_diffusers(pipeline)(["a fox"], steps=2)
    torch.testing.assert_close(again(["a fox"], steps=2), wanted)

    weights = next((tmp_path / "unet").glob("*.safetensors"))
    whole = weights.read_bytes()
    for damaged, sentence in [
        (None, "has no weights of its unet, unet/"),
        (b"1", "cannot be read"),
    ]:
        weights.unlink() if damaged is None else weights.write_bytes(damaged)
        with pytest.raises(minidiff.errors.UserError, match=sentence) as refused:
            load_pipeline(tmp_path)
        assert "\n" not in str(refused.value)
        weights.write_bytes(whole)
    (tmp_path / "model_index.json").unlink()
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(minidiff.errors.UserError, match="folder must hold a pipeline"):
            load_pipeline(folder)


def test_without_diffusers(monkeypatch):
    """The library is imported without it; what needs it says so."""
    code = "import minidiff.bridge, sys; sys.exit(bool({'diffusers', 'transformers'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    pipeline, digits = unconditional(), minidiff.load("digits")
    for name in ("diffusers", "transformers"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            for call in (
                lambda: from_diffusers(pipeline),
                lambda: to_diffusers(digits, [3]),
                lambda: load_pipeline("folder"),
            ):
                with pytest.raises(minidiff.errors.UserError, match="needs diffusers and transf"):
                    call()
