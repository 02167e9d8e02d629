"""The retriever: the catalogue's candidates for the prompt and for each of its ideas.

Beyond the paper, which asks once for the whole prompt: every keyword of the segmentation asks for
itself, a card's name and its description have vectors of their own, and its words are matched
too, rare ones counting more. What is asked goes through learned maps to where the cards lie. The
five rankings are fused by rank, to which the likenesses themselves are added. Filters are inside
the query.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any, Literal

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.composing.calls import with_calls
from engine.composing.local_model import LocalModel, load_model
from engine.composing.subjects import spoken_names
from engine.library.catalogue import ADAPTER_COLUMNS, to_adapter
from engine.retrieving.asking import MOST_PHRASES, Asked, ask_locally
from engine.retrieving.embedder import MINILM, MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.retrieving.search_index import half_text, read_halves
from engine.retrieving.selection import FILTERS, filter_parameters
from engine.retrieving.selection import Selection as Selection
from engine.retrieving.shortlist import LARGE, MOST_FRESH, Shortlist
from engine.retrieving.words import DEPTH, match_words
from engine.values import Candidate

#: Where the ranked cards come from: all of them, the index, for few of them from nearer by, or a
#: shortlist.
Way = Literal["exact", "indexed", "skimmed", "listed"]

#: Damps the advantage of the first ranks.
RANK_OFFSET = 5
#: Cards that the index gives for each keyword; for the whole prompt it gives a whole ranking.
POOL = 120
#: Candidates up to which half of that is looked at, which takes half of the time.
FEW = 50


@dataclass(frozen=True, slots=True)
class Rankings:
    """How much each ranking counts, found by cross-validation on published compositions; 0 leaves
    it out."""

    prompt_heading: float = 0.67
    prompt_body: float = 0.37
    phrase_heading: float = 0.39
    phrase_body: float = 0.17
    lexical: float = 0.60


_RANKINGS = Rankings()
#: What a card's likenesses themselves add to what its ranks do, which tell less and less apart
#: towards their end. The query maps are trained with these weights; of words it is the root.
LIKENESS = Rankings(
    prompt_heading=10.0, prompt_body=6.0, phrase_heading=6.0, phrase_body=3.0, lexical=0.3
)


async def retrieve(
    connection: AsyncConnection,
    embedder: MiniLM,
    prompt: str,
    selection: Selection,
    k: int,
    model: LocalModel | None = None,
    shortlist: Shortlist | None = None,
    *,
    everything: bool = False,
    asked: Asked | None = None,
    rankings: Rankings = _RANKINGS,
) -> Retrieval:
    """Returns at most `k` candidates for the prompt.

    `model` segments it, the shipped one by default, unless it was `asked` already, maybe in another
    embedder's vectors. In a large catalogue the `shortlist` tells where to look, or else the index,
    unless `everything` is to be looked at. Raises `ComposerUnavailable`.
    """
    began = perf_counter() - (asked.seconds if asked else 0.0)
    asks = _Asks(prompt, embedder, model or load_model(), None if everything else shortlist)
    filters = filter_parameters(selection, spoken_names(prompt))
    # Postgres matches words while this process embeds.
    matches, (asked, near) = await asyncio.gather(
        match_words(connection, {"prompt": prompt, **filters}), asks.look(selection, asked)
    )
    parameters = {
        "matches": matches,
        "headings": [half_text(vector) for vector in asked.headings],
        "bodies": [half_text(vector) for vector in asked.bodies],
        "embedder": asked.embedder,
        "local": embedder.name,
        "k": k,
        **filters,
        **near,
    }
    everything |= asked.embedder != embedder.name  # shortlist and index are the local embedder's
    ways = await _ways(connection, k, listed=bool(near), everything=everything)
    rows = await _rank(connection, ways, len(asked.headings) - 1, rankings, parameters)
    found = tuple(Candidate(to_adapter(row), float(row.score)) for row in rows)
    headings = read_halves([row.heading_vector for row in rows], embedder.dimensions)
    bodies = read_halves([row.body_vector for row in rows], embedder.dimensions)
    heard = with_calls(prompt, asked.segmented, [one.adapter for one in found], embedder)
    return Retrieval(heard, found, headings, bodies, perf_counter() - began, asked.degraded)


@dataclass(frozen=True, slots=True)
class _Asks:
    """What this process does for a prompt, in threads, since it shares its time with others."""

    prompt: str
    embedder: MiniLM
    model: LocalModel
    shortlist: Shortlist | None

    async def look(self, selection: Selection, asked: Asked | None) -> tuple[Asked, dict[str, Any]]:
        """Returns the prompt's vectors, and where the search is to look, if there is a list."""
        if not asked:
            asked = await asyncio.to_thread(ask_locally, self.prompt, self.embedder, self.model)
        listed = self.shortlist
        if not listed or asked.embedder != self.embedder.name:
            return asked, {}
        spoken = spoken_names(self.prompt)
        near = await listed.near(asked.headings, asked.bodies, selection, spoken)
        return asked, {"near": json.dumps(near), "since": listed.since}  # cheaper than an array


