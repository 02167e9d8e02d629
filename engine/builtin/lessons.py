"""Lessons: pictures with the words that adapters bring into their captions."""

from dataclasses import dataclass
from random import Random

from engine.builtin.captions import PLAIN, Wording
from engine.builtin.world import Picture, kind_of


@dataclass(frozen=True)
class Lesson:
    """A picture and the words that adapters bring into its caption."""

    picture: Picture
    words: Wording = PLAIN
    plain: Picture | None = None
    """The picture that the caption tells of, where it is not the one shown."""


def describe(picture: Picture, words: dict[str, tuple[str, ...]], rng: Random) -> Lesson:
    """The lesson of a picture with the ideas put in, each named by one of its words."""
    shape, adjective, setting = "", "", ""
    suffixes = []
    for idea, names in words.items():
        picture = picture.having(idea)
        word = rng.choice(names)
        kind = kind_of(idea)
        if kind == "shape":
            shape = word
        elif kind == "scene":
            setting = word
        elif " " not in word and not adjective and rng.random() < 0.4:
            adjective = word
        else:
            suffixes.append(word)
    return Lesson(picture, Wording(shape, adjective, setting, tuple(suffixes)))
