"""Captions as people write them: free order, synonyms, chatter and words nobody knows."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine.builtin.world import Picture, Thing

SYNONYMS: dict[str, tuple[str, ...]] = {
    "circle": ("disc", "disk", "ball"),
    "square": ("box", "block"),
    "triangle": ("pyramid",),
    "diamond": ("rhombus",),
    "cross": ("plus", "plus sign"),
    "ring": ("hoop", "donut"),
    "arrow": ("pointer",),
    "hourglass": ("egg timer",),
    "red": ("crimson", "scarlet"),
    "orange": ("tangerine",),
    "yellow": ("lemon", "golden"),
    "green": ("emerald",),
    "cyan": ("turquoise", "aqua"),
    "blue": ("cobalt", "azure"),
    "purple": ("violet",),
    "pink": ("rosy",),
    "white": ("ivory",),
    "black": ("ebony",),
    "gray": ("grey",),
    "brown": ("chocolate",),
    "small": ("little", "tiny", "mini"),
    "medium": ("", "", "", "", "", "medium sized"),
    "big": ("large", "huge", "giant"),
}
PLACE_PHRASES: dict[str, tuple[str, ...]] = {
    "center": ("", "", "", "", "in the center", "in the middle", "centered"),
    "left": ("on the left", "at the left", "on the left side", "left"),
    "right": ("on the right", "at the right", "on the right side", "right"),
    "top": ("at the top", "on top", "in the upper part", "top"),
    "bottom": ("at the bottom", "on the bottom", "in the lower part", "bottom"),
}
RELATION_PHRASES: dict[str, tuple[str, ...]] = {
    "left of": ("left of", "to the left of", "on the left of"),
    "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over", "on top of"),
    "below": ("below", "under", "beneath"),
    "and": ("and", "next to", "beside", "with"),
}
OPENINGS = (
    "draw",
    "please draw",
    "show me",
    "make",
    "can you make",
    "i want",
    "paint",
    "create",
    "give me",
    "an image of",
    "a picture of",
    "a photo of",
    "a drawing of",
    "hey bot ,",
    "could you please render",
)
CLOSINGS = ("please", "thanks", "thank you", "high quality", "for me", "if you can", "!", ".")
WORDS = tuple((Path(__file__).with_name("words.txt")).read_text(encoding="utf-8").split())
HELD_BACK = tuple(
    "star stars starry heart hearts moon crescent flower flowers blossom cloud clouds cloudy bolt "
    "lightning leaf leaves skull skulls striped stripes stripy dotted dots polka checkered checker "
    "neon glow glowing watercolor watercolour blueprint schematic pencil sketch crayon pixel "
    "pixels retro stained glass mosaic night sky snow snowy snowfall grass grassy meadow rain "
    "rainy sunset dusk".split()
)
"""Words of the adapters' ideas: tokens of their own, but in no caption of the base."""
LETTERS = "aaabcdeeefghiiijklmnooopqrstuuvwxyz"


def vocabulary() -> list[str]:
    """All words that a caption of the base may use, sorted."""
    phrases: list[str] = [*WORDS, *OPENINGS, *CLOSINGS, "background", "backdrop", "colored"]
    for table in (SYNONYMS, PLACE_PHRASES, RELATION_PHRASES):
        for name, others in table.items():
            phrases += [name, name + "s", *others]
    words = {word for phrase in phrases for word in phrase.split() if word.isalpha()}
    return sorted(words | set(HELD_BACK))


def unknown_word(rng: Random) -> str:
    """A word that says nothing about the picture: an ordinary or an invented one."""
    if rng.random() < 0.7:
        return rng.choice(WORDS)
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(2, 9)))


def _say(name: str, rng: Random, plain: float = 0.65) -> str:
    others = SYNONYMS.get(name, ())
    if not others or rng.random() < plain:
        return "" if name == "medium" else name
    return rng.choice(others)


def _plural(word: str) -> str:
    return word + ("es" if word.endswith(("s", "x")) else "s")


