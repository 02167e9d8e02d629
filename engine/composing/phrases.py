"""The prompt's words and the phrases made of them, copied in the prompt's own spelling."""

import re
from dataclasses import dataclass

from engine.values import fold

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

#: Words that tell how a thing looks and name none ...
_LOOKS = frozenset(
    """red orange yellow green cyan blue purple pink white black gray grey brown violet magenta
    beige maroon teal turquoise crimson scarlet azure indigo colored coloured small little tiny
    mini medium big large huge giant sized dark light bright pale deep plain solid""".split()
)
#: ... those that may name one, but not before a wall ...
_HUES = frozenset(
    """tangerine lemon gold golden silver emerald aqua cobalt navy rose rosy ivory ebony chocolate
    lavender amber olive lime mint coral cream sky""".split()
)
#: ... and the wall behind whatever is shown.
_WALLS = frozenset(("background", "backdrop"))


@dataclass(frozen=True, slots=True)
class Phrase:
    """A run of the prompt's words. `words` are folded; `text` is the prompt's own spelling."""

    text: str
    words: tuple[str, ...]

    @property
    def bare(self) -> bool:
        """Whether it names no thing, only how something looks, such as “red background”."""
        looks = _LOOKS | _WALLS | (_HUES if _WALLS & set(self.words) else frozenset())
        return all(word in looks for word in self.words)

    @property
    def telling(self) -> tuple[str, ...]:
        """The words that say what is meant: those of “pop art style” without “style”."""
        return tuple(word for word in self.words if word not in _JOINTS)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the prompt."""

    folded: str
    start: int
    end: int
    #: Whether only blanks, dashes or underscores stand between it and the word before.
    joined: bool

    @property
    def idle(self) -> bool:
        """Whether it joins ideas but is none."""
        return self.folded in _JOINTS


def split_words(prompt: str) -> list[Word]:
    """Returns the words of the prompt in its order."""
    words: list[Word] = []
    reached = 0
    for found in _WORD.finditer(prompt):
        between = prompt[reached : found.start()]
        joined = bool(words) and not between.strip(" _-\t\n")
        words.append(Word(found.group().casefold(), found.start(), found.end(), joined))
        reached = found.end()
    return words


def to_phrase(prompt: str, run: list[Word]) -> Phrase:
    """Returns the phrase of neighbouring words."""
    return Phrase(prompt[run[0].start : run[-1].end], tuple(word.folded for word in run))


def plain_runs(words: list[Word]) -> list[tuple[int, int]]:
    """Returns the runs (first word, one behind the last) between punctuation and idle words.

    The segmentation where there is no trained one.
    """
    runs: list[tuple[int, int]] = []
    for n, word in enumerate(words):
        if word.idle:
            continue
        if runs and runs[-1][1] == n and word.joined:
            runs[-1] = (runs[-1][0], n + 1)
        else:
            runs.append((n, n + 1))
    return runs


class Places:
    """The prompt's words, each to be given away once."""

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt
        found = list(re.finditer(r"[^\W_]+", prompt))
        self._words = [word.group().casefold() for word in found]
        self._spans = [word.span() for word in found]
        self._free = [True] * len(found)

    def take(self, keyword: str) -> str | None:
        """Returns the keyword in the prompt's own spelling; None where its words are not free.

        Letter case and punctuation aside, the keyword must be a run of whole words.
        """
        wanted = fold(keyword).split()
        for start in range(len(self._words) - len(wanted) + 1 if wanted else 0):
            end = start + len(wanted)
            if self._words[start:end] == wanted and all(self._free[start:end]):
                self._free[start:end] = [False] * len(wanted)
                return self._prompt[self._spans[start][0] : self._spans[end - 1][1]]
        return None
