"""Trains the local composer on labelled compositions, and finds its thresholds."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.composing.local_model import LocalModel, load_model
from engine.composing.phrases import split_words, to_phrase
from engine.composing.scorer import Scorer
from engine.composing.tagger import Tagger, best_runs
from engine.errors import BadFile
from engine.learning import agreement
from engine.learning.labelled import Labelled
from engine.learning.query_lessons import QueryLesson, query_lesson, read_vectors
from engine.learning.query_training import train_query
from engine.learning.scorer_training import (
    CardLesson,
    KeywordLesson,
    best_none_threshold,
    card_lessons,
    keyword_lessons,
    texts_of,
    train_scorer,
)
from engine.learning.tagger_training import Lesson, lesson, train_tagger
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import MiniLM, Vectors
from engine.storage.database import Database
from engine.values import fold

Tell = Callable[[str], None]

#: Candidates that a keyword is held against.
CANDIDATES = 150
#: One in so many prompts finds the thresholds and is learned from afterwards.
HELD_OUT = 5
#: Members of a tagger.
MEMBERS = 3
#: Fewer prompts teach nothing.
FEWEST = 50


@dataclass(frozen=True, slots=True)
class Lessons:
    """A labelled prompt and what is learned from it."""

    labelled: Labelled
    #: The prompt's vector.
    vector: Vectors
    words: Lesson
    keywords: tuple[KeywordLesson, ...]
    cards: tuple[CardLesson, ...]
    query: QueryLesson | None = None


async def gather(
    database: Database, embedder: MiniLM, labelled: Sequence[Labelled], base: str, tell: Tell
) -> list[Lessons]:
    """Returns the lessons of all prompts; cards are those in the database. Raises `BadFile`.

    Queries go unmoved: the shipped maps may know these prompts' answers.
    """
    useful = [one for one in labelled if one.tasks]
    if len(useful) < FEWEST:
        raise BadFile(
            f"There are {len(useful)} labelled prompts with keywords; training needs {FEWEST}."
        )
    selection = Selection(base, with_file=False)
    texts = sorted({text for one in useful for text in texts_of(one)})
    tell(f"embedding {len(texts)} prompts and keywords")
    known = dict(zip(texts, embedder.embed(texts), strict=True))
    model = load_model().unmoved
    async with database.transaction() as connection:
        every = await read_vectors(connection, base)
    lessons = []
    for n, one in enumerate(useful, 1):
        cards: list[CardLesson] = []
        query = None
        if one.known:
            async with database.transaction() as connection:
                found = await retrieve(
                    connection, embedder, one.prompt, selection, CANDIDATES, model
                )
                query = await query_lesson(connection, one, selection, found, every, embedder)
            cards = card_lessons(one, known, found)
        keywords = tuple(keyword_lessons(one, known))
        words = lesson(one, embedder)
        lessons.append(Lessons(one, known[one.prompt], words, keywords, tuple(cards), query))
        if n % 500 == 0:
            tell(f"{n} of {len(useful)} prompts read")
    return lessons


def folds(
    lessons: Sequence[Lessons], count: int, split: int = 0
) -> Iterator[tuple[list[Lessons], list[Lessons]]]:
    """Yields what is learned and what is held out; a prompt that comes twice is on one side.

    Another number splits the prompts in another way.
    """
    prompts = sorted({one.labelled.prompt for one in lessons})
    random.Random(split).shuffle(prompts)
    of = {prompt: n % count for n, prompt in enumerate(prompts)}
    for n in range(count):
        held = [one for one in lessons if of[one.labelled.prompt] == n]
        yield [one for one in lessons if of[one.labelled.prompt] != n], held


def nearest(held: Lessons, known: Sequence[Lessons]) -> Labelled:
    """Returns the likest prompt of those with a card at hand: whose answer one would copy."""
    useful = [one for one in known if one.labelled.known]
    likeness = np.stack([one.vector for one in useful]) @ held.vector
    return useful[int(likeness.argmax())].labelled


def train(lessons: Sequence[Lessons], members: int, tell: Tell) -> LocalModel:
    """Returns the composer; its thresholds are those that were best on held-out prompts."""
    known, held = next(folds(lessons, HELD_OUT))
    first = _train(known, 1, tell)
    keyword_threshold = best_keyword_threshold(first.tagger, held)
    none_threshold, f1 = best_none_threshold(first.scorer, [c for one in held for c in one.cards])
    tell(f"thresholds: keyword {keyword_threshold:.2f}, none {none_threshold:.2f} (F1 {f1:.3f})")
    query = train_query([one.query for one in lessons if one.query], tell)
    last = _train(lessons, members, tell)
    return LocalModel(last.tagger, last.scorer, keyword_threshold, none_threshold, query)


@dataclass(frozen=True, slots=True)
class _Trained:
    tagger: Tagger
    scorer: Scorer


def _train(lessons: Sequence[Lessons], members: int, tell: Tell) -> _Trained:
    tagger = train_tagger([one.words for one in lessons], members, tell)
    keywords = [keyword for one in lessons for keyword in one.keywords]
    cards = [card for one in lessons for card in one.cards]
    if not any(card.chosen.any() for card in cards):
        scorer = load_model().scorer  # nothing here tells which card serves a keyword
    else:
        scorer = train_scorer(keywords, cards)
    return _Trained(tagger, scorer)


def best_keyword_threshold(tagger: Tagger, held: Sequence[Lessons]) -> float:
    """Returns the constant that gives the best F1 of exact keywords."""
    probabilities = [tagger.probabilities(one.words.states) for one in held]
    scores = {}
    for threshold in np.linspace(0.25, 0.5, 26):
        counts = agreement.total(
            agreement.count(_keywords(one.labelled, found - threshold), one.labelled.keywords)
            for one, found in zip(held, probabilities, strict=True)
        )
        scores[float(threshold)] = counts.f1
    return max(scores, key=lambda t: scores[t])


def _keywords(labelled: Labelled, scores: np.ndarray) -> list[str]:
    words = split_words(labelled.prompt)
    runs = best_runs(scores, [word.joined for word in words])
    return [fold(to_phrase(labelled.prompt, words[start:end]).text) for start, end in runs]
