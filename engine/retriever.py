"""The retriever: the catalogue's candidates for the prompt and for each of its ideas.

Beyond the paper, which asks once for the whole prompt, every phrase of a first local
segmentation asks for itself, and lexical matches stand beside the dense ones. All rankings are
fused by reciprocal rank (Cormack et al., 2009).
"""

import re
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.catalogue import ADAPTER_COLUMNS, half, to_adapter
from engine.embedder import MiniLM, Vectors
from engine.phrases import find_phrases
from engine.values import Candidate

#: Damps the advantage of the first ranks; the value of the original publication.
RANK_OFFSET = 60
#: Phrases that ask for themselves; further ones are covered by the whole prompt.
MOST_PHRASES = 12


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the catalogue may answer."""

    base: str
    workspace: str = ""
    unsafe: bool = False
    #: Only adapters whose file is here.
    with_file: bool = True
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Candidates, best first, and the vectors of their headings in the same order."""

    candidates: tuple[Candidate, ...]
    headings: Vectors
    seconds: float


async def retrieve(
    connection: AsyncConnection, embedder: MiniLM, prompt: str, selection: Selection, k: int
) -> Retrieval:
    """Returns at most `k` candidates for the prompt, headings of shape (candidates, 384)."""
    began = perf_counter()
    queries = [prompt, *(p.text for p in find_phrases(prompt)[:MOST_PHRASES])]
    vectors = embedder.embed(queries)
    rows = await connection.execute(
        _FUSED,
        {
            "vectors": [half(vector).to_text() for vector in vectors],
            "texts": [any_word(query) for query in queries],
            "embedder": embedder.name,
            "base": selection.base,
            "workspace": selection.workspace,
            "ratings": ["safe", "unsafe"] if selection.unsafe else ["safe"],
            "with_file": selection.with_file,
            "drop": list(selection.drop),
            "k": k,
            "offset": RANK_OFFSET,
        },
    )
    return _retrieval(list(rows), perf_counter() - began)


def any_word(query: str) -> str:
    """Returns a web search for any of the words: a dash or a quote in a prompt is no operator."""
    return " or ".join(re.findall(r"\w+", query))


def _retrieval(rows: list[Row[Any]], seconds: float) -> Retrieval:
    headings = np.zeros((len(rows), MiniLM.dimensions), np.float32)
    for i, row in enumerate(rows):
        headings[i] = np.fromstring(row.heading_vector.strip("[]"), np.float32, sep=",")
    found = tuple(Candidate(to_adapter(row), float(row.score)) for row in rows)
    return Retrieval(found, headings, seconds)


_COLUMNS = ", ".join(f"a.{column.name}" for column in ADAPTER_COLUMNS)
_FUSED = text(
    f"""
    with selected as materialized (
        select id from adapters
        where base = :base and status = 'active' and rating = any(:ratings)
          and workspace in ('', :workspace) and not id = any(:drop)
          and (blob is not null or not :with_file)
    ),
    queries as (
        select n, vector::halfvec as vector, websearch_to_tsquery('english', words) as words
        from unnest(cast(:vectors as text[]), cast(:texts as text[]))
             with ordinality as q (vector, words, n)
    ),
    hits as (
        select hit.* from queries cross join lateral (
            select v.adapter_id, row_number() over (order by v.heading <=> queries.vector) as rank
            from adapter_vectors v join selected on selected.id = v.adapter_id
            where v.embedder = :embedder
            order by v.heading <=> queries.vector limit :k
        ) hit
        union all
        select hit.* from queries cross join lateral (
            select v.adapter_id, row_number() over (order by v.body <=> queries.vector) as rank
            from adapter_vectors v join selected on selected.id = v.adapter_id
            where v.embedder = :embedder
            order by v.body <=> queries.vector limit :k
        ) hit
        union all
        select hit.* from queries cross join lateral (
            select t.adapter_id, row_number() over (
                order by ts_rank(to_tsvector('english', t.heading), queries.words) desc, adapter_id
            ) as rank
            from adapter_texts t join selected on selected.id = t.adapter_id
            where to_tsvector('english', t.heading) @@ queries.words
            order by rank limit :k
        ) hit
    ),
    fused as (
        select adapter_id, sum(1.0 / (:offset + rank)) as score
        from hits group by adapter_id order by score desc, adapter_id limit :k
    )
    select {_COLUMNS}, fused.score, v.heading::text as heading_vector
    from fused
    join adapters a on a.id = fused.adapter_id
    join adapter_vectors v on v.adapter_id = a.id and v.embedder = :embedder
    order by fused.score desc, a.id
    """
)
