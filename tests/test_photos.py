"""Photographs: any file becomes one kind of tensor, a patch network sees patches alone, holes are filled."""

import numpy as np
import pytest
import torch
from PIL import Image

from minidiff import editing, load, pretrained
from minidiff.data import photos
from minidiff.editing import patches
from minidiff.evaluation.seam import seam
from minidiff.recipes import photos as recipe
from minidiff.samplers import ddim, ddpm
from minidiff.sampling import generator_at


@pytest.fixture
def save(tmp_path):
    """save(array, name) writes an array as a picture and returns its path."""

    def write(array, name="picture.png"):
        Image.fromarray(np.asarray(array)).save(tmp_path / name)
        return tmp_path / name

    return write


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def colours(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float32) / 255)


@pytest.mark.parametrize("name", photos.HOLES)
def test_the_shipped_photographs(name):
    picture = photos.load(name)
    mask = photos.hole(name, picture)
    assert picture.shape[:2] == (1, 3) and max(picture.shape) <= 256
    assert 0 <= picture.min() < 0.2 and 0.8 < picture.max() <= 1
    assert mask.shape == picture.shape[2:]
    assert mask.sum() == photos.HOLES[name][2] * photos.HOLES[name][3]


def test_load_makes_colour_and_multiples_of_four(save):
    picture = noise(70, 91, 3)
    loaded = photos.load(save(picture))
    torch.testing.assert_close(loaded[0], colours(picture[:68, :88]).permute(2, 0, 1))
    grey = noise(64, 64)
    assert torch.equal(photos.load(save(grey)), colours(grey).expand(1, 3, 64, 64))
    assert photos.load(save(noise(200, 400, 3), "big.jpg"), side=160).shape == (1, 3, 80, 160)


def test_load_turns_what_is_transparent_white(save):
    picture = noise(64, 64, 4)
    picture[..., 3] = 255
    picture[:32, :, 3] = 0
    loaded = photos.load(save(picture))
    assert (loaded[:, :, :32] == 1).all()
    torch.testing.assert_close(loaded[0, :, 32:], colours(picture[32:, :, :3]).permute(2, 0, 1))
    half = np.zeros((64, 64, 4), np.uint8)
    half[..., 3] = 128  # black, half transparent, over white
    assert photos.load(save(half)).mean().item() == pytest.approx(1 - 128 / 255, abs=0.01)


def test_load_keeps_the_range_of_sixteen_bits(save):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    loaded = photos.load(save(ramp))
    wanted = torch.from_numpy(ramp / 65535).float().expand(1, 3, 64, 64)
    torch.testing.assert_close(loaded, wanted, atol=0.003, rtol=0)


def test_load_clips_what_exceeds_sixteen_bits(save):
    ramp = np.linspace(0, 2**20, 64 * 64).reshape(64, 64).astype(np.int32)
    loaded = photos.load(save(ramp, "deep.tiff"))
    wanted = torch.from_numpy((ramp / 65535).clip(0, 1)).float().expand(1, 3, 64, 64)
    torch.testing.assert_close(loaded, wanted, atol=0.003, rtol=0)


@pytest.mark.parametrize("pixels", [100, 3000])
def test_load_refuses_a_picture_of_too_many_pixels(save, monkeypatch, pixels):
    """Pillow warns above its limit and refuses above twice that; here both are a sentence."""
    path = save(noise(64, 64, 3))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels)
    with pytest.raises(ValueError, match=f"picture.png has more than {pixels:,} pixels"):
        photos.load(path)


def test_load_says_what_shrinking_makes_of_a_long_picture(save):
    with pytest.raises(ValueError, match=r"got \(4000, 64\), which shrinks to \(256, 4\)"):
        photos.load(save(noise(64, 4000, 3)))
    for side in (0, 63, 64.5, True):
        with pytest.raises(ValueError, match="side must be a whole number, at least 64, got"):
            photos.load(save(noise(64, 64, 3)), side=side)


