"""Sentences of the engine in a person's language.

The engine says everything in English, in one sentence fit for chat, and some of it is kept with
the request. A language lists those sentences with `{}` where something is filled in; what is not
listed stays English.
"""

import re
from functools import lru_cache

from bot.texts.texts import Texts


def said(sentence: str, texts: Texts) -> str:
    """Returns a sentence or word of the engine in the language of the texts."""
    for pattern, words in _patterns(tuple(texts.sentences.items())):
        found = pattern.fullmatch(sentence)
        if found:
            return words.format(*(_Part(part, texts) for part in found.groups()))
    return sentence


class _Part:
    """What is filled in: people's words as they are, or once more a sentence of the engine."""

    def __init__(self, words: str, texts: Texts) -> None:
        self._words = words
        self._texts = texts

    def __format__(self, how: str) -> str:
        return said(self._words, self._texts) if how == "said" else self._words


@lru_cache
def _patterns(sentences: tuple[tuple[str, str], ...]) -> list[tuple[re.Pattern[str], str]]:
    """Those with the most words of their own come first: others would match them, too."""
    known = sorted(sentences, key=lambda one: -len(one[0].replace("{}", "")))
    return [(_pattern(english), words) for english, words in known]


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(map(re.escape, english.split("{}"))), re.DOTALL)
