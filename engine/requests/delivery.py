"""Deliveries: one row for all that a frontend must post, exactly once in sight: each answer, the
result of each duel, and copies that people ask for.

wanted -> posting -> posted. A row that was left at "posting" is ambiguous: the message may be
out already, so the sender is told to look for it before it posts again.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import and_, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.storage.tables import deliveries, requests
from engine.values import Asker

#: Where a copy goes: to the workspace's gallery, or to a person.
Copy = Literal["gallery", "mail"]

#: In which order deliveries go out.
_OLDEST = (deliveries.c.wanted_at, deliveries.c.request_id, deliveries.c.part)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The right to post one answer, or one result."""

    request_id: str
    attempt: int
    #: Sent along with the message; the platform or we can find it by that.
    nonce: str
    #: An earlier attempt may have posted it.
    ambiguous: bool
    #: "answer", "result" of a duel, or a copy and where it goes, such as "mail U1".
    part: str = "answer"


async def want(connection: AsyncConnection, request_id: str, platform: str) -> None:
    """Asks for an answer's delivery, in the transaction that ends the request."""
    await connection.execute(
        insert(deliveries).values(request_id=request_id, platform=platform, nonce=request_id)
    )


async def want_result(connection: AsyncConnection, request_id: str, platform: str) -> bool:
    """Asks for the delivery of a duel's result; returns False where it was asked for before."""
    row = insert(deliveries).values(
        request_id=request_id, part="result", platform=platform, nonce=f"{request_id}-result"
    )
    wanted = row.on_conflict_do_nothing().returning(deliveries.c.request_id)
    return await connection.scalar(wanted) is not None


async def want_copy(
    connection: AsyncConnection, request_id: str, platform: str, copy: Copy, to: str, nonce: str
) -> bool:
    """Asks for a copy of an answer; returns False where none is needed: a gallery has one, and a
    person no second before the first is out."""
    row = insert(deliveries).values(
        request_id=request_id, part=f"{copy} {to}", platform=platform, nonce=nonce
    )
    once_more = row.on_conflict_do_update(
        index_elements=["request_id", "part"],
        set_={"state": "wanted", "nonce": nonce, "wanted_at": func.now(), "failure": None},
        where=and_(deliveries.c.state.in_(["posted", "undeliverable"]), literal(copy == "mail")),
    )
    return await connection.scalar(once_more.returning(deliveries.c.request_id)) is not None


async def waiting(
    connection: AsyncConnection, platform: str, stalled_seconds: float
) -> list[tuple[str, Asker]]:
    """Returns the requests whose answers wait and who asked, those left at "posting" for too long
    as well."""
    limit = func.clock_timestamp() - text(f"interval '{float(stalled_seconds)} seconds'")
    asker = [requests.c[name] for name in ("platform", "workspace", "channel", "user_id")]
    found = await connection.execute(
        select(deliveries.c.request_id, *asker)
        .join(requests, requests.c.id == deliveries.c.request_id)
        .where(
            deliveries.c.platform == platform,
            or_(
                deliveries.c.state == "wanted",
                and_(deliveries.c.state == "posting", deliveries.c.posting_at < limit),
            ),
        )
        .order_by(*_OLDEST)
    )
    return [(row[0], Asker(*row[1:])) for row in found]


async def claim(
    connection: AsyncConnection, request_id: str, stalled_seconds: float
) -> Delivery | None:
    """Claims one delivery; None where it is posted or somebody else is at it."""
    limit = func.clock_timestamp() - text(f"interval '{float(stalled_seconds)} seconds'")
    row = (
        await connection.execute(
            select(deliveries)
            .where(
                deliveries.c.request_id == request_id,
                or_(
                    deliveries.c.state == "wanted",
                    and_(deliveries.c.state == "posting", deliveries.c.posting_at < limit),
                ),
            )
            .order_by(*_OLDEST)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
    ).one_or_none()
    if row is None:
        return None
    await connection.execute(
        update(deliveries)
        .where(deliveries.c.request_id == request_id, deliveries.c.part == row.part)
        .values(state="posting", attempt=row.attempt + 1, posting_at=func.clock_timestamp())
    )
    ambiguous = row.state == "posting"
    return Delivery(request_id, row.attempt + 1, row.nonce, ambiguous, row.part)


async def record_posted(connection: AsyncConnection, delivery: Delivery, message_id: str) -> bool:
    """Records the platform's message id; returns False where the claim is not the newest."""
    now = func.clock_timestamp()
    return await _record(connection, delivery, state="posted", message_id=message_id, posted_at=now)


async def record_undeliverable(
    connection: AsyncConnection, delivery: Delivery, sentence: str
) -> bool:
    """Gives up on a delivery, with the reason; returns False where the claim is not newest."""
    return await _record(connection, delivery, state="undeliverable", failure=sentence)


async def put_back(connection: AsyncConnection, delivery: Delivery) -> bool:
    """Gives a claim back: surely nothing was posted. False where the claim is not newest."""
    return await _record(connection, delivery, state="wanted")


async def keep(connection: AsyncConnection, delivery: Delivery) -> bool:
    """Says that somebody is still at it; returns False where the claim is not the newest."""
    return await _record(connection, delivery, posting_at=func.clock_timestamp())


async def _record(connection: AsyncConnection, delivery: Delivery, **values: Any) -> bool:
    changed = await connection.execute(
        update(deliveries)
        .where(
            deliveries.c.request_id == delivery.request_id,
            deliveries.c.part == delivery.part,
            deliveries.c.state == "posting",
            deliveries.c.attempt == delivery.attempt,
        )
        .values(**values)
    )
    return changed.rowcount == 1
