"""Cards that the prompt calls by their names, where the tagger heard no keyword.

Who writes “crescent moon” before a card of that title means it, however the sentence around it
is built.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from engine.composing.phrases import Phrase, Places
from engine.composing.scorer import stems
from engine.composing.segmentation import HABITS, Segmented
from engine.retrieving.embedder import MiniLM
from engine.values import Adapter, fold

#: Words of the longest name that is listened for.
LONGEST_CALL = 4


def with_calls(
    prompt: str, segmented: Segmented, adapters: Sequence[Adapter], embedder: MiniLM
) -> Segmented:
    """Returns the segmentation with a keyword more for each name in words that have none."""
    places = Places(prompt)
    for phrase in segmented.phrases:
        places.take(phrase.text)
    heard = [text for name in _names(adapters) if (text := places.take(name))]
    if not heard:
        return segmented
    phrases = [*segmented.phrases, *(Phrase(text, tuple(fold(text).split())) for text in heard)]
    vectors = np.concatenate([segmented.vectors, embedder.embed(heard)])
    order = sorted(range(len(phrases)), key=lambda n: prompt.find(phrases[n].text))
    return Segmented(segmented.vector, tuple(phrases[n] for n in order), vectors[order])


def _names(adapters: Iterable[Adapter]) -> list[str]:
    """Names worth listening for, longer ones first."""
    found = {
        fold(name)
        for adapter in adapters
        for name in (adapter.title, *adapter.trigger_words)
        if _tells(adapter, name)
    }
    return sorted(found, key=lambda name: (-len(name.split()), name))


def _tells(adapter: Adapter, name: str) -> bool:
    """Whether a name means this card: some words, or one that its title has too."""
    words = tuple(fold(name).split())
    if not 1 <= len(words) <= LONGEST_CALL or Phrase(name, words).bare or HABITS.issuperset(words):
        return False
    return len(words) > 1 or stems(name) <= stems(adapter.title)
