"""Trains the scorer further on what a community liked and switched off, with numpy alone.

The trained weights are the starting point and hold the new ones back, so that a few answers move
them little. Whether it helps is measured on answers that were not learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.composing.phrases import Phrase
from engine.composing.scorer import Numbers, Scorer, card_features, stems
from engine.errors import BadOption
from engine.learning.own_answers import OwnAnswer
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import MiniLM
from engine.storage.database import Database
from engine.values import fold

#: Candidates that a prompt's words are held against.
CANDIDATES = 150
#: Fewer answers teach nothing.
FEWEST = 20
#: How strongly weights are drawn to those of before: as many answers' worth.
HOLD = 50.0
FOLDS = 5
STEPS, RATE = 200, 0.02


@dataclass(frozen=True, slots=True)
class OwnLesson:
    """Some words held against the candidates of their prompt."""

    prompt: str
    #: Shape (candidates, features).
    cards: Numbers
    #: 1 for each candidate that was right, and for each that was wrong.
    chosen: Numbers
    dropped: Numbers


@dataclass(frozen=True, slots=True)
class Trained:
    """The new scorer, and how often the best card was right, of words not learned from."""

    scorer: Scorer
    lessons: int
    before: float
    after: float


async def gather_own(
    database: Database, embedder: MiniLM, answers: Sequence[OwnAnswer], base: str
) -> list[OwnLesson]:
    """Returns a lesson for all words of the answers that retrieval has a card for.

    Raises `BadOption` where there are too few answers.
    """
    if len(answers) < FEWEST:
        raise BadOption(
            f"Answers that people liked or changed here: {len(answers)}; training needs {FEWEST}. "
            "Thumbs, duels, and switching adapters off under “Tasks” make more."
        )
    selection = Selection(base, with_file=False)
    lessons = []
    for one in answers:
        async with database.transaction() as connection:
            found = await retrieve(connection, embedder, one.prompt, selection, CANDIDATES)
        ids = [candidate.adapter.id for candidate in found.candidates]
        words = stems(one.prompt)
        for keyword in {**one.chosen, **one.dropped}:
            phrase = Phrase(keyword, tuple(fold(keyword).split()))
            right = _marked(ids, one.chosen.get(keyword, ()))
            wrong = _marked(ids, one.dropped.get(keyword, ()))
            if right.any() or wrong.any():
                vector = embedder.embed([keyword])[0]
                cards = card_features(phrase, vector, words, found)
                lessons.append(OwnLesson(one.prompt, cards, right, wrong))
    return lessons


def _marked(ids: Sequence[str], some: Sequence[str]) -> Numbers:
    return np.array([float(one in some) for one in ids])


def train_further(scorer: Scorer, lessons: Sequence[OwnLesson]) -> Trained:
    """Returns the scorer trained on all lessons; the shares come from folds by prompt."""
    prompts = {prompt: n % FOLDS for n, prompt in enumerate(sorted({x.prompt for x in lessons}))}
    after = []
    for fold_number in range(FOLDS):
        known = [one for one in lessons if prompts[one.prompt] != fold_number]
        held = [one for one in lessons if prompts[one.prompt] == fold_number]
        trained = _train(scorer, known)
        after += [is_right(trained, one) for one in held]
    before = [is_right(scorer, one) for one in lessons]
    return Trained(
        _train(scorer, lessons), len(lessons), float(np.mean(before)), float(np.mean(after))
    )


def is_right(scorer: Scorer, lesson: OwnLesson) -> bool:
    """Whether the card that scores best was right, or where none is known to be, not wrong."""
    best = int(np.argmax(scorer.usefulness(lesson.cards)))
    if lesson.chosen.any():
        return bool(lesson.chosen[best])
    return not lesson.dropped[best]


def _train(scorer: Scorer, lessons: Sequence[OwnLesson]) -> Scorer:
    """Descends from the scorer's weights: a softmax over each lesson's cards, raised for what was
    right and lowered for what was wrong."""
    scaled = [(one.cards - scorer.mean) / scorer.spread for one in lessons]
    weights, first, second = scorer.weights.copy(), 0 * scorer.weights, 0 * scorer.weights
    for step in range(1, STEPS + 1):
        gradient = HOLD * (weights - scorer.weights)
        for x, one in zip(scaled, lessons, strict=True):
            gradient = gradient + _slope(x, one, weights)
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        scale = np.sqrt(second / (1 - 0.99**step)) + 1e-8
        # Ever smaller steps: at a fixed size they would circle around the end.
        rate = RATE * (1 - step / STEPS)
        weights = weights - rate * first / (1 - 0.9**step) / scale
    return replace(scorer, weights=weights)


def _slope(x: Numbers, lesson: OwnLesson, weights: Numbers) -> Numbers:
    scores = x @ weights
    odds = np.exp(scores - scores.max())
    odds /= odds.sum()
    slope = np.zeros_like(weights)
    if lesson.chosen.any():
        slope = slope + (odds - lesson.chosen / lesson.chosen.sum()) @ x
    wrong = float(odds @ lesson.dropped)
    if wrong > 0:
        # Of -log(1 - p), with p the odds of what was wrong; bounded where p is nearly all.
        slope = slope + ((odds * lesson.dropped) - wrong * odds) @ x / max(1 - wrong, 0.05)
    return slope
