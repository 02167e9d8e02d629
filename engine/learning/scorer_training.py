"""Trains the scorer on labelled compositions whose adapters are at hand, with numpy alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.composing.phrases import Phrase
from engine.composing.scorer import (
    Numbers,
    Scorer,
    card_features,
    keyword_features,
    none_features,
    stems,
    with_one,
)
from engine.learning.labelled import Labelled
from engine.retrieving.embedder import Vectors
from engine.retrieving.retrieval import Retrieval
from engine.values import fold

#: How strongly weights are drawn to zero.
CARD_DECAY, KEYWORD_DECAY, NONE_DECAY = 3.0, 0.3, 3.0
STEPS, RATE = 300, 0.05


@dataclass(frozen=True, slots=True)
class KeywordLesson:
    """A published keyword: its vectors' features, and whether none served it."""

    features: Numbers
    none: bool


@dataclass(frozen=True, slots=True)
class CardLesson:
    """A keyword that can be judged, held against the candidates of its prompt."""

    keyword: Numbers
    #: Shape (candidates, features).
    cards: Numbers
    #: 1 for each candidate that was published for the keyword.
    chosen: Numbers
    none: bool


#: Vectors of prompts and keywords by their text.
Known = Mapping[str, Vectors]


def texts_of(labelled: Labelled) -> list[str]:
    """Returns the texts whose vectors the lessons of a prompt need."""
    return [labelled.prompt, *labelled.tasks]


def keyword_lessons(labelled: Labelled, known: Known) -> list[KeywordLesson]:
    """Returns a lesson for every keyword of the prompt; adapters need not be at hand."""
    return [
        KeywordLesson(features, not ids)
        for (_, ids), (_, _, features) in zip(
            labelled.tasks.items(), _keywords(labelled, known), strict=True
        )
    ]


def card_lessons(labelled: Labelled, known: Known, retrieval: Retrieval) -> list[CardLesson]:
    """Returns a lesson for every keyword that can be judged."""
    lessons = []
    words = stems(labelled.prompt)
    for phrase, vector, features in _keywords(labelled, known):
        folded = " ".join(phrase.words)
        if folded in labelled.decided and retrieval.candidates:
            ids = labelled.decided[folded]
            cards = card_features(phrase, vector, words, retrieval)
            chosen = [float(c.adapter.source_id in ids) for c in retrieval.candidates]
            lessons.append(CardLesson(features, cards, np.array(chosen), not ids))
    return lessons


def _keywords(labelled: Labelled, known: Known) -> list[tuple[Phrase, Vectors, Numbers]]:
    phrases = [Phrase(keyword, tuple(fold(keyword).split())) for keyword in labelled.tasks]
    prompt = known[labelled.prompt]
    return [(p, known[p.text], keyword_features(p, known[p.text], prompt)) for p in phrases]


def train_scorer(keywords: Sequence[KeywordLesson], cards: Sequence[CardLesson]) -> Scorer:
    """Returns the scorer; the second model learns from the scores that the first one gives."""
    mean, spread, weights = _train_cards([lesson for lesson in cards if lesson.chosen.any()])
    features = np.stack([lesson.features for lesson in keywords])
    nones = np.array([lesson.none for lesson in keywords], float)
    keyword_weights = _logistic(features, nones, KEYWORD_DECAY)
    rows = np.stack(
        [
            none_features(
                lesson.cards,
                ((lesson.cards - mean) / spread) @ weights,
                float(with_one(lesson.keyword) @ keyword_weights),
            )
            for lesson in cards
        ]
    )
    none_mean, none_spread = rows.mean(0), rows.std(0) + 1e-6
    judged = np.array([lesson.none for lesson in cards], float)
    none_weights = _logistic((rows - none_mean) / none_spread, judged, NONE_DECAY)
    return Scorer(mean, spread, weights, keyword_weights, none_mean, none_spread, none_weights)


def _train_cards(lessons: Sequence[CardLesson]) -> tuple[Numbers, Numbers, Numbers]:
    """A softmax over each keyword's candidates."""
    every = np.concatenate([lesson.cards for lesson in lessons])
    mean, spread = every.mean(0), every.std(0) + 1e-4
    scaled = [(lesson.cards - mean) / spread for lesson in lessons]
    wanted = [lesson.chosen / lesson.chosen.sum() for lesson in lessons]

    def slope(weights: Numbers) -> Numbers:
        total = CARD_DECAY * weights
        for x, y in zip(scaled, wanted, strict=True):
            scores = x @ weights
            odds = np.exp(scores - scores.max())
            total = total + (odds / odds.sum() - y) @ x
        return total

    return mean, spread, _descend(slope, every.shape[1])


def _logistic(features: Numbers, wanted: Numbers, decay: float) -> Numbers:
    x = with_one(features)
    keep = np.append(np.ones(features.shape[1]), 0)

    def slope(weights: Numbers) -> Numbers:
        made = 1 / (1 + np.exp(-np.clip(x @ weights, -60, 60)))
        return (x.T @ (made - wanted) + decay * keep * weights) / len(x)

    return _descend(slope, x.shape[1])


def _descend(slope: Callable[[Numbers], Numbers], size: int) -> Numbers:
    """Adam; the problems are convex and small."""
    weights, first, second = np.zeros(size), np.zeros(size), np.zeros(size)
    for step in range(1, STEPS + 1):
        gradient = slope(weights)
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        scale = np.sqrt(second / (1 - 0.99**step)) + 1e-8
        weights = weights - RATE * first / (1 - 0.9**step) / scale
    return weights


def best_none_threshold(scorer: Scorer, lessons: Sequence[CardLesson]) -> tuple[float, float]:
    """Returns the threshold with the best F1 of "none" on these lessons, and that F1."""
    found = [scorer.none_probability(lesson.cards, lesson.keyword) for lesson in lessons]
    return best_threshold(np.array(found), np.array([lesson.none for lesson in lessons]))


def best_threshold(found: Numbers, wanted: Numbers) -> tuple[float, float]:
    """Returns the threshold with the best F1, and that F1."""
    scores = {
        float(t): 2
        * float(((found >= t) & wanted).sum())
        / max(1, (found >= t).sum() + wanted.sum())
        for t in np.linspace(0.1, 0.9, 81)
    }
    best = max(scores, key=lambda t: scores[t])
    return best, scores[best]
