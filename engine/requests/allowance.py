"""Allowance: how much one person, one workspace and everybody together may ask for.

Belongs into the transaction that stores a request: whoever asks lines up there, so that of two
requests at once only one takes the last that is left. The limits of a workspace and of the whole
queue are no promise to anybody, and may be passed by what comes in the same moment.
"""

import secrets

from sqlalchemy import and_, case, delete, func, insert, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from engine.errors import BadOption, NotAllowed
from engine.settings import Limits
from engine.storage.tables import renderings, requests, spent_images
from engine.values import OPEN_PHASES, Asker, Phase, Request

#: Ends that cost nothing: what failed or was cancelled does not count against a quota.
REFUNDED = (Phase.FAILED, Phase.CANCELLED)


async def line_up(connection: AsyncConnection, asker: Asker) -> None:
    """Lets a person's requests be counted and stored one after the other, until the transaction
    ends: of two that come at once, the second must see the first."""
    who = _name(asker.platform, asker.workspace, asker.user)
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
    mine = select(func.coalesce(func.sum(_counted()), 0)).where(is_asker(asker), _counts())
    who = _name(asker.platform, asker.workspace, asker.user)
    forgotten = select(func.coalesce(func.sum(spent_images.c.images), 0)).where(
        spent_images.c.until > func.now(), spent_images.c.who == _hidden(spent_images.c.salt, who)
    )
    return int(await connection.scalar(mine) or 0) + int(await connection.scalar(forgotten) or 0)


async def keep_count(connection: AsyncConnection, whose: ColumnElement[bool]) -> None:
    """Has the images of a person's requests of the last 24 hours count on, before nothing says
    whose they were.

    Of the person only a salted hash is kept, and until those hours are over.
    """
    day = requests.c.created_at + text("interval '24 hours'")
    rows = await connection.execute(
        select(
            *(requests.c[name] for name in ("platform", "workspace", "user_id")),
            _counted().label("images"),
            day.label("until"),
        ).where(whose, _counts())
    )
    for row in rows.all():
        salt = secrets.token_hex(16)
        await connection.execute(
            insert(spent_images).values(
                who=_hidden(literal(salt), _name(row.platform, row.workspace, row.user_id)),
                salt=salt,
                images=row.images,
                until=row.until,
            )
        )


async def drop_counts(connection: AsyncConnection) -> None:
    """Removes what counts no longer."""
    await connection.execute(delete(spent_images).where(spent_images.c.until <= func.now()))


def _name(platform: str, workspace: str, user: str) -> str:
    return f"{platform}/{workspace}/{user}"


def _hidden(salt: ColumnElement[str], name: str) -> ColumnElement[str]:
    """Sha256 of the salt and the name, in hexadecimal."""
    return func.encode(func.sha256(func.convert_to(salt.concat(name), "UTF8")), "hex")


def _counted() -> ColumnElement[int]:
    """Images of a request: those that were made, or are still to be."""
    made = (
        select(func.count())
        .where(renderings.c.request_id == requests.c.id)
        .correlate(requests)
        .scalar_subquery()
    )
    return case((requests.c.phase == Phase.RENDERED, made), else_=requests.c.image_count)


def _counts() -> ColumnElement[bool]:
    lately = requests.c.created_at > func.now() - text("interval '24 hours'")
    return and_(lately, requests.c.phase.not_in(sorted(REFUNDED)))


def is_asker(asker: Asker) -> ColumnElement[bool]:
    """Returns the condition that a request is this person's, in this workspace."""
    return and_(_is_here(asker), requests.c.user_id == asker.user)


def _is_here(asker: Asker) -> ColumnElement[bool]:
    return and_(requests.c.platform == asker.platform, requests.c.workspace == asker.workspace)


async def _count(connection: AsyncConnection, *whose: ColumnElement[bool]) -> int:
    unfinished = requests.c.phase.in_(sorted(OPEN_PHASES))
    statement = select(func.count()).select_from(requests).where(unfinished, *whose)
    return await connection.scalar(statement) or 0
