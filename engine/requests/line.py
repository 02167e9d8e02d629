"""The line: in which order open requests are worked on.

It goes by rounds: everybody's first open request comes before anybody's second. Within a round
workspaces take turns, and within a workspace the earlier request goes first. A lane moves its
people up by so many rounds.
"""

from dataclasses import dataclass

from sqlalchemy import Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from engine.requests.backlog import IN_HAND
from engine.storage.tables import requests
from engine.values import OPEN_PHASES, Phase

#: Turns of a round, for the queue's priorities; whoever comes later in a round shares the last.
ROUND = 100_000
#: Above all rounds: what was under way when its worker died goes on before anything else begins.
UNDER_WAY = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """A request's place in the line."""

    #: The queue's: higher goes first.
    priority: int
    #: Open requests that go before it.
    ahead: int


def line() -> Select[tuple[str, int, int]]:
    """Returns the query of all open requests: `id`, `priority`, and how many are `ahead`."""
    person = [requests.c.platform, requests.c.workspace, requests.c.user_id]
    earlier = [requests.c.created_at, requests.c.id]
    started = case((requests.c.phase == Phase.RENDERING, 0), else_=1).label("started")
    in_hand = requests.c.phase.in_(IN_HAND).label("in_hand")
    nth = func.row_number().over(partition_by=person, order_by=earlier)
    columns = [requests.c[name] for name in ("id", "platform", "workspace", "created_at")]
    of_people = (
        select(*columns, started, in_hand, (nth - 1 - requests.c.lane).label("round"))
        .where(requests.c.phase.in_(sorted(OPEN_PHASES)))
        .subquery()
    )
    one = of_people.c
    order = [one.created_at, one.id]
    turn = func.row_number().over(
        partition_by=[one.platform, one.workspace, one.round], order_by=order
    )
    in_turn = select(of_people, (turn - 1).label("turn")).subquery()
    two = in_turn.c
    ahead = func.row_number().over(
        order_by=[two.started, two.round, two.turn, two.created_at, two.id]
    )
    priority = case((two.in_hand, UNDER_WAY), else_=_priority(two.round, two.turn))
    return select(two.id, priority.label("priority"), (ahead - 1).label("ahead"))


def _priority(round_: ColumnElement[int], turn: ColumnElement[int]) -> ColumnElement[int]:
    return -(round_ * ROUND + func.least(turn, ROUND - 1))


async def place_of(connection: AsyncConnection, request_id: str) -> Place:
    """Returns an open request's place; first and alone where it is open no more."""
    whole = line().subquery()
    found = await connection.execute(select(whole).where(whole.c.id == request_id))
    row = found.one_or_none()
    return Place(row.priority, row.ahead) if row else Place(0, 0)
