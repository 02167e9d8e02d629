"""Query maps: they learn where the cards lie, and move nothing where there is nothing to learn."""

import numpy as np
import pytest

from engine.learning.query_lessons import CardVectors, QueryLesson
from engine.learning.query_training import train_query
from engine.retrieving.embedder import MiniLM, Vectors
from engine.retrieving.query_maps import mapped, plain_maps

#: What prompts tell of, and cards: the last ones serve one of these each, the first ones are no
#: candidates.
IDEAS, CARDS = 10, 30


def directions(count: int, chooser: np.random.Generator) -> Vectors:
    drawn = chooser.standard_normal((count, MiniLM.dimensions)).astype(np.float32)
    unit: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


@pytest.fixture
def chooser() -> np.random.Generator:
    return np.random.default_rng(0)


def test_plain_maps_move_nothing(chooser: np.random.Generator) -> None:
    vectors = directions(3, chooser)
    plain = plain_maps(MiniLM.dimensions)
    assert np.abs(mapped(vectors, plain.heading) - vectors).max() < 1e-6
    made = train_query([], lambda _: None)
    assert not made.heading.any()
    assert not made.body.any()


def test_prompts_that_were_not_learned_find_their_cards(chooser: np.random.Generator) -> None:
    ideas, headings, bodies = (directions(n, chooser) for n in (IDEAS, CARDS, CARDS))
    cards = CardVectors((), (), headings, bodies)

    def asked(idea: int) -> Vectors:
        moved = ideas[idea] + 0.7 * directions(1, chooser)[0]
        return np.asarray(moved / np.linalg.norm(moved), np.float32)

    def lesson(idea: int) -> QueryLesson:
        chosen = np.arange(CARDS) == CARDS - IDEAS + idea
        phrases = asked(idea)[None][: idea % 2]  # half of the prompts have no keyword
        every = np.arange(CARDS) >= 5
        return QueryLesson(cards, asked(idea), phrases, every, chosen, ((asked(idea), chosen),))

    maps = train_query([lesson(n % IDEAS) for n in range(160)], lambda _: None)
    new = np.stack([asked(n % IDEAS) for n in range(50)])
    served = CARDS - IDEAS + np.arange(50) % IDEAS
    for change, side in ((maps.heading, headings), (maps.body, bodies)):
        best = (mapped(new, change) @ side.T).argmax(1)
        assert (best == served).mean() >= 0.9
        assert ((new @ side.T).argmax(1) == served).mean() < 0.3, "by themselves they do not"
