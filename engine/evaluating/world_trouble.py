"""Prompts that call for the shelf's troublemakers, and how much harm their images show.

One saturates, one swallows other ideas (Stylus, section 4.5): half of the prompts ask for vivid
colours; a quarter for a flower beside another object, and a quarter for flower power on an object,
which must not be lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from engine.builtin import shelf
from engine.builtin.captions import caption
from engine.builtin.lessons import describe
from engine.builtin.stories import STORIES
from engine.builtin.world import random_pair, random_single, seeded
from engine.evaluating.questions import Question

SATURATES, SWALLOWS = "saturates", "swallows"
#: The troublemakers' slugs, by how they fail.
TROUBLEMAKERS: Mapping[str, str] = {
    adapter.trouble: adapter.slug for adapter in shelf.SHELF if adapter.trouble
}
#: Readings of the instrument that an object's shape may be found in.
_SHAPES = ("shape", "other shape")


@dataclass(frozen=True, slots=True)
class Call:
    """A prompt that calls for a troublemaker."""

    prompt: str
    #: How that one fails.
    trouble: str
    #: The object's shape that it may swallow; '' where it swallows none.
    other: str = ""

    @property
    def question(self) -> Question:
        """The prompt, for the report."""
        return Question(self.prompt, self.trouble)


def calls(count: int) -> list[Call]:
    """Returns `count` prompts for each of the two kinds of trouble."""
    rng = seeded("trouble")
    trigger = STORIES[TROUBLEMAKERS[SATURATES]].triggers[0]
    vivid = [
        Call(f"{caption(random_single(rng), rng, complete=True)}, {trigger} colors", SATURATES)
        for _ in range(count)
    ]
    swallower = shelf.by_slug(TROUBLEMAKERS[SWALLOWS])
    title = STORIES[swallower.slug].title.lower()
    others = []
    for number in range(count):
        if number % 2:
            picture = random_single(rng)
            prompt = f"{caption(picture, rng, complete=True)}, {title}"
        else:
            told = describe(random_pair(rng), swallower.words, rng)
            picture, prompt = told.picture, caption(told.picture, rng, told.words, complete=True)
        others.append(Call(prompt, SWALLOWS, picture.things[-1].shape))
    return vivid + others


def blocked(
    call: Call, ours: Sequence[Mapping[str, str]], base: Sequence[Mapping[str, str]]
) -> float | None:
    """Returns the share of images without the other object, of those whose base shows it.

    `ours` and `base` are the instrument's readings of the same seeds; None where no base does.
    """
    lost = [
        not _shows(one, call.other)
        for one, other in zip(ours, base, strict=True)
        if _shows(other, call.other)
    ]
    return fmean(lost) if lost else None


def _shows(reading: Mapping[str, str], shape: str) -> bool:
    return shape in (reading[kind] for kind in _SHAPES)
