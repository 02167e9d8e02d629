"""The prompt's ideas, copied from its words: a first, local segmentation.

A phrase is a run of words between punctuation and words that carry no idea. Positions are kept,
so that every keyword can be shown in the asker's own spelling.
"""

import re
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
#: Words that join ideas but are none.
_JOINTS = frozenset(
    """a an the and or of in on at by to for from with without into onto over under above below
    near beside between behind next front top bottom left right side middle center centre
    inside outside around through across along during as is are be been being am was were has
    have had do does did that this these those it its his her their our your my who which while
    very some any many several two three four one there here up down out off please make draw
    show me give create generate image picture photo drawing painting i want you can could would
    like us let style styled background""".split()
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A run of the prompt's words. `words` are folded; `text` is the prompt's own spelling."""

    text: str
    words: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of words."""
        return len(self.words)


@dataclass(frozen=True, slots=True)
class _Word:
    folded: str
    start: int
    end: int


def find_phrases(prompt: str) -> list[Phrase]:
    """Returns the phrases of the prompt in its order; none where it holds no idea."""
    return [_phrase(prompt, run) for run in _runs(prompt)]


def sub_phrases(prompt: str, longest: int = 4) -> list[list[Phrase]]:
    """Returns, for every phrase of the prompt, all runs of its words up to that many, by place.

    Each list begins with the whole phrase, whatever its length.
    """
    return [_parts(prompt, run, longest) for run in _runs(prompt)]


def _parts(prompt: str, run: list[_Word], longest: int) -> list[Phrase]:
    parts = [_phrase(prompt, run)]
    for start in range(len(run)):
        for end in range(start + 1, min(start + longest, len(run)) + 1):
            if end - start < len(run):
                parts.append(_phrase(prompt, run[start:end]))
    return parts


def _runs(prompt: str) -> list[list[_Word]]:
    runs: list[list[_Word]] = [[]]
    reached = 0
    for found in _WORD.finditer(prompt):
        word = _Word(found.group().casefold(), found.start(), found.end())
        apart = bool(prompt[reached : word.start].strip())
        if apart or word.folded in _JOINTS:
            runs.append([])
        if word.folded not in _JOINTS:
            runs[-1].append(word)
        reached = word.end
    return [run for run in runs if run]


def _phrase(prompt: str, run: list[_Word]) -> Phrase:
    return Phrase(prompt[run[0].start : run[-1].end], tuple(word.folded for word in run))
