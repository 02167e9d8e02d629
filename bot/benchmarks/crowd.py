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

from engine.library import catalogue
from engine.library.card_files import read_cards
from engine.library.cards import Card, read_card
from engine.retrieving import search_index
from engine.retrieving.embedder import MiniLM, Vectors
from engine.storage.database import Database

#: Cards that are mixed one by one; the others are copies with vectors of their own.
FIRST = 2000
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
    first = min(rows, FIRST)
    pairs = [chooser.sample(range(len(seeds)), 2) for _ in range(first)]
    made = [_mix(seeds[a], seeds[b], n) for n, (a, b) in enumerate(pairs)]
    async with database.transaction() as connection:
        await catalogue.store_cards(connection, made)
        stamps = [(card.id, card.digest) for card in made]
        vectors = [_between(of, pairs, noise) for of in (headings, bodies)]
        await search_index.store_vectors(connection, embedder.name, stamps, *vectors)
    tell(f"{first} adapters made; {rows - first} are made from them")
    async with database.transaction() as connection:
        for statement in _MULTIPLY:
            await connection.exec_driver_sql(statement, {"first": first, "rows": rows})
    await search_index.embed_pending(database, embedder)


#: Copies of the first cards whose vectors stray from theirs, made where they are kept.
_MULTIPLY = (
    """
    create temporary table strays on commit drop as
    select row as n, array_agg(random() - 0.5)::real[]::halfvec as way
    from generate_series(0, 499) as row, generate_series(1, 384) group by row
    """,
    """
    insert into adapters (id, source, source_id, title, base, weight, tags, trigger_words)
    select 'bench:' || n, 'bench', n::text, a.title, a.base, a.weight, a.tags, a.trigger_words
    from generate_series(cast(%(first)s as int), cast(%(rows)s as int) - 1) as n
    join adapters a on a.id = 'bench:' || n %% %(first)s
    """,
    """
    insert into adapter_texts (adapter_id, heading, body, digest, names, triggers, prose)
    select 'bench:' || n, heading, body, digest, names, triggers, prose
    from generate_series(cast(%(first)s as int), cast(%(rows)s as int) - 1) as n
    join adapter_texts t on t.adapter_id = 'bench:' || n %% %(first)s
    """,
    """
    insert into adapter_vectors (adapter_id, embedder, digest, heading, body)
    select 'bench:' || gs.n, embedder, digest,
           l2_normalize(heading + strays.way * small), l2_normalize(body + strays.way * small)
    from generate_series(cast(%(first)s as int), cast(%(rows)s as int) - 1) as gs (n)
    join adapter_vectors v on v.adapter_id = 'bench:' || gs.n %% %(first)s
    join strays on strays.n = gs.n * 31 %% 500
    cross join (select array_fill(0.06::real, array[384])::halfvec as small) as scale
    """,
)


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
