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
    hint='Give the prompt to the model, as in section 5: `model(["two happy red foxes in the snow"])`.',
    wrong={
        "two": "it knows two, and three. Whether it can count is another question.",
        "foxes": "it learned the plurals, too.",
        "red": "red is one of the seven colours.",
        "the": "the is in its list: its captions said both 'in snow' and 'in the snow'.",
        "snow": "snow is one of the ten places.",
    },
)


def network_calls(steps, guidance):
    """How often the network is asked for one picture."""
    return steps if guidance == 1 else 2 * steps


def _never_twice(steps, guidance):
    return steps


def _always_twice(steps, guidance):
    return 2 * steps


def _one_call_more(steps, guidance):
    return steps if guidance == 1 else steps + 1


def _as_often_as_the_dial_says(steps, guidance):
    return steps * guidance


exercise(
    "00.2",
    level=1,
    solution=network_calls,
    inputs=lambda: [(24, 3.0), (24, 1.0), (10, 8.0), (1, 1.0), (5, 0.0)],
    task="The network is the part that takes time, so one counts how often it is asked. Write "
    "`network_calls`: the number of calls for one picture with so many steps at this guidance. "
    "At guidance 1 it is asked once a step, with the prompt. At any other it is asked twice a "
    "step, with the prompt and without it.",
    hint="Two cases: guidance 1, and all the rest.",
    wrong={
        _never_twice: "guidance compares two guesses, so a guided step takes two calls.",
        _always_twice: "at guidance 1 there is nothing to compare: one call a step is enough.",
        _one_call_more: "the guess without the prompt is needed in every step, not once a picture.",
        _as_often_as_the_dial_says: "a larger guidance goes farther from one guess to the other; "
        "there are never more than two of them.",
    },
)


def count_right(said, wanted):
    """How many pictures show what was wanted, if the judge said these words of them."""
    return sum(word == wanted for word in said)


def _whether_any(said, wanted):
    return int(wanted in said)


def _how_many_kinds(said, wanted):
    return len(set(said))


def _a_share(said, wanted):
    return sum(word == wanted for word in said) / len(said)


def _the_wrong_ones(said, wanted):
    return sum(word != wanted for word in said)


exercise(
    "00.3",
    level=2,
    solution=count_right,
    inputs=lambda: [
        (["fox", "cat", "fox", "fox"], "fox"),
        (["bus", "car", "car", "house"], "bus"),
        (["snow", "snow", "beach"], "night"),
        (["owl"] * 5, "owl"),
    ],
    task='For four pictures of a fox the judge says `["fox", "cat", "fox", "fox"]`: three show what '
    "was asked for. Write `count_right`, which counts them for any list of words `said` and any "
    "word `wanted`.",
    hint="Go through the words; each that equals `wanted` counts 1. In Python, True counts as 1.",
    wrong={
        _whether_any: "that says whether one of them is right; count them all.",
        _how_many_kinds: "that counts the different words, right or wrong.",
        _a_share: "that is the share of right ones; the task asks for their number.",
        _the_wrong_ones: "those are the wrong ones.",
    },
)


def sculpt(guess, x, steps):
    """Start at x; in each step ask for a guess and go a part of the way to it, in the last all."""
    for left in range(steps, 0, -1):
        x = x + (guess(x) - x) / left
    return x


def _all_the_way(guess, x, steps):
    for _ in range(steps):
        x = guess(x)
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


def _adds_the_guess(guess, x, steps):
    for left in range(steps, 0, -1):
        x = x + guess(x) / left
    return x


def _blocks():
    """A guess that knows two statues and trusts the nearer one more, and three blocks of stone."""
    statues = torch.tensor([[2.0, 0.0], [-1.0, 1.0]])

    def guess(x):
        return torch.softmax(-torch.cdist(x, statues), 1) @ statues

    stone = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    return [(guess, stone, 1), (guess, stone, 4), (guess, stone, 10)]


exercise(
    "00.4",
    level=3,
    solution=sculpt,
    inputs=_blocks,
    task="Write the sculptor. `sculpt` starts with the stone `x` (numbers that can be added and "
    "multiplied) and takes so many `steps`. In each it asks for a new guess, `guess(x)`, and goes a "
    "part of the way from `x` to it: with four steps left a quarter of the way, with three left a "
    "third, and in the last step all of it. Return the statue.",
    hint="The way from x to the guess is `guess(x) - x`. Count the steps that are left downwards: "
    "`for left in range(steps, 0, -1)`.",
    wrong={
        _all_the_way: "every step goes all the way to its guess, the first blurred one too.",
        _equal_parts: "parts of one size never arrive: with four steps left it is a quarter, with "
        "one left the whole.",
        _one_guess: "the guess is made once, before the first blow; look again before each.",
        _adds_the_guess: "go from x towards the guess: add a part of the difference.",
    },
)