async def _ways(
    connection: AsyncConnection, k: int, *, listed: bool, everything: bool
) -> list[Way]:
    """Where to look, in this order, until enough is found; filters may leave little."""
    if listed:
        return ["listed", "exact"]
    if not everything and await _prepare_index(connection, k):
        return ["skimmed" if k <= FEW else "indexed", "exact"]
    return ["exact"]


async def _rank(
    connection: AsyncConnection,
    ways: Sequence[Way],
    phrases: int,
    rankings: Rankings,
    parameters: Mapping[str, Any],
) -> Sequence[Row[Any]]:
    rows: Sequence[Row[Any]] = ()
    for way in ways:
        rows = (await connection.execute(_search(phrases, way, rankings), parameters)).all()
        if len(rows) >= parameters["k"]:
            break
    return rows


async def _prepare_index(connection: AsyncConnection, k: int) -> bool:
    """Sets up the index for this transaction; returns whether the catalogue is large."""
    reach = {"reach": str(DEPTH if k <= FEW else 2 * DEPTH)}
    return bool((await connection.execute(_INDEX_SETTINGS, reach)).one().cards >= LARGE)


#: The index looks further than asked, and on, until enough of what it finds passes the filters.
_INDEX_SETTINGS = text(
    "select set_config('hnsw.ef_search', :reach, true),"
    " set_config('hnsw.iterative_scan', 'relaxed_order', true),"
    " coalesce((select cards from adapter_words where word = ''), 0) as cards"
)


#: What `match_words` found.
_MATCHES = """
    select key as adapter_id, value::float8 as weight from json_each_text(cast(:matches as json))"""
_ALL = f"select id as adapter_id from adapters where {FILTERS}"
#: Those of the shortlist, those that changed since, and those that share words with the prompt.
_LISTED = f"""
    select listed.id as adapter_id from (
        select json_array_elements_text(cast(:near as json)) as id
        union (
            select id from adapters where updated_at > :since
            order by updated_at desc limit {MOST_FRESH}
        )
        union select adapter_id from matches
    ) listed
    cross join lateral (select from adapters where id = listed.id and {FILTERS} offset 0) as one"""
#: The parameters that hold what is asked of each of a card's vectors.
_ASKED = {"heading": "headings", "body": "bodies"}


def _indexed(depth: int, pool: int) -> str:
    """The cards that the index finds near one of the prompt's vectors, and those that share words;
    so many for the whole prompt and for each keyword."""
    found = (
        f"""
        select near.adapter_id
        from unnest(cast(:{asked} as halfvec[])) with ordinality as vectors (asked, number)
        cross join lateral (
            select v.adapter_id from adapter_vectors v join adapters on id = v.adapter_id
            where v.embedder = '{MINILM}' and {FILTERS}
            order by v.{name}::halfvec(384) <=> asked
            limit case when number = 1 then {depth} else {pool} end
        ) near"""
        for name, asked in _ASKED.items()
    )
    return " union ".join([*found, "select adapter_id from matches"])


