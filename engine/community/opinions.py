"""Opinions: what people think of adapters, by their thumbs and by their votes in duels.

One person has one opinion of one adapter, however often they have said it: more ups than downs, or
more downs than ups. A vote in a duel against the base is for or against all adapters of the
image that has them; other duels tell of settings, not of adapters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.evaluating.statistics import wilson_interval
from engine.storage.database import Database
from engine.values import Asker

#: Share of those who judged an adapter below which it is disliked, once that is sure.
DISLIKED_UNDER = 0.5


@dataclass(frozen=True, slots=True)
class Opinion:
    """How many people like an adapter."""

    adapter_id: str
    liked: int = 0
    judged: int = 0

    @property
    def disliked(self) -> bool:
        """Whether surely fewer than half of all people like it, by Wilson's interval of 95%.

        Four of four who dislike it are the fewest that make it sure.
        """
        return wilson_interval(self.liked, self.judged).high < DISLIKED_UNDER


@dataclass(frozen=True, slots=True)
class Opinions:
    """The opinions of all workspaces."""

    database: Database

    async def here(self, asker: Asker) -> Sequence[Opinion]:
        """Returns the opinions that people of the asker's workspace have."""
        async with self.database.transaction() as connection:
            return await load_opinions(connection, asker)

    async def of(self, adapter_id: str, asker: Asker) -> Opinion:
        """Returns what people of the asker's workspace think of one adapter."""
        found = {one.adapter_id: one for one in await self.here(asker)}
        return found.get(adapter_id, Opinion(adapter_id))

    async def everywhere(self) -> dict[str, Opinion]:
        """Returns what people of all workspaces think, by adapter."""
        async with self.database.transaction() as connection:
            return {one.adapter_id: one for one in await load_opinions(connection)}


async def load_disliked(connection: AsyncConnection, asker: Asker) -> tuple[str, ...]:
    """Returns the adapters that the asker's workspace dislikes."""
    return tuple(o.adapter_id for o in await load_opinions(connection, asker) if o.disliked)


async def load_opinions(
    connection: AsyncConnection, asker: Asker | None = None
) -> Sequence[Opinion]:
    """Returns the opinions of the asker's workspace, or of everybody; the most judged first."""
    place: dict[str, str | None] = {"platform": None, "workspace": None}
    if asker:
        place = {"platform": asker.platform, "workspace": asker.workspace}
    rows = await connection.execute(_OPINIONS, place)
    return [Opinion(row.adapter_id, row.liked, row.judged) for row in rows]


_OPINIONS = text(
    """
    with asked as (
        select id, platform, coalesce(overrides ->> 'against', 'base') as against
        from requests
        where cast(:platform as text) is null
           or (platform = :platform and workspace = :workspace)
    ), said as (
        select q.platform, f.user_id, unnest(f.adapters) as adapter_id, f.verdict
        from asked q join feedback f on f.request_id = q.id
        union all
        select q.platform, v.user_id, loaded ->> 'adapter_id',
               case when v.image = r.index then 1 else -1 end
        from asked q
        join duel_votes v on v.request_id = q.id
        join renderings r on r.request_id = q.id and q.against = 'base'
        cross join jsonb_array_elements(r.rendering -> 'loaded') as loaded
    ), people as (
        select adapter_id, sum(verdict) as verdict
        from said
        group by adapter_id, platform, user_id
        having sum(verdict) <> 0
    )
    select adapter_id, count(*) filter (where verdict > 0) as liked, count(*) as judged
    from people
    group by adapter_id
    order by judged desc, adapter_id
    """
)
