"""The local composer: tasks and their adapters without a language model.

The retriever has segmented the prompt. A learned scorer holds every keyword against every
candidate and says how likely none should serve it, since "no adapter" is a good answer. Adapters
are then given away greedily, each once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.composing.local_model import LocalModel
from engine.composing.phrases import Phrase
from engine.composing.scorer import CARD_FEATURES, Numbers, card_features, keyword_features, stems
from engine.retrieving.retrieval import Retrieval
from engine.values import Adapter, Candidate, Composition, Pick, Task

#: Further adapters of a task must reach this share of the first one's odds.
CLOSE = 0.5
#: A card that is called by the keyword and means it at least so much is never refused.
NAMED_MEANING = 0.4
#: What being named adds to the log odds; published compositions make little of names.
NAMED_BONUS = 3.0
#: A card that shares no word with the keyword and means it less than this is never chosen.
LEAST_MEANING = 0.38
#: ... or than this, where it only looks alike: a name is a keyword's word and three letters more.
ALIKE_MEANING = 0.65
LONGER = 3
_COVERED = CARD_FEATURES.index("keyword's words in any of them")
_MEANINGS = [CARD_FEATURES.index("keyword ~ heading"), CARD_FEATURES.index("keyword ~ body")]


@dataclass(frozen=True, slots=True)
class _Match:
    """One keyword held against one candidate."""

    keyword: int
    candidate: Candidate
    #: That this card and no other serves the keyword, as far as the scorer knows.
    probability: float
    named: bool


@dataclass(frozen=True, slots=True)
class _Keyword:
    """What is known of one keyword and every candidate."""

    number: int
    features: Numbers
    #: The scorer's, raised for cards that are named; minus infinity for those that do not fit.
    usefulness: Numbers
    named: NDArray[np.bool_]
    #: For `Scorer.none_probability`.
    vector: Numbers


def compose_locally(
    prompt: str, retrieval: Retrieval, model: LocalModel, per_task: int, total: int
) -> Composition:
    """Returns the composition; at most `per_task` adapters a task and `total` in all."""
    phrases = retrieval.segmented.phrases
    chosen: list[_Match] = []
    if retrieval.candidates:
        words = stems(prompt)
        keywords = [_read(n, words, retrieval, model) for n in range(len(phrases))]
        chosen = _assign(keywords, retrieval, model, per_task, total)
    tasks = (
        Task(phrase.text, tuple(_pick(match, phrase) for match in chosen if match.keyword == n))
        for n, phrase in enumerate(phrases)
    )
    return Composition(prompt, tuple(tasks), composer="local")


def _read(
    number: int, prompt_words: frozenset[str], retrieval: Retrieval, model: LocalModel
) -> _Keyword:
    segmented = retrieval.segmented
    phrase, vector = segmented.phrases[number], segmented.vectors[number]
    features = card_features(phrase, vector, prompt_words, retrieval)
    named = _named(features, phrase, retrieval)
    meanings = features[:, _MEANINGS].max(axis=1)
    needed = [_needed_meaning(phrase, c.adapter) for c in retrieval.candidates]
    fits = (meanings >= needed) | _shared(phrase, retrieval) | named
    if phrase.bare:  # every checkpoint can paint a wall red; only a card called so is meant
        fits &= named
    usefulness = model.scorer.usefulness(features) + NAMED_BONUS * named
    known = keyword_features(phrase, vector, segmented.vector)
    return _Keyword(number, features, np.where(fits, usefulness, -np.inf), named, known)


def _assign(
    keywords: Sequence[_Keyword],
    retrieval: Retrieval,
    model: LocalModel,
    per_task: int,
    total: int,
) -> list[_Match]:
    """Greedy: the surest keyword takes its cards, the others choose among what is left."""
    chosen: list[_Match] = []
    left = list(keywords)
    free = np.ones(len(retrieval.candidates), bool)
    while left and len(chosen) < total:
        offers = [(_offer(one, free, retrieval, model), one) for one in left]
        matches, best = max(offers, key=lambda o: (_surety(o[0]), -o[1].number))
        taken = matches[: min(per_task, total - len(chosen))]
        chosen += taken
        used = {match.candidate.adapter.id for match in taken}
        free &= np.array([c.adapter.id not in used for c in retrieval.candidates])
        left = [one for offer, one in offers if offer and one is not best]
    return chosen


def _surety(matches: Sequence[_Match]) -> float:
    return matches[0].probability if matches else -1.0


def _offer(
    keyword: _Keyword, free: NDArray[np.bool_], retrieval: Retrieval, model: LocalModel
) -> list[_Match]:
    """The free cards that may serve a keyword, best first; none where none is the better answer."""
    usefulness = np.where(free, keyword.usefulness, -np.inf)
    if np.isneginf(usefulness).all():
        return []
    best = int(usefulness.argmax())
    none = model.scorer.none_probability(keyword.features[free], keyword.vector)
    if keyword.named[best]:
        none = min(none, model.none_threshold / 2)
    if none >= model.none_threshold:
        return []
    odds = np.exp(usefulness - usefulness[best])
    shares = (1 - none) * odds / odds.sum()
    close = [int(n) for n in np.argsort(-odds, kind="stable") if odds[n] >= CLOSE]
    return [
        _Match(keyword.number, retrieval.candidates[n], float(shares[n]), bool(keyword.named[n]))
        for n in close
    ]


def _needed_meaning(phrase: Phrase, adapter: Adapter) -> float:
    """How near a card without a common word must be.

    More where a keyword's word begins one of its names: “bond” looks like “bondage” to an embedder.
    """
    alike = (
        name.startswith(word) and len(name) - len(word) >= LONGER
        for word in stems(" ".join(phrase.words))
        if len(word) >= LONGER
        for name in _names(adapter)
    )
    return ALIKE_MEANING if any(alike) else LEAST_MEANING


def _shared(phrase: Phrase, retrieval: Retrieval) -> NDArray[np.bool_]:
    """Which cards have a word that the keyword is about: “lucky style” is not about “style”."""
    words = stems(" ".join(phrase.telling)) if phrase.telling else frozenset()
    return np.array([bool(words & _names(c.adapter)) for c in retrieval.candidates], bool)


def _names(adapter: Adapter) -> frozenset[str]:
    return stems(" ".join([adapter.title, *adapter.trigger_words, *adapter.tags]))


def _named(features: Numbers, phrase: Phrase, retrieval: Retrieval) -> NDArray[np.bool_]:
    """Which cards the keyword calls by their title or a trigger word.

    The name must have the keyword's last word, the thing itself: “yellow star” calls for “star”,
    “star pattern” does not.
    """
    meant = features[:, _MEANINGS].max(axis=1) >= NAMED_MEANING
    words, last = stems(" ".join(phrase.words)), stems(phrase.words[-1])
    named = np.zeros(len(features), bool)
    for n in np.flatnonzero(meant & (features[:, _COVERED] > 0)):
        adapter = retrieval.candidates[n].adapter
        names = map(stems, [adapter.title, *adapter.trigger_words])
        named[n] = any(last <= name <= words for name in names)
    return named


def _pick(match: _Match, phrase: Phrase) -> Pick:
    if match.named:
        reason = f"“{phrase.text}” has its name or a trigger word"
    else:
        reason = f"its card is close in meaning to “{phrase.text}”"
    return pick_adapter(match.candidate.adapter, match.probability, reason)


def pick_adapter(adapter: Adapter, score: float, reason: str) -> Pick:
    """Returns a pick of the adapter at its card's weight."""
    return Pick(
        adapter_id=adapter.id,
        source=adapter.source,
        source_id=adapter.source_id,
        title=adapter.title,
        sha256=adapter.sha256,
        blob=adapter.blob,
        trigger_words=adapter.trigger_words,
        weight=adapter.weight,
        score=round(score, 4),
        reason=reason,
        link=adapter.link,
        creator=adapter.creator,
        licence=adapter.licence,
    )
