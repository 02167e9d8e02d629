"""What a community's people made of their answers: which adapters were right for which words.

An answer is liked that has more thumbs up than down, or whose duel against the base its adapters
have won. Whoever switches an adapter off says more: it was wrong for its words, and what was left
on was right.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.requests.answers import load_answer
from engine.values import Answer, Composition


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """One prompt with the ids of the adapters that were right and wrong for its words."""

    prompt: str
    chosen: Mapping[str, tuple[str, ...]]
    dropped: Mapping[str, tuple[str, ...]]


async def own_answers(connection: AsyncConnection) -> list[OwnAnswer]:
    """Returns what is known of each line of requests; the newest word in it counts."""
    rows = (await connection.execute(_TOLD)).all()
    newest = {row.root_id: row.id for row in rows}
    found = [await _own(connection, request_id) for request_id in newest.values()]
    return [one for one in found if one.chosen or one.dropped]


async def _own(connection: AsyncConnection, request_id: str) -> OwnAnswer:
    answer = await load_answer(connection, request_id)
    made = answer.composition or Composition(answer.request.prompt, (), "none")
    chosen = {
        task.keyword: tuple(pick.adapter_id for pick in task.picks)
        for task in made.tasks
        if task.picks
    }
    return OwnAnswer(answer.request.prompt, chosen, await _dropped(connection, answer))


async def _dropped(connection: AsyncConnection, answer: Answer) -> dict[str, tuple[str, ...]]:
    """The words of what was switched off stand in the answer that it was switched off from."""
    off = set(answer.request.overrides.drop)
    if answer.request.kind != "revise" or not off or not answer.request.parent_id:
        return {}
    before = (await load_answer(connection, answer.request.parent_id)).composition
    by_words = {
        task.keyword: tuple(pick.adapter_id for pick in task.picks if pick.adapter_id in off)
        for task in (before.tasks if before else ())
    }
    return {words: ids for words, ids in by_words.items() if ids}


#: Requests that people have said something of, oldest first; a line that nobody liked is out.
_TOLD = text(
    """
    with said as (
        select request_id, verdict from feedback
        union all
        select v.request_id, case when v.image = r.index then 1 else -1 end
        from duel_votes v
        join requests d
          on d.id = v.request_id and coalesce(d.overrides ->> 'against', 'base') = 'base'
        join renderings r
          on r.request_id = v.request_id and jsonb_array_length(r.rendering -> 'loaded') > 0
    ), judged as (
        select request_id, sum(verdict) as verdict from said group by request_id
    )
    select q.id, q.root_id
    from requests q
    left join judged j on j.request_id = q.id
    where q.phase = 'rendered' and q.user_id <> '' and q.overrides ->> 'adapters' = 'auto'
      and (
          j.verdict > 0
          or (
              q.kind = 'revise' and coalesce(j.verdict, 0) >= 0
              and (jsonb_array_length(coalesce(q.overrides -> 'drop', '[]')) > 0
                   or jsonb_array_length(coalesce(q.overrides -> 'pin', '[]')) > 0)
          )
      )
    order by q.created_at, q.id
    """
)
