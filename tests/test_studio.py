"""The studio: shots painted from their settings alone, their files, and what the page asks for."""

import json

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from minidiff import cli, pretrained, studio
from minidiff.errors import UserError
from minidiff.sampling import start_noise
from minidiff.studio import page, shots
from minidiff.studio.shots import Shot

FOX, QUICK = Shot("a red fox in snow", seed=7), dict(steps=1)
QUICK_FOX = Shot("a red fox in snow", seed=7, **QUICK)


def painted(shot):
    picture = studio.paint(shot)
    assert picture.min() >= 0 and picture.max() <= 1
    return picture


def test_a_shot_is_the_models_own_picture():
    model = pretrained.load(shots.FAST)
    assert torch.equal(painted(FOX), model([FOX.prompt], seed=7)[0])
    slow = Shot("a cat", seed=2, model=shots.SLOW, guidance=2.0, negative="night", steps=2)
    settings = dict(seed=2, w=2.0, negative="night", steps=2)
    assert torch.equal(painted(slow), pretrained.load(shots.SLOW)(["a cat"], **settings)[0])
    wide = painted(Shot("a cat", width=96, height=64, **QUICK))
    assert wide.shape == (3, 64, 96)


def test_a_variation_turns_the_noise_and_keeps_its_size():
    base, shape = QUICK_FOX, (8, 32, 32)
    start = shots.noise_of(base, shape)
    for angle in (0.0, 20.0, 60.0, 90.0):
        turned = shots.noise_of(studio.vary(base, seed=1, angle=angle), shape)
        likeness = torch.corrcoef(torch.stack([start.flatten(), turned.flatten()]))[0, 1]
        assert likeness.item() == pytest.approx(
            torch.deg2rad(torch.tensor(angle)).cos().item(), abs=0.03
        )
        assert turned.std().item() == pytest.approx(1, abs=0.03)
    whole = shots.noise_of(studio.vary(base, seed=1, angle=90.0), shape)
    assert torch.allclose(whole, start_noise(shape, [1]), atol=1e-5)


def test_a_small_variation_is_nearer_than_a_large_one():
    base = painted(FOX)
    near, far = (painted(studio.vary(FOX, seed=1, angle=angle)) for angle in (15.0, 75.0))
    assert 0 < (near - base).abs().mean() < (far - base).abs().mean()


def test_again_are_other_seeds():
    assert studio.again(FOX) == Shot(FOX.prompt, seed=11)


def test_a_restart_keeps_as_much_as_its_strength_leaves():
    base = painted(FOX)
    gaps = [
        (painted(studio.restart(FOX, seed=3, strength=strength)) - base).abs().mean()
        for strength in (0.0, 0.3, 0.9)
    ]
    assert gaps[0] < 1e-6 and gaps[0] < gaps[1] < gaps[2]
    blue = studio.restart(FOX, seed=3, prompt="a blue fox in snow")
    assert blue.prompt == "a blue fox in snow" and blue.of == (FOX,)


def test_what_is_varied_by_meaning_is_painted_from_the_pictures_vector(tmp_path):
    alike = studio.resemble(QUICK_FOX, seed=3)
    made, model = painted(alike), pretrained.load("variations")
    wanted = model([model.encoder.space.of_pictures(painted(QUICK_FOX)[None])[0]], seed=3)[0]
    assert torch.allclose(made, wanted, atol=1e-4)
    studio.save(alike, tmp_path / "a.png", made)
    told = json.loads(Image.open(tmp_path / "a.png").info["minidiff"])
    assert set(told["weights"]) == {shots.FAST, "variations"}
    with pytest.raises(UserError, match="shot must have 64x64 pixels to be varied by meaning"):
        studio.resemble(Shot("a cat", width=96), seed=0)


def test_only_the_hole_is_painted_anew():
    base = painted(QUICK_FOX)
    made = painted(studio.fill(QUICK_FOX, "0000 0110 0000 0000", seed=1))
    changed = (made != base).any(0)
    assert changed[16:32, 16:48].float().mean() > 0.9
    changed[16:32, 16:48] = False
    assert not changed.any()


def test_a_blend_goes_from_one_to_the_other():
    other = Shot("a blue bus in a city", seed=9, **QUICK)
    ends = [painted(each) for each in (QUICK_FOX, other)]
    first, middle, second = (painted(studio.blend(QUICK_FOX, other, s)) for s in (0.0, 0.5, 1.0))
    # the noise of a student's later steps has one seed: one step draws none
    assert torch.allclose(first, ends[0], atol=1e-4) and torch.allclose(second, ends[1], atol=1e-4)
    assert all((middle - end).abs().mean() > 0.02 for end in ends)


