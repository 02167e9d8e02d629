"""Requests that are planned but that no renderer alive can render."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.plan import PLANS
from engine.processes.queue import render_queue
from engine.storage.tables import requests
from engine.values import Phase, Worker


@dataclass(frozen=True, slots=True)
class Unserved:
    """Requests that wait for a renderer which nobody has started."""

    checkpoint: str
    #: The kind of their plans.
    needs: int
    requests: int

    @property
    def sentence(self) -> str:
        """What waits for what, and the next step."""
        what = f"{self.requests} planned for “{self.checkpoint}” wait for a renderer"
        if self.needs > PLANS:
            return (
                f"{what} of a newer version (plans of kind {self.needs}, this one knows "
                f"{PLANS}); update the renderers"
            )
        return f"{what} that has it; start one, or update those that run"


async def find_unserved(connection: AsyncConnection, alive: Sequence[Worker]) -> list[Unserved]:
    """Returns what waits in queues that no worker alive listens to."""
    checkpoint = requests.c.sampling["checkpoint"].astext
    rows = await connection.execute(
        select(checkpoint.label("checkpoint"), requests.c.needs, func.count().label("requests"))
        .where(requests.c.phase == Phase.PLANNED)
        .group_by(checkpoint, requests.c.needs)
        .order_by(checkpoint, requests.c.needs)
    )
    served = {queue for worker in alive for queue in worker.queues}
    return [
        Unserved(row.checkpoint, row.needs, row.requests)
        for row in rows
        if render_queue(row.checkpoint, row.needs) not in served
    ]
