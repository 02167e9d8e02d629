"""Worker processes as others see them: rows with a heartbeat."""

import os
import secrets
import socket
from collections.abc import Sequence

from pydantic import TypeAdapter
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine import __version__
from engine.storage.tables import workers
from engine.values import Equipment, Worker

_equipment = TypeAdapter(Equipment)
NOTHING = Equipment()


async def announce(
    connection: AsyncConnection,
    role: str,
    queues: Sequence[str],
    device: str,
    equipment: Equipment = NOTHING,
) -> str:
    """Adds this process's row and returns its id."""
    worker_id = secrets.token_hex(6)
    await connection.execute(
        insert(workers).values(
            id=worker_id,
            role=role,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            device=device,
            queues=list(queues),
            equipment=_equipment.dump_python(equipment, mode="json"),
        )
    )
    return worker_id


async def beat(connection: AsyncConnection, worker_id: str, equipment: Equipment = NOTHING) -> None:
    """A sign of life, and what the worker has by now."""
    await connection.execute(
        update(workers)
        .where(workers.c.id == worker_id)
        .values(
            seen_at=func.clock_timestamp(),
            equipment=_equipment.dump_python(equipment, mode="json"),
        )
    )


async def leave(connection: AsyncConnection, worker_id: str) -> None:
    """Removes this process's row, and those that have been silent for a day."""
    long_dead = workers.c.seen_at < func.now() - text("interval '1 day'")
    await connection.execute(delete(workers).where((workers.c.id == worker_id) | long_dead))


async def alive(connection: AsyncConnection, stalled_seconds: float) -> list[Worker]:
    """Returns the workers that gave a sign of life within that many seconds."""
    limit = func.clock_timestamp() - text(f"interval '{float(stalled_seconds)} seconds'")
    rows = await connection.execute(
        select(workers)
        .where(workers.c.seen_at > limit)
        .order_by(workers.c.started_at, workers.c.role, workers.c.id)
    )
    return [
        Worker(
            row.id,
            row.role,
            row.host,
            row.pid,
            row.version,
            row.device,
            tuple(row.queues),
            row.started_at,
            _equipment.validate_python(row.equipment),
        )
        for row in rows
    ]
