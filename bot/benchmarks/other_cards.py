"""What the query maps do for cards that no lesson of theirs had, such as a community's own.

The cards are split in five parts. Maps learn as if the cards of a part did not exist, from prompts
that picked none of them, and the other prompts are asked of that part alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bot.benchmarks.composer import Tell
from engine.composing.local_model import load_model
from engine.learning import agreement
from engine.learning.agreement import Answered
from engine.learning.labelled import Labelled
from engine.learning.query_lessons import CardVectors
from engine.operations.figures import Figure
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import load_embedder
from engine.retrieving.query_maps import QueryMaps
from engine.storage.database import Database
from engine.values import Composition

if TYPE_CHECKING:
    from engine.learning.training import Lessons  # needs torch

PARTS = 5
#: Among the first so many of a part; among all cards that is five times as many.
FIRST = (10, 30)

Mask = NDArray[np.bool_]


async def measure(
    database: Database, lessons: Sequence["Lessons"], base: str, tell: Tell
) -> list[Figure]:
    """Returns the share of published picks that is found, with maps and without."""
    from engine.learning.query_training import train_query

    moved: list[Answered] = []
    unmoved: list[Answered] = []
    for hidden in parts(next(one.query.cards for one in lessons if one.query)):
        maps = train_query(
            [
                replace(one.query, admitted=one.query.admitted & ~hidden)
                for one in lessons
                if one.query and not (one.query.chosen & hidden).any()
            ],
            tell,
        )
        for one in lessons:
            if one.query and (one.query.chosen & hidden).any():
                question = (database, one, hidden, base)
                moved.append(await _answer(*question, maps))
                unmoved.append(await _answer(*question, load_model().unmoved.query))
    return [
        Figure(f"cards of another library, {name}, R@{k}", agreement.recall(answered, k), "")
        for name, answered in (("with query maps", moved), ("without", unmoved))
        for k in FIRST
    ]


def parts(cards: CardVectors) -> Iterator[Mask]:
    """Yields which cards are in each part; every card is in one."""
    of = np.array([crc32(one.encode()) % PARTS for one in cards.ids])
    for n in range(PARTS):
        yield of == n


async def _answer(
    database: Database, lessons: "Lessons", hidden: Mask, base: str, maps: QueryMaps
) -> Answered:
    assert lessons.query
    cards, prompt = lessons.query.cards, lessons.labelled.prompt
    others = tuple(np.array(cards.ids)[~hidden].tolist())
    selection = Selection(base, with_file=False, drop=others)
    model = replace(load_model(), query=maps)
    async with database.transaction() as connection:
        found = await retrieve(connection, load_embedder(), prompt, selection, max(FIRST), model)
    ids = tuple(candidate.adapter.source_id for candidate in found.candidates)
    wanted = np.array(cards.source_ids)[lessons.query.chosen & hidden].tolist()
    labelled = Labelled(prompt, {}, {"": tuple(wanted)})
    return Answered(labelled, ids, Composition(prompt, (), "none"))