def test_a_grid_varies_one_setting_each_way():
    rows = studio.grid(FOX, "steps", [1, 2], "seed", [0, 5])
    assert [[(s.steps, s.seed) for s in row] for row in rows] == [
        [(1, 0), (2, 0)],
        [(1, 5), (2, 5)],
    ]
    assert studio.grid(FOX, "seed", [1])[0][0].prompt == FOX.prompt


def test_files_make_themselves_again_with_their_history(tmp_path):
    other = Shot("a blue fox", seed=1, **QUICK)
    made = studio.vary(studio.restart(studio.blend(QUICK_FOX, other), seed=2), seed=5)
    studio.save(made, tmp_path / "f.png")
    assert studio.read(tmp_path / "f.png") == made
    studio.save(studio.read(tmp_path / "f.png"), tmp_path / "g.png")
    assert (tmp_path / "f.png").read_bytes() == (tmp_path / "g.png").read_bytes()
    assert cli.main(["again", str(tmp_path / "f.png"), "-o", str(tmp_path / "h.png")]) == 0
    assert (tmp_path / "f.png").read_bytes() == (tmp_path / "h.png").read_bytes()
    told = json.loads(Image.open(tmp_path / "f.png").info["minidiff"])
    assert set(told["weights"]) == {shots.FAST} and "generator" in told["made"]


def test_all_are_saved_into_a_new_folder(tmp_path):
    made = [(each, painted(each)) for each in (QUICK_FOX, Shot("a cat", **QUICK))]
    paths = studio.save_all(made, tmp_path / "new")
    assert [path.name for path in paths] == ["001.png", "002.png"]
    assert studio.read(paths[1]).prompt == "a cat"
    with pytest.raises(UserError, match="folder must be new or empty"):
        studio.save_all(made, tmp_path / "new")


