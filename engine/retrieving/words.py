"""Matching words: the cards that share words with a prompt, rare ones counting more.

It needs nothing of the prompt but its text, so Postgres does it while the engine embeds.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.retrieving.selection import FILTERS

#: Cards that are looked for.
DEPTH = 200
#: A word of more than this share of the cards finds too many to tell anything ...
COMMON = 0.1
#: ... and of more cards than this, too many to look at.
MOST_MATCHES = 2000
#: What a word in a description counts beside one in a title.
PROSE = 0.1


async def match_words(connection: AsyncConnection, parameters: Mapping[str, Any]) -> str:
    """Returns the weight of each card that shares words with the `prompt`, by its id, as JSON.

    It stays text, for only Postgres reads it. `parameters` are those of the filters and the prompt.
    """
    return str(await connection.scalar(_MATCHES, parameters))


#: A rare word found in a short field tells most; a word counts once a field. The lengths of
#: descriptions are left alone: reading them back costs Postgres ten times as much as the search.
_MATCHES = text(
    f"""
    with terms as materialized (
        select t.word, quote_literal(t.word)::tsquery as query,
               ln(1 + a.cards::float / coalesce(w.cards, 1)) ^ 2 as rarity
        from unnest(tsvector_to_array(to_tsvector('english', :prompt))) as t (word)
        join adapter_words a on a.word = ''
        left join adapter_words w on w.word = t.word
        where coalesce(w.cards, 1) <= least(greatest({COMMON} * a.cards, 100), {MOST_MATCHES})
    ),
    found as (
        select adapter_id, sum(weight) as weight from (
            select x.adapter_id, rarity / sqrt(sqrt(length(x.names))) as weight
            from terms join adapter_texts x on x.names @@ terms.query
            union all
            select x.adapter_id, 0.5 * rarity / sqrt(sqrt(length(x.triggers)))
            from terms join adapter_texts x on x.triggers @@ terms.query
            union all
            select x.adapter_id, {PROSE} * rarity
            from terms join adapter_texts x on x.prose @@ terms.query
        ) hits group by adapter_id
    ),
    matches as (
        select adapter_id, weight
        from (select * from found order by weight desc, adapter_id) ordered
        cross join lateral (
            select from adapters where id = ordered.adapter_id and {FILTERS} offset 0
        ) as selected
        order by weight desc, adapter_id limit {DEPTH}
    )
    select coalesce(json_object_agg(adapter_id, weight), '{{}}')::text from matches
    """
)
