"""Cards that the prompt calls by their names, where the tagger heard no keyword.

Who writes “crescent moon” before a card of that title means it, however the sentence around it
is built.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from engine.composing.phrases import Phrase, Places
from engine.composing.scorer import stems
from engine.composing.segmentation import HABITS, Segmented
from engine.retrieving.embedder import MiniLM
from engine.values import Adapter, fold

#: Words of the longest name that is listened for.
LONGEST_CALL = 4
#: Cards whose names are kept: most prompts come near the same ones.
CARDS = 10_000


def with_calls(
    prompt: str, segmented: Segmented, adapters: Sequence[Adapter], embedder: MiniLM
) -> Segmented:
    """Returns the segmentation with a keyword more for each name in words that have none."""
    places = Places(prompt)
    for phrase in segmented.phrases:
        places.take(phrase.text)
    said = {fold(phrase.text) for phrase in segmented.phrases}  # a word said twice is one task
    names = [name for name in _names(adapters) if name not in said]
    heard = [text for name in names if (text := places.take(name))]
    if not heard:
        return segmented
    phrases = [*segmented.phrases, *(Phrase(text, tuple(fold(text).split())) for text in heard)]
    vectors = np.concatenate([segmented.vectors, embedder.embed(heard)])
    order = sorted(range(len(phrases)), key=lambda n: prompt.find(phrases[n].text))
    return Segmented(segmented.vector, tuple(phrases[n] for n in order), vectors[order])


def _names(adapters: Iterable[Adapter]) -> list[str]:
    """Names worth listening for, longer ones first."""
    found = {name for a in adapters for name in _names_of(a.title, a.trigger_words)}
    return sorted(found, key=lambda name: (-len(name.split()), name))


@lru_cache(maxsize=CARDS)
def _names_of(title: str, trigger_words: tuple[str, ...]) -> tuple[str, ...]:
    names = (title, *trigger_words)
    return tuple({fold(name): None for name in names if _tells(title, name)})


def _tells(title: str, name: str) -> bool:
    """Whether a name means this card: some words, or one that its title has too."""
    words = tuple(fold(name).split())
    if not 1 <= len(words) <= LONGEST_CALL or Phrase(name, words).bare or HABITS.issuperset(words):
        return False
    return len(words) > 1 or stems(name) <= stems(title)
