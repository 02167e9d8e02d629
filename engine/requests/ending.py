"""Ending: whichever way a request or a duel ends, its people hear of it once."""

from sqlalchemy.ext.asyncio import AsyncConnection

from engine.processes.queue import Queue, delivery_queue
from engine.requests import delivery
from engine.requests.progress import publish
from engine.values import Phase, Progress, Request

#: Platforms whose frontend follows the rows by itself and needs no delivery.
WITHOUT_DELIVERY = frozenset({"console"})


async def announce_end(
    queue: Queue, connection: AsyncConnection, request: Request, phase: Phase
) -> None:
    """Asks the request's frontend to post the answer and tells all who follow.

    Belongs into the transaction that ends the request.
    """
    platform = request.asker.platform
    if platform not in WITHOUT_DELIVERY:
        await delivery.want(connection, request.id, platform)
        await queue.defer(connection, "deliver", delivery_queue(platform), request.id, 0)
    await publish(connection, Progress(request.id, phase))


async def announce_result(
    queue: Queue, connection: AsyncConnection, request_id: str, platform: str
) -> bool:
    """Asks the duel's frontend to post the result; returns False where that was done before.

    Belongs into the transaction that decides the duel.
    """
    if platform in WITHOUT_DELIVERY:
        return False
    if not await delivery.want_result(connection, request_id, platform):
        return False
    await queue.defer(connection, "deliver", delivery_queue(platform), request_id, 0)
    return True
