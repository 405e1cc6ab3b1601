"""Exercises of lesson 00: the tour."""

import torch

from minidiff.course.exercises import exercise


def unknown_word():
    return "happy"  # the others are in the list that the model prints


exercise(
    "00.1",
    level=1,
    solution=unknown_word,
    task='One word of the prompt `"two happy red foxes in the snow"` is unknown to this model. '
    "Which one? Answer with the word, in quotes.",
    hint="Type the prompt into a field of sections 2, 3 or 10, and press Enter.",
    wrong={
        "Happy": "write it as it stands in the prompt, in small letters.",
        "HAPPY": "it is the right one, but write it as the prompt does, in small letters.",
        "": "there is nothing between the quotes: write the word there.",
        "in": "in is in its list: every caption that names a place needs a word such as this.",
        "two": "it knows two, and three.",
        "foxes": "it learned the plurals, too.",
        "red": "red is one of the seven colours.",
        "the": "the is in its list: its captions said both 'in snow' and 'in the snow'.",
        "snow": "snow is one of the ten places.",
    },
)


def network_calls():
    return 24  # 12 steps, two calls in each


exercise(
    "00.2",
    level=1,
    solution=network_calls,
    task="The network is the part that takes time, so one counts how often it is asked. How often is "
    "it asked for one picture in 12 steps at guidance 3? Answer with a number.",
    hint="Section 7: with guidance, each step compares two guesses.",
    wrong={
        12: "guidance compares two guesses, so a guided step takes two calls.",
        14: "two calls in each step: multiply them, do not add them once.",
        22: "the last step asks, too: 12 steps are 12 times the calls of one.",
        26: "one step too many: the static that it starts from is there before the first step.",
        15: "steps and guidance are not to be added: guidance says how far to go, not how often to ask.",
        27: "the 3 of the guidance is no number of calls.",
        72: "the guidance multiplies no calls: how many guesses does one step compare?",
        32: "that is for this model's usual 16 steps; here it takes fewer.",
        13: "the guess without the prompt is needed in every step, not once a picture.",
        36: "a larger guidance goes farther from one guess to the other; there are never more than "
        "two of them.",
    },
)


def lost_seed():
    return 4  # the only one of the ten with a mushroom like that


exercise(
    "00.3",
    level=2,
    solution=lost_seed,
    task="Somebody forgot to write down a seed. It was one of 0 to 9. Move the slider above until the "
    "two pictures are the same. Which seed was it? Answer with a number.",
    hint="Look at the size and the place of the mushroom first, then at the sky.",
    wrong={
        5: "as small, but it stands at the left.",
        7: "as small, but it has black outlines and stands at the left.",
        1: "it stands at the right, too, but has black outlines.",
        3: "that one is larger, and nearer to the middle.",
        0: "that is where the slider begins: a larger one, and at the left.",
        2: "that one is large, in the middle, and has black outlines.",
        6: "no outlines, that is right, but it is about twice as large, and in the middle.",
        8: "that is the largest of the ten: look for a small one.",
        9: "that one is large, too, and reaches up into the trees.",
    },
)


def dials():
    return 4, 12  # few steps, and the colours of too much guidance


# what dials elsewhere offer, such as those of section 10, and the ones above this exercise do not
_OTHER_STEPS = {
    (n, 12): f"the dial of steps above this exercise has no {n}: try those that it has."
    for n in (3, *range(5, 13), 14, 20, 24, 32)
}
_OTHER_GUIDANCE = {
    (4, w): f"the dial of guidance above this exercise has no {w}: try those that it has."
    for w in (2, *range(4, 12), 11.5, 13, 14, 15, 16)
}


exercise(
    "00.4",
    level=2,
    solution=dials,
    task="Now the seed is known, and two dials were moved. How many steps, and what guidance? Answer with "
    "the two numbers between square brackets, such as `[1, 3]`.",
    hint="Sections 6 and 7 show what few steps do, and what much guidance does. Set one dial at a time.",
    wrong={
        (16, 3): "that is where the dials stand at the start.",
        (12, 4): "the other way round: first the steps, then the guidance.",
        (2, 12): "two steps give less of a fox than this.",
        (16, 12): "16 steps finish the picture more than this.",
        (1, 12): "one step gives a clot, and this has ears.",
        (4, 3): "at guidance 3 the colours are calmer.",
        (4, 1): "at guidance 1 the fox is pale, and so is the sky.",
        (4, 0): "at guidance 0 the words are not heard: no fox, and no snow.",
        (2, 3): "both dials: this has harder outlines, and stronger colours.",
    }
    | _OTHER_STEPS
    | _OTHER_GUIDANCE,
)