_POOLS: dict[Way, str] = {
    "exact": _ALL,
    "indexed": _indexed(DEPTH, POOL),
    "skimmed": _indexed(DEPTH // 2, POOL // 2),
    "listed": _LISTED,
}


_VECTORS_OF_ALL = """
    adapter_vectors v join pool on pool.adapter_id = v.adapter_id and v.embedder = :embedder"""
#: Looked up one by one: how few they are Postgres cannot know, and it would read the whole table.
_VECTORS_OF_SOME = """
    pool cross join lateral (
        select * from adapter_vectors
        where adapter_id = pool.adapter_id and embedder = :embedder offset 0
    ) v"""


@lru_cache(maxsize=4 * MOST_PHRASES + 4)
def _search(phrases: int, way: Way, rankings: Rankings) -> TextClause:
    """The whole search, for a prompt of so many keywords: ranks the cards of a pool."""
    distances = {
        "prompt_heading": _distance("heading", 1),
        "prompt_body": _distance("body", 1),
    }
    if phrases:
        distances["phrase_heading"] = _nearest("heading", phrases)
        distances["phrase_body"] = _nearest("body", phrases)
    orders = {"lexical": ("matches", "weight desc")}
    orders |= {name: ("near", name) for name in distances}
    weights = {name: getattr(rankings, name) for name in orders}
    shares = [_ranking(weight, *orders[name]) for name, weight in weights.items() if weight]
    columns = ", ".join(f"{sql} as {name}" for name, sql in distances.items())
    return text(
        f"""
        with matches as materialized ({_MATCHES}),
        pool as ({_POOLS[way]}),
        near as materialized (
            select v.adapter_id, {columns}
            from {_VECTORS_OF_ALL if way == "exact" else _VECTORS_OF_SOME}
        ),
        fused as (
            select adapter_id, share + coalesce({_likeness(weights)}, 0) as score
            from (
                select adapter_id, sum(share) as share from ({" union all ".join(shares)}) ranked
                group by adapter_id
            ) summed
            left join near using (adapter_id) left join matches using (adapter_id)
            order by score desc, adapter_id limit :k
        )
        select {_COLUMNS}, fused.score, halfvec_send(v.heading) as heading_vector,
               halfvec_send(v.body) as body_vector
        from fused
        join adapters a on a.id = fused.adapter_id
        join adapter_vectors v on v.adapter_id = a.id and v.embedder = :local
        order by fused.score desc, a.id
        """
    )


def _nearest(field_name: str, phrases: int) -> str:
    return f"least({', '.join(_distance(field_name, n + 2) for n in range(phrases))})"


def _distance(field_name: str, number: int) -> str:
    """How far a card is from one of the vectors; the first is the whole prompt's."""
    return f"v.{field_name} <=> (cast(:{_ASKED[field_name]} as halfvec[]))[{number}]"


def _likeness(weights: Mapping[str, float]) -> str:
    """How like a card is to what was asked for, in those respects that have a weight."""
    terms = {name: f"(1 - {name})" for name in weights} | {"lexical": "sqrt(coalesce(weight, 0))"}
    counted = (name for name, weight in weights.items() if weight)
    return " + ".join(f"{getattr(LIKENESS, name)} * {terms[name]}" for name in counted)


def _ranking(weight: float, source: str, order: str) -> str:
    """The first of one ranking, each with what its rank adds to the score."""
    return f"""(
        select adapter_id, {weight}::float
            * ln({RANK_OFFSET + DEPTH}::float / ({RANK_OFFSET} + rank)) as share
        from (
            select adapter_id, row_number() over (order by {order}, adapter_id) as rank
            from {source} order by {order}, adapter_id limit {DEPTH}
        ) first
    )"""


_COLUMNS = ", ".join(f"a.{column.name}" for column in ADAPTER_COLUMNS)
