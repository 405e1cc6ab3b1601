"""The studio's page: what its buttons ask for is done by the functions of `shots` and `files`."""

import base64
from pathlib import Path

import anywidget
import torch
import traitlets as T
from IPython.display import display

from .. import pretrained
from ..errors import UserError
from ..notebook import viz
from . import files, shots

FOUR = 4  # pictures at a time
LITTLE, LOT, STRENGTH = 20.0, 60.0, 0.6  # degrees of a small and of a large variation; of a restart


class Studio(anywidget.AnyWidget):
    """A page to paint on with words, buttons and keys; `made` holds (shot, picture) of all it painted.

    The page sends what was asked as a message; each picture goes to it as soon as it is painted.
    """

    _esm = Path(__file__).with_name("studio.js")
    _css = Path(__file__).with_name("studio.css")
    words = T.List().tag(sync=True)  # the vocabulary, to complete a prompt
    models = T.List().tag(sync=True)
    prompt = T.Unicode().tag(sync=True)
    enlarges = T.Bool().tag(sync=True)  # whether a model that enlarges is shipped

    def __init__(self, prompt="a red fox in snow", made=()):
        words = [word for word in shots.load(shots.SLOW).encoder.tokenizer.words if word[0] != "<"]
        super().__init__(
            words=words,
            models=[shots.FAST, shots.SLOW],
            prompt=prompt,
            enlarges=shots.ENLARGER in pretrained.manifest(),
        )
        self.made = list(made)
        self.on_msg(self._asked)

    def __repr__(self):  # anywidget's own holds an address, which differs from run to run
        return f"Studio({self.prompt!r})"

    def _asked(self, _, message, buffers=None):
        """Do what a message asks; what is wrong with it is told in a sentence on the page."""
        said = ""
        try:
            if message.get("action") == "hello":
                for number in range(len(self.made)):
                    self.send(self.told(number, []))
            elif message.get("action") == "save":
                paths = files.save_all(self.made, message["folder"])
                said = f"{len(paths)} pictures in {message['folder']}"
            else:
                self.show(asked_shots(message, [shot for shot, _ in self.made]))
        except (UserError, OSError) as error:
            said = str(error)
        self.send({"kind": "done", "said": said})

    def show(self, asked):
        """Paint shots and send them to the page, a row."""
        row = []
        for shot in asked:
            self.made.append((shot, shots.paint(shot)))
            row.append(len(self.made) - 1)
            self.send(self.told(row[-1], row))

    def told(self, number, row):
        """The message that brings a picture to the page, with the row that it is shown in."""
        shot, picture = self.made[number]
        data = base64.b64encode(files.png(shot, picture)).decode()
        facts = dict(prompt=shot.prompt, seed=shot.seed, told=shot.short(), way=shot.way)
        return dict(kind="shot", number=number, row=list(row), data=data, **facts)


def asked_shots(message, made):
    """The Shots that a message of the page asks for; made: those there are, by their numbers."""
    action = message.get("action")
    if action == "paint":
        first = settings_of(message)
        return [first_of(first, seed) for seed in range(first.seed, first.seed + FOUR)]
    picked = [made[number] for number in message.get("numbers", []) if 0 <= number < len(made)]
    if not picked:
        raise UserError("a picture must be there first: paint four")
    shot, fresh = picked[0], 1000 + FOUR * len(made)  # seeds that nothing else has had
    if action == "again":
        return [first_of(shots.plainly(shot), shot.seed + FOUR + k) for k in range(FOUR)]
    if action in ("vary a little", "vary a lot"):
        angle = LITTLE if action == "vary a little" else LOT
        return [shots.vary(shot, fresh + k, angle) for k in range(FOUR)]
    if action == "vary by meaning":
        return [shots.resemble(shot, fresh + k) for k in range(FOUR)]
    if action == "use as start":
        prompt = message.get("prompt") or shot.prompt
        return [shots.restart(shot, fresh + k, STRENGTH, prompt) for k in range(FOUR)]
    if action == "fill":
        prompt = message.get("prompt") or shot.prompt
        return [shots.fill(shot, message.get("mask", ""), fresh + k, prompt) for k in range(2)]
    if action == "enlarge":
        return [shots.enlarge(shot, seed=shot.seed)]
    if action == "slowly":
        return [slowly(shot)]
    if action == "blend":
        if len(picked) != 2:
            raise UserError("two pictures must be marked to be blended")
        return [shots.blend(*picked, share) for share in (0.2, 0.4, 0.6, 0.8)]
    if action == "grid":
        return [each for row in asked_grid(shot, message) for each in row]
    raise UserError(f"action {action!r} is unknown")


def asked_grid(shot, message):
    """Rows of Shots: across values of one setting and, if the page names one, down those of another."""

    def values(name, text):
        return [value_of(name, each) for each in str(text).split(",")]

    across, down = message["across"], message.get("down") or None
    rows = values(down, message["others"]) if down else (None,)
    # of a picture made of others only its own settings: theirs would win over what is tried
    return shots.grid(shots.plainly(shot), across, values(across, message["values"]), down, rows)


def slowly(shot):
    """The same settings with the slow model, which obeys more often."""
    return first_of(shots.plainly(shot), shot.seed, model=shots.SLOW, steps=None)


def first_of(shot, seed, **other):
    return shots.from_plain(shot.plain() | {"seed": seed} | other)


def settings_of(message):
    """A Shot from what the page's fields say; an empty field is the model's own."""
    width, _, height = str(message.get("size") or "64x64").partition("x")
    optional = {name: message.get(name) for name in ("guidance", "steps")}
    optional = {name: value_of(name, value) for name, value in optional.items() if value}
    return shots.Shot(
        str(message.get("prompt", "")),
        seed=value_of("seed", message.get("seed") or 0),
        model=message.get("model") or shots.FAST,
        negative=message.get("negative") or None,
        width=value_of("width", width),
        height=value_of("height", height),
        **optional,
    )


def value_of(name, text):
    """A field's text as the value of a setting; UserError if it is none."""
    if name in ("prompt", "model", "negative"):
        return str(text).strip()
    kind = float if name == "guidance" else int
    try:
        return kind(str(text).strip())
    except ValueError as error:
        raise UserError(f"{name} must be a number, got {text!r}") from error


def open(prompt="a red fox in snow", seed=0):
    """Show the studio, with four pictures of a prompt painted: first as a still, then live."""
    four = [shots.Shot(prompt, seed=seed + k) for k in range(FOUR)]
    made = [(shot, shots.paint(shot)) for shot in four]
    pictures, labels = torch.stack([picture for _, picture in made]), [s.short() for s in four]
    alt = (
        f"Four pictures of {prompt!r}, each from its own seed, and below them the studio's buttons."
    )
    display(viz.images(pictures, labels, columns=FOUR, scale=2, title=prompt, alt=alt))
    display(Studio(prompt, made))
