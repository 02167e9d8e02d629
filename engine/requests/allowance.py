"""Allowance: how much one person, one workspace and everybody together may ask for.

Belongs into the transaction that stores a request: whoever asks lines up there, so that of two
requests at once only one takes the last that is left. The limits of a workspace and of the whole
queue are no promise to anybody, and may be passed by what comes in the same moment.
"""

from sqlalchemy import and_, case, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from engine.errors import BadOption, NotAllowed
from engine.settings import Limits
from engine.storage.tables import renderings, requests
from engine.values import OPEN_PHASES, Asker, Phase, Request

#: Ends that cost nothing: what failed or was cancelled does not count against a quota.
REFUNDED = (Phase.FAILED, Phase.CANCELLED)


async def line_up(connection: AsyncConnection, asker: Asker) -> None:
    """Lets a person's requests be counted and stored one after the other, until the transaction
    ends: of two that come at once, the second must see the first."""
    who = f"{asker.platform}/{asker.workspace}/{asker.user}"
    await connection.execute(
        text("select pg_advisory_xact_lock(hashtext('stylus asker'), hashtext(:who))"), {"who": who}
    )


async def check_allowance(
    connection: AsyncConnection, request: Request, quota: int | None, limits: Limits
) -> None:
    """Holds a request that was stored just now against all limits.

    `quota` is in images a day; None sets no limit. Raises `NotAllowed` and `BadOption` naming the
    limit, how much of it is used, and what to do.
    """
    asker = request.asker
    if quota is not None:
        _check_quota(await images_today(connection, asker), request.image_count, quota)
    waiting = await _count(connection, is_asker(asker)) - 1
    if waiting >= limits.waiting:
        raise BadOption(
            f"You have {waiting} unfinished requests, which is as many as one person "
            "may have; wait for one or cancel one."
        )
    if await _count(connection, _is_here(asker)) > limits.workspace_waiting:
        raise NotAllowed(
            f"{limits.workspace_waiting} requests of this place are unfinished, which is as many "
            "as one place may have; ask again in a few minutes."
        )
    if await _count(connection) > limits.queue:
        raise NotAllowed(
            "So much is waiting just now that yours would take too long; ask again in a few "
            "minutes."
        )


def _check_quota(used: int, wanted: int, quota: int) -> None:
    """`used` holds what is wanted already: the request is stored."""
    if used <= quota:
        return
    left = max(0, quota - (used - wanted))
    raise NotAllowed(
        f"You may ask for {quota} images within 24 hours and have {left} left, but this would be "
        f"{wanted}; images that failed or were cancelled do not count."
    )


async def images_today(connection: AsyncConnection, asker: Asker) -> int:
    """Returns how many images of the last 24 hours count against the asker's quota: those that
    were made, and those that are still to be."""
    made = (
        select(func.count())
        .where(renderings.c.request_id == requests.c.id)
        .correlate(requests)
        .scalar_subquery()
    )
    counted = case((requests.c.phase == Phase.RENDERED, made), else_=requests.c.image_count)
    lately = requests.c.created_at > func.now() - text("interval '24 hours'")
    counts = requests.c.phase.not_in(sorted(REFUNDED))
    statement = select(func.coalesce(func.sum(counted), 0))
    return int(await connection.scalar(statement.where(is_asker(asker), lately, counts)) or 0)


def is_asker(asker: Asker) -> ColumnElement[bool]:
    """Returns the condition that a request is this person's, in this workspace."""
    return and_(_is_here(asker), requests.c.user_id == asker.user)


def _is_here(asker: Asker) -> ColumnElement[bool]:
    return and_(requests.c.platform == asker.platform, requests.c.workspace == asker.workspace)


async def _count(connection: AsyncConnection, *whose: ColumnElement[bool]) -> int:
    unfinished = requests.c.phase.in_(sorted(OPEN_PHASES))
    statement = select(func.count()).select_from(requests).where(unfinished, *whose)
    return await connection.scalar(statement) or 0