def sculpt(guess, x, steps):
    """Start at x; in each step ask for a guess and go a part of the way to it, in the last all."""
    for left in range(steps, 0, -1):
        x = x + (guess(x) - x) / left
    return x


def _equal_parts(guess, x, steps):
    for _ in range(steps):
        x = x + (guess(x) - x) / steps
    return x


def _one_guess(guess, x, steps):
    first = guess(x)
    for left in range(steps, 0, -1):
        x = x + (first - x) / left
    return x


def _blows(blow, lefts=lambda steps: range(steps, 0, -1)):
    """A wrong sculptor: blow makes the next x of the guess, x and the number of steps left."""

    def wrong(guess, x, steps):
        for left in lefts(steps):
            x = blow(guess(x), x, left)
        return x

    return wrong


def _part(to, x, left):
    return x + (to - x) / left


_adds_the_guess = _blows(lambda to, x, left: x + to / left)
_all_the_way = _blows(lambda to, x, left: to)
_stops_short = _blows(_part, lambda steps: range(steps, 1, -1))
_not_added = _blows(lambda to, x, left: (to - x) / left)
_away = _blows(lambda to, x, left: x - (to - x) / left)
_summed = _blows(lambda to, x, left: x + (to + x) / left)
_no_guess = _blows(lambda to, x, left: x + x / left)
_multiplied = _blows(lambda to, x, left: x + (to - x) * left)
_upside_down = _blows(lambda to, x, left: x + left / (to - x))
_only_the_guess = _blows(lambda to, x, left: to / left)
_every_other = _blows(_part, lambda steps: range(steps, 0, -2))
_down_to_zero = _blows(_part, lambda steps: range(steps, -1, -1))
_counts_up = _blows(_part, lambda steps: range(1, steps + 1))


def _blocks():
    """A guess that knows two statues and trusts the nearer one more, and three blocks of stone."""
    statues = torch.tensor([[2.0, 0.0], [-1.0, 1.0]])

    def guess(x):
        return torch.softmax(-torch.cdist(x, statues), 1) @ statues

    def stone(seed, blocks):
        return torch.randn(blocks, 2, generator=torch.Generator().manual_seed(seed))

    return [(guess, stone(0, 3), 1), (guess, stone(0, 3), 4), (guess, stone(1, 1), 10)]


exercise(
    "00.5",
    level=3,
    solution=sculpt,
    inputs=_blocks,
    task="For those who program a little: write the sculptor. `sculpt` starts with the stone `x` "
    "(numbers that can be added and multiplied) and takes so many `steps`. In each it asks for a new "
    "guess, `guess(x)`, and goes a part of the way from `x` to it: with four steps left a quarter of the "
    "way, with three left a third, and in the last step all of it. Return the statue.",
    hint="The way from x to the guess is `guess(x) - x`. Count the steps that are left downwards: "
    "`for left in range(steps, 0, -1)`.",
    wrong={
        _all_the_way: "every step goes all the way to its guess, the first blurred one too.",
        _equal_parts: "parts of one size never arrive: with four steps left it is a quarter, with "
        "one left the whole.",
        _one_guess: "the guess is made once, before the first blow; look again before each.",
        _adds_the_guess: "go from x towards the guess: add a part of the difference.",
        _not_added: "go on from where you are: the part of the way is added to x.",
        _away: "that goes away from the guess: the way from x to the guess is the guess minus x.",
        _summed: "the way from x to the guess is a difference, not a sum.",
        _no_guess: "what the guess says is not used: the way leads to it.",
        _multiplied: "with four steps left it is a quarter of the way, not four times the way.",
        _upside_down: "upside down: the way is divided, by the steps that are left.",
        _only_the_guess: "the whole way is the guess minus x, and its part is added to x.",
        _every_other: "every other step is left out: count down by one.",
        _down_to_zero: "one step too many: when no step is left, there is nothing to divide by.",
        _counts_up: "the steps that are left get fewer; yours get more, and the first goes all the way.",
        _stops_short: "the last step is missing: with one left, go all the way to the guess.",
    },
)