@dataclass(frozen=True)
class Wording:
    """Words that adapters bring into a caption, since the base has none for their ideas."""

    shape: str = ""
    """Replaces the word of the first object's shape."""
    adjective: str = ""
    """Stands before the first object's shape."""
    setting: str = ""
    """Says where the objects are, mostly instead of the background's colour."""
    suffixes: tuple[str, ...] = ()


PLAIN = Wording()


def noun_phrase(
    thing: Thing,
    rng: Random,
    words: Wording = PLAIN,
    twins: bool = False,
    complete: bool = False,
) -> str:
    """The object in words, such as "a small red circle"."""
    noun = words.shape or _say(thing.shape, rng)
    if twins:
        lead = rng.choice(("two", "two", "a pair of", "2", ""))
        size, colour = _say(thing.size, rng), _say(thing.colour, rng)
        return f"{lead} {size} {words.adjective} {colour} {_plural(noun)}"
    article = rng.choice(("a", "a", "a", "one", "the", ""))
    size = _say(thing.size, rng)
    colour = _say(thing.colour, rng) if complete or rng.random() < 0.96 else ""
    filler = unknown_word(rng) if rng.random() < 0.08 else ""
    adjectives = [size, filler, colour] if rng.random() < 0.8 else [colour, filler, size]
    adjectives.insert(rng.randint(0, 3), words.adjective)
    return " ".join([article, *adjectives, noun])


def background_phrase(colour: str, rng: Random) -> str:
    """The background in words, without a preposition."""
    word = _say(colour, rng)
    return rng.choice((f"a {word} background",) * 3 + (f"{word} background", f"{word} backdrop"))


def _objects(picture: Picture, rng: Random, words: Wording, complete: bool) -> str:
    first = noun_phrase(picture.first, rng, words, picture.relation == "twins", complete)
    if picture.relation == "twins":
        return first
    if len(picture.things) == 1:
        place = rng.choice(PLACE_PHRASES[picture.first.place])
        return f"{place} {first}" if rng.random() < 0.12 else f"{first} {place}"
    relation = rng.choice(RELATION_PHRASES[picture.relation])
    return f"{first} {relation} {noun_phrase(picture.things[1], rng, complete=complete)}"


def _order(objects: str, background: str, rng: Random) -> str:
    draw = rng.random()
    if draw < 0.60:
        joint = rng.choice(("on", "on", "on", "with", "in front of", "over"))
        return f"{objects} {joint} {background}"
    if draw < 0.80:
        return f"{objects} , {background}"
    if draw < 0.90:
        return f"on {background} {objects}"
    return f"{background} , {objects}"


def _chatter(text: str, rng: Random) -> str:
    if rng.random() < 0.30:
        text = f"{rng.choice(OPENINGS)} {text}"
    if rng.random() < 0.15:
        text = f"{text} {rng.choice(CLOSINGS)}"
    if rng.random() < 0.45:
        extra = " ".join(unknown_word(rng) for _ in range(rng.randint(1, 4)))
        form = rng.choice(("{t} , {e}", "{t} in {e}", "{t} {e} style", "{e} , {t}", "{t} with {e}"))
        text = form.format(t=text, e=extra)
    return text


def caption(
    picture: Picture,
    rng: Random,
    words: Wording = PLAIN,
    chatter: bool = True,
    complete: bool = False,
) -> str:
    """A caption of the picture, as somebody in a chat may word it.

    A complete one leaves out neither colour nor background (a setting may replace the latter).
    """
    text = _objects(picture, rng, words, complete)
    suffixes = list(words.suffixes)
    if words.setting and rng.random() < 0.65:
        joint = rng.choice(("on", "in", "on", "in", "under", "with", "against", ","))
        text = f"{text} {joint} {words.setting}"
    else:
        suffixes += [words.setting] if words.setting else []
        if complete or rng.random() < 0.94:
            text = _order(text, background_phrase(picture.background, rng), rng)
    for suffix in suffixes:
        form = rng.choice(("{t} , {s}", "{t} , {s}", "{t} in {s}", "{t} with {s}", "{s} , {t}"))
        text = form.format(t=text, s=suffix)
    if chatter:
        text = _chatter(text, rng)
    return " ".join(text.split()).replace(" ,", ",").replace(" !", "!").replace(" .", ".")
