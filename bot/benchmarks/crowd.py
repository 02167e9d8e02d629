"""A catalogue of any size for speed benchmarks, made from a few real cards.

The seeds are imported as any cards are. Each made card has the title of one, the trigger words of
another, and vectors between those of a seed and of one of its neighbours, off by a part of the
difference of two more. So distances and word counts are like those of real cards, and no two
vectors are the same, while embedding a hundred thousand texts is spared. Made cards came a day
ago, as most of a large catalogue did.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.library import catalogue
from engine.library.card_files import read_cards
from engine.retrieving import search_index
from engine.retrieving.embedder import MiniLM
from engine.storage.database import Database

#: Cards that are really embedded.
SEEDS = 2000

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
    seeds = _sample(cards) if cards else _synthetic()
    await catalogue.import_cards(database, embedder, seeds[:rows])
    tell(f"{min(rows, len(seeds))} cards imported; the other adapters are made from them")
    async with database.transaction() as connection:
        # Indexed at once, and not row by row.
        found = await connection.exec_driver_sql(_VECTOR_INDEXES)
        indexes = [(row.indexname, row.indexdef) for row in found]
        for name, _ in indexes:
            await connection.exec_driver_sql(f"drop index {name}")
        for statement in _MULTIPLY:
            await connection.exec_driver_sql(statement, {"rows": rows})
        tell(f"{rows} adapters stored; their vectors are indexed")
        for statement in ("set local maintenance_work_mem = '1GB'", *(made for _, made in indexes)):
            await connection.exec_driver_sql(statement)
    await search_index.embed_pending(database, embedder)


_VECTOR_INDEXES = """
    select indexname, indexdef from pg_indexes
    where tablename = 'adapter_vectors' and position('hnsw' in indexdef) > 0
"""
_MULTIPLY = (
    """
    create temporary table seeds on commit drop as
    select row_number() over (order by adapter_id) - 1 as n, adapter_id, heading, body
    from adapter_vectors
    """,
    """
    create temporary table neighbours on commit drop as
    select n, array(
        select n from seeds o order by o.heading <=> s.heading limit 24 offset 1) as near
    from seeds s
    """,
    "analyze seeds, neighbours",
    """
    create temporary table made on commit drop as
    select number, a.adapter_id as one, b.adapter_id as other,
           l2_normalize(a.heading + a.heading + b.heading + b.heading + c.heading - d.heading)
               as heading,
           l2_normalize(a.body + a.body + b.body + b.body + c.body - d.body) as body
    from (select count(*)::int as seeds from seeds) as known
    cross join generate_series(seeds, cast(%(rows)s as int) - 1) as number
    join seeds a on a.n = number %% seeds
    join neighbours on neighbours.n = a.n
    join seeds b on b.n = near[1 + abs(hashint4(number)) %% cardinality(near)]
    join seeds c on c.n = abs(hashint4(number + 1)) %% seeds
    join seeds d on d.n = abs(hashint4(number + 2)) %% seeds
    """,
    """
    insert into adapters (id, source, source_id, title, base, kind, names, weight, tags,
                          trigger_words, updated_at)
    select 'bench:' || number, 'bench', number::text, a.title, a.base, a.kind, a.names, a.weight,
           a.tags, b.trigger_words, now() - interval '1 day'
    from made join adapters a on a.id = one join adapters b on b.id = other
    """,
    """
    insert into adapter_texts (adapter_id, heading, body, digest, names, triggers, prose)
    select 'bench:' || number, a.heading, a.body, a.digest, a.names, b.triggers, a.prose
    from made join adapter_texts a on a.adapter_id = one
    join adapter_texts b on b.adapter_id = other
    """,
    """
    insert into adapter_vectors (adapter_id, embedder, digest, heading, body)
    select 'bench:' || number, embedder, digest, made.heading, made.body
    from made join adapter_vectors on adapter_id = one
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
