"""Captions of scenes: closed vocabulary, varied wording and detail, always true."""

from .sprites import COLOURS, STYLES, THINGS

SMALL, LARGE = 24, 36  # a size below the first is small, from the second on large
PLURALS = {"wolf": "wolves", "sheep": "sheep", "fish": "fish", "snowman": "snowmen"}
# where a thing is said to be
WHERE = {
    "snow": ("in snow", "in the snow"),
    "forest": ("in a forest", "in the forest"),
    "beach": ("on a beach", "on the beach"),
    "desert": ("in a desert", "in the desert"),
    "night": ("at night",),
    "space": ("in space",),
    "under water": ("under water",),
    "field": ("in a field", "in the field"),
    "city": ("in a city", "in the city"),
    "sunset": ("at sunset",),
}
SIZES = {"small": ("small", "little"), "": ("",), "large": ("large", "big")}
NUMBERS = (("a", "a", "one"), ("two", "two", "two", "some"), ("three", "three", "three", "some"))
MENTION = 0.6  # the chance of each detail to be told
MAX_WORDS = 12  # "an outlined drawing of two small yellow butterflies in the forest" has 11


def plural(noun):
    """ "foxes" for "fox"."""
    if noun in PLURALS:
        return PLURALS[noun]
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x")) else "s")


def article(phrase):
    """ "an owl" for "a owl"."""
    first, _, rest = phrase.partition(" ")
    vowel = first == "a" and rest[0] in "aeiou" and not rest.startswith("ufo")
    return f"an {rest}" if vowel else phrase


def size_word(scene):
    """ "small", "large" or, between the two, ""."""
    return "small" if scene.size < SMALL else "large" if scene.size >= LARGE else ""


def caption_of(scene, rng, mention=MENTION, vague=0.06):
    """`describe` from a numpy generator."""
    draw = iter(rng.random(12).tolist())

    def pick(*options):
        return options[int(next(draw) * len(options))]

    def mentions(share=mention):
        return next(draw) < share

    count = len(scene.spots)
    noun = THINGS[scene.thing] if mentions(vague) else scene.thing
    size = pick(*SIZES[size_word(scene)]) * mentions()
    colour = scene.colour * (scene.colour != "natural" and mentions())
    # a prompt with every detail says how many
    number = NUMBERS[count - 1][0] if mention == 1 else pick(*NUMBERS[count - 1])
    where = pick(*WHERE[scene.place]) * mentions()
    style = scene.style * mentions(mention**2)
    things = " ".join(filter(None, (number, size, colour, noun if count == 1 else plural(noun))))
    form = next(draw)
    if style and form < 0.3:
        return f"{article(f'a {style} drawing of {article(things)}')} {where}".strip()
    if where and form > 0.85:
        caption = f"{where}, {article(things)}"
    else:
        opening = "a picture of " if not style and form > 0.75 else ""
        caption = f"{opening}{article(things)} {where}".strip()
    return caption + (style and pick(", {} style", ", in {} style").format(style))


def plain_caption(scene):
    """A caption in always the same form, such as "two red foxes in snow, flat style".

    With it: eight of its tokens that say all of it, whatever its length: the one that begins a text
    (0, the words follow from 1), number, colour, thing, the first and last word of the place, style,
    and "style". A natural colour has no word, and the thing's stands for it.
    """
    count, where = len(scene.spots), WHERE[scene.place][0]
    noun = scene.thing if count == 1 else plural(scene.thing)
    colour = "" if scene.colour == "natural" else scene.colour
    things = " ".join(filter(None, (NUMBERS[count - 1][0], colour, noun)))
    caption = f"{article(things)} {where}, {scene.style} style"
    tokens = ["", *caption.replace(",", "").split()]
    first, *_, last = where.split()
    told = ("", tokens[1], colour or noun, noun, first, last, scene.style, "style")
    return caption, [tokens.index(token) for token in told]


def vocabulary(things=tuple(THINGS)):
    """Every word that a caption of a scene with these things may have."""
    nouns = [*things, *{THINGS[thing] for thing in things}]
    rest = [*COLOURS[1:], *STYLES, "an", "picture", "drawing", "of", "style", "in"]
    phrases = [*sum(WHERE.values(), ()), *sum(SIZES.values(), ()), *sum(NUMBERS, ())]
    return tuple(sorted({*nouns, *map(plural, nouns), *rest, *" ".join(phrases).split()}))


WORDS = vocabulary()
