"""A catalogue of any size for speed benchmarks, made from a few real cards.

Each made card is a neighbour of two real ones: its words are theirs mixed, its vectors lie
between theirs with noise. So distances and word counts are those of real cards, while embedding
a hundred thousand texts is spared.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine import catalogue, search_index
from engine.card_files import read_cards
from engine.cards import Card, read_card
from engine.database import Database
from engine.embedder import MiniLM, Vectors

CHUNK = 2000
#: Length of the noise beside a vector of length 1.
NOISE = 0.35
#: Cards that are really embedded.
SEEDS = 300

SUBJECTS = "fox castle robot dragon bicycle teapot lighthouse orchid violin harbor".split()
LOOKS = "watercolor neon pixel-art charcoal claymation origami baroque vaporwave".split()
PLACES = "forest desert city-street kitchen moon beach library swamp".split()


async def fill(
    database: Database,
    embedder: MiniLM,
    rows: int,
    cards: Path | None,
    tell: Callable[[str], None],
) -> None:
    """Fills an empty catalogue with that many cards of the family "sd15"."""
    raws = _sample(cards) if cards else _synthetic()
    seeds = [read_card(raw) for raw in raws]
    headings = embedder.embed([card.heading for card in seeds], search_index.HEADING_TOKENS)
    bodies = embedder.embed([card.body for card in seeds], search_index.BODY_TOKENS)
    chooser = random.Random(1)
    noise = np.random.default_rng(1)
    for start in range(0, rows, CHUNK):
        count = min(CHUNK, rows - start)
        pairs = [chooser.sample(range(len(seeds)), 2) for _ in range(count)]
        made = [_mix(seeds[a], seeds[b], start + n) for n, (a, b) in enumerate(pairs)]
        async with database.transaction() as connection:
            await catalogue.store_cards(connection, made)
            await search_index.store_vectors(
                connection,
                embedder.name,
                [(card.id, card.digest) for card in made],
                _between(headings, pairs, noise),
                _between(bodies, pairs, noise),
            )
        tell(f"{start + count} of {rows} adapters")
    await search_index.embed_pending(database, embedder)


def _sample(path: Path) -> list[dict[str, Any]]:
    cards = list(read_cards(path))
    return random.Random(0).sample(cards, min(SEEDS, len(cards)))


def _synthetic() -> list[dict[str, Any]]:
    return [
        {
            "source": "synthetic",
            "source_id": f"{subject}-{look}-{place}",
            "title": f"{subject} {look}",
            "description": f"Draws a {subject} in {look} style, often in a {place}.",
            "tags": [look, place],
            "trigger_words": [subject],
            "base_model": "SD 1.5",
        }
        for subject in SUBJECTS
        for look in LOOKS
        for place in PLACES
    ]


def _mix(one: Card, other: Card, number: int) -> Card:
    words = f"{one.title} {other.title}".split()
    return read_card(
        {
            "source": "bench",
            "source_id": str(number),
            "title": " ".join(words[number % 2 :: 2]) or one.title,
            "description": f"{one.description[:400]} {other.description[-200:]}",
            "tags": [*one.tags[::2], *other.tags[1::2]],
            "trigger_words": [*one.trigger_words[:2], *other.trigger_words[-1:]],
            "base_model": "SD 1.5",
        }
    )


def _between(
    vectors: Vectors, pairs: Sequence[Sequence[int]], noise: np.random.Generator
) -> Vectors:
    one, other = (vectors[[pair[side] for pair in pairs]] for side in (0, 1))
    strange = noise.standard_normal(one.shape).astype(np.float32) / np.sqrt(one.shape[1])
    mixed = 0.7 * one + 0.3 * other + NOISE * strange
    unit: Vectors = (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)
    return unit


def prompts() -> Iterator[str]:
    """Yields prompts without end, from two words to a crowded scene."""
    chooser = random.Random(2)
    while True:
        subject, other = chooser.sample(SUBJECTS, 2)
        look, place = chooser.choice(LOOKS), chooser.choice(PLACES)
        yield chooser.choice(
            [
                f"{look} {subject}",
                f"a {subject} riding a bicycle in a {place}",
                f"a {look} painting of a {subject} next to a {other} at night",
                f"masterpiece, best quality, {subject}, {look}, {place}, rain, cinematic light",
            ]
        )