def test_what_is_no_shot_is_told_in_a_sentence(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")

    def written(text):
        info = PngInfo()
        info.add_text("minidiff", text)
        Image.new("RGB", (8, 8)).save(tmp_path / "told.png", pnginfo=info)
        return tmp_path / "told.png"

    plain = QUICK_FOX.plain()
    cases = [
        (lambda: studio.read(tmp_path / "plain.png"), "was not written by the studio"),
        (lambda: studio.read(written("{")), "was not written by the studio"),
        (lambda: studio.read(written('{"studio": 3}')), "was not written by the studio"),
        (
            lambda: studio.read(written('{"studio": {"promt": "a"}}')),
            "was not written by the studio",
        ),
        (lambda: studio.read(written('{"studio": {"prompt": "a"}}')), "was not written"),
        (lambda: shots.from_plain({"promt": "a"}), "settings of a shot cannot be read"),
        (
            lambda: studio.read(written(json.dumps({"studio": plain, "weights": {"scenes": "0"}}))),
            "painted by other weights",
        ),
        (lambda: studio.paint(Shot("a fox", way="steal")), "way must be one of paint, vary"),
        (lambda: studio.paint(Shot("a fox", width=70)), "width and height must be multiples of 16"),
        (lambda: studio.paint(Shot("a foks")), "did you mean"),
        (lambda: studio.paint(Shot("a fox", guidance=7.0)), "w is fixed in this model"),
        (lambda: studio.vary(FOX, 1, angle=120), "angle must be a number from 0 to 90"),
        (lambda: studio.restart(FOX, 1, strength=2), "strength must be a number from 0 to 1"),
        (lambda: studio.blend(FOX, Shot("a", width=96)), "of one model and one size"),
        (lambda: studio.enlarge(Shot("a", width=512)), "at most 256 pixels a side"),
        (lambda: studio.grid(FOX, "colour", [1]), "across and down must be settings"),
        (lambda: studio.save(FOX, tmp_path / "f.jpg"), "path must end in .png"),
        (lambda: shots.mask_of("01 2", (4, 4)), "rows of 0 and 1"),
        (lambda: shots.mask_of("010 000 000", (64, 64)), "mask must divide 64x64"),
    ]
    for call, sentence in cases:
        with pytest.raises(UserError, match=sentence):
            call()


# the page -----------------------------------------------------------------------------------------


@pytest.fixture
def live(monkeypatch):
    """A Studio and the list of what it sends to the page."""
    made, sent = page.Studio("a fox"), []
    monkeypatch.setattr(made, "send", sent.append)
    return made, sent


def ask(made, **message):
    made._asked(made, message)


def test_each_button_paints_what_it_says(live):
    made, sent = live
    ask(
        made,
        action="paint",
        prompt="a red fox",
        seed="3",
        size="64x64",
        steps="1",
        model="scenes-fast",
    )
    assert [message["kind"] for message in sent] == ["shot"] * 4 + ["done"]
    assert [shot.seed for shot, _ in made.made] == [3, 4, 5, 6] and sent[3]["row"] == [0, 1, 2, 3]
    buttons = {
        "again": 4,
        "vary a little": 4,
        "vary a lot": 4,
        "vary by meaning": 4,
        "use as start": 4,
        "fill": 2,
        "slowly": 1,
    }
    if made.enlarges:
        buttons["enlarge"] = 1
    for action, number in buttons.items():
        before = len(made.made)
        ask(made, action=action, numbers=[0], mask="1000 0000 0000 0000", prompt="a blue fox")
        assert sent[-1] == {"kind": "done", "said": ""}, sent[-1]
        assert len(made.made) == before + number
        for shot, picture in made.made[before:]:
            if action not in ("enlarge", "slowly"):
                assert torch.equal(picture, studio.paint(shot))
    ask(made, action="blend", numbers=[0, 1])
    ask(made, action="grid", numbers=[0], across="steps", values="1, 2")
    assert [shot.steps for shot, _ in made.made[-2:]] == [1, 2] and sent[-1]["said"] == ""
    ask(made, action="grid", numbers=[0], across="seed", values="1,2", down="steps", others="1,2")
    table = [(shot.seed, shot.steps) for shot, _ in made.made[-4:]]
    assert table == [(1, 1), (2, 1), (1, 2), (2, 2)] and sent[-1]["said"] == ""
    mixed = next(k for k, (shot, _) in enumerate(made.made) if shot.way == "blend")
    ask(made, action="grid", numbers=[mixed], across="prompt", values="a fox, a cat")
    (fox, first), (cat, second) = made.made[-2:]
    assert (fox.prompt, cat.prompt) == ("a fox", "a cat") and not torch.equal(first, second)
    # no seed is drawn twice for one prompt and way
    told = [shot for shot, _ in made.made]
    assert len(set(told)) >= len(told) - 1  # the grid's first is the picture itself


def test_a_page_that_opens_later_gets_all(live):
    made, sent = live
    ask(made, action="paint", prompt="a fox", steps="1")
    sent.clear()
    ask(made, action="hello")
    assert [message["kind"] for message in sent] == ["shot"] * 4 + ["done"]


def test_what_is_wrong_is_said_on_the_page(live, tmp_path):
    made, sent = live
    (tmp_path / "full.txt").touch()
    wrong = [
        (dict(action="paint", prompt="a foks"), "did you mean"),
        (dict(action="paint", prompt="a fox", seed="x"), "seed must be a number, got 'x'"),
        (dict(action="paint", prompt="a fox", size="big"), "width must be a number"),
        (dict(action="paint", prompt="a fox", guidance="5"), "w is fixed"),
        (dict(action="again", numbers=[]), "a picture must be there first"),
        (dict(action="again", numbers=[99]), "a picture must be there first"),
        (dict(action="dance", numbers=[0]), "a picture must be there first"),
        (dict(action="save", folder=str(tmp_path)), "folder must be new or empty"),
    ]
    for message, sentence in wrong:
        ask(made, **message)
        assert sent[-1]["kind"] == "done" and sentence in sent[-1]["said"], sent[-1]
    ask(made, action="paint", prompt="a fox", steps="1")
    ask(made, action="dance", numbers=[0])
    assert "action 'dance' is unknown" in sent[-1]["said"]
    ask(made, action="blend", numbers=[0])
    assert "two pictures must be marked" in sent[-1]["said"]
    ask(made, action="fill", numbers=[0], mask="0000 0000 0000 0000")
    assert "mask must be True somewhere" in sent[-1]["said"]
    assert len(made.made) == 4


def test_it_is_called_by_its_prompt_and_completes_words(live):
    made, _ = live
    assert repr(made) == "Studio('a fox')" and "fox" in made.words and "<pad>" not in made.words


def test_the_command_writes_a_page_that_opens_it(tmp_path, monkeypatch, capfd):
    from minidiff import cli
    from minidiff.cli import studio as command

    ran = []
    monkeypatch.setattr(
        command.subprocess,
        "run",
        lambda words, **_: ran.append(words) or type("R", (), dict(returncode=0)),
    )
    folder = tmp_path / "mine"
    assert cli.main(["studio", 'a "red" fox', "--folder", str(folder), "--no-browser"]) == 0
    written = json.loads((folder / "studio.ipynb").read_text())
    assert written["cells"][0]["source"].endswith("studio.open('a \"red\" fox')")
    assert ran[0][1:4] == ["-m", "jupyter", "lab"] and ran[0][-1] == "--no-browser"
    assert cli.main(["studio", "--folder", str(folder)]) == 2
    assert "is there already" in capfd.readouterr().err