def test_load_obeys_the_camera_about_what_is_up(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to see it upright
    Image.fromarray(noise(64, 128, 3)).save(tmp_path / "turned.jpg", exif=exif)
    assert photos.load(tmp_path / "turned.jpg").shape == (1, 3, 128, 64)


def test_bad_files(save, tmp_path):
    with pytest.raises(FileNotFoundError, match="no picture at .*nowhere.png; by name there are"):
        photos.load(tmp_path / "nowhere.png")
    (tmp_path / "text.png").write_text("I am not a picture")
    with pytest.raises(ValueError, match="text.png is no picture that can be read"):
        photos.load(tmp_path / "text.png")
    broken = save(noise(100, 100, 3), "broken.png")
    broken.write_bytes(broken.read_bytes()[:2000])
    with pytest.raises(ValueError, match="broken.png is no picture that can be read"):
        photos.load(broken)
    with pytest.raises(ValueError, match=r"small.png must be at least 64 pixels .* got \(80, 40\)"):
        photos.load(save(noise(40, 80, 3), "small.png"))


def test_crops_never_show_the_hole_and_reach_everything_else():
    picture = torch.rand(1, 3, 36, 40)
    mask = photos.box(picture, 15, 18, 4, 3)
    picture[..., mask] = 7.0
    pictures, prompts = photos.crops(picture, mask, size=12)(5000, generator_at(0, 0))
    assert pictures.shape == (5000, 3, 12, 12) and prompts == [None] * 5000
    assert pictures.max() < 7
    corners = picture[0, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert torch.isin(corners, pictures[:, 0]).all()
    again, _ = photos.crops(picture, mask, size=12)(5000, generator_at(0, 0))
    assert torch.equal(pictures, again)


def test_crops_say_what_does_not_fit():
    picture = torch.rand(1, 3, 40, 80)
    with pytest.raises(ValueError, match=r"picture must be at least 64 pixels .* got \(40, 80\)"):
        photos.crops(picture)
    with pytest.raises(ValueError, match="the hole as large as it"):
        photos.crops(picture, torch.zeros(40, 79).bool(), size=32)
    with pytest.raises(ValueError, match="leave room for a crop of 32 pixels"):
        photos.crops(picture, photos.box(picture, 10, 10, 20, 60), size=32)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = recipe.model().eval()
    for parameter in model.parameters():
        if not parameter.any():  # a fresh network says 0 to everything
            torch.nn.init.normal_(parameter, std=0.02)
    return model


def test_the_network_is_local(model):
    """A pixel far away changes nothing; a part is denoised as it is within the whole."""
    x, t = torch.randn(1, 3, 64, 160, generator=generator_at(0, 0)), torch.tensor(0.5)
    with torch.no_grad():
        whole = model.denoiser(x, t)
        part = model.denoiser(x[..., :120], t)
        x[..., -4:] += 10
        changed = model.denoiser(x, t)
    torch.testing.assert_close(changed[..., :64], whole[..., :64], rtol=0, atol=1e-5)
    torch.testing.assert_close(part[..., :64], whole[..., :64], rtol=0, atol=1e-5)
    assert (changed - whole)[..., 140:].abs().max() > 0.01


def test_fill_works_on_a_window_and_keeps_the_rest(model):
    picture = torch.rand(1, 3, 96, 128)
    mask = photos.box(picture, 50, 3, 10, 9)
    filled = editing.fill_window(model, picture, mask, margin=8, steps=2, sampler=ddpm)
    assert torch.equal(filled[..., ~mask], picture[..., ~mask])
    assert (filled[..., mask] != picture[..., mask]).float().mean() > 0.9
    canvas, new = editing.extend(picture, right=16)
    wide = editing.fill_window(model, canvas, new, margin=8, steps=2, sampler=ddim)
    assert wide.shape == (1, 3, 96, 144) and torch.equal(wide[..., :128], picture)
    with pytest.raises(ValueError, match="mask must have the size"):
        editing.fill_window(model, picture, mask.T)


def test_a_window_takes_masks_of_every_rank(model):
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(3))
    mask = photos.box(picture, 40, 40, 8, 8)
    way = dict(steps=2, margin=16, sampler=ddpm)
    wanted = editing.fill_window(model, picture, mask, **way)
    for same in (mask[None], mask[None, None]):
        assert torch.equal(editing.fill_window(model, picture, same, **way), wanted)


@pytest.mark.parametrize("first, end", [(0, 1), (3, 12), (50, 64), (0, 64), (30, 33), (63, 64)])
def test_a_window_holds_the_hole_and_its_margin_and_folds(first, end):
    marked = torch.zeros(64).bool()
    marked[first:end] = True
    span = patches.span(marked, 5)
    assert 0 <= span.start <= max(0, first - 5) and min(64, end + 5) <= span.stop <= 64
    assert (span.stop - span.start) % photos.FACTOR == 0


def test_seam_is_one_for_even_texture_and_more_for_a_visible_edge():
    texture = torch.rand(1, 3, 200, 200, generator=generator_at(0, 0))
    mask = photos.box(texture, 60, 70, 50, 60)
    assert seam(texture, mask) == pytest.approx(1, rel=0.05)
    pasted = torch.where(mask, texture + 1, texture)
    assert seam(pasted, mask) == pytest.approx(3, rel=0.05)  # E|u - v| = 1/3, E|1 + u - v| = 1


@pytest.mark.parametrize("name", photos.HOLES)
def test_the_shipped_networks_are_small_and_know_their_photograph(name):
    facts = pretrained.manifest()[f"photo-{name}"]
    assert (pretrained.HERE / facts["file"]).stat().st_size < 2**20
    model, t = load(f"photo-{name}"), torch.tensor([0.5])
    picture = model.codec.encode(photos.load(name)[..., :128, :128])
    eps = torch.randn(picture.shape, generator=generator_at(0, 0))
    with torch.no_grad():
        error = model.denoiser.loss_at(picture, t, eps)
        blind = (model.schedule(t)[0] * eps - model.schedule(t)[1] * picture).square().mean()
    assert error < blind / 2
