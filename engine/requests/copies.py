"""Copies: answers that a reaction asks to see somewhere else, in the gallery or as a message to one
person.

The wish is a delivery like the answer's own, stored before the platform's event is acknowledged:
whoever dies after that, another process posts the copy.
"""

from dataclasses import dataclass
from hashlib import sha256

from engine.community.events import is_first
from engine.processes.queue import Queue, delivery_queue
from engine.requests import delivery
from engine.requests.delivery import Copy
from engine.storage.database import Database
from engine.values import Request


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies of all requests."""

    database: Database
    queue: Queue

    async def want(self, request: Request, copy: Copy, to: str, event_id: str) -> bool:
        """Asks for a copy in a channel or to a person; returns False where none is needed, and for
        an event that comes again."""
        platform = request.asker.platform
        # Discord takes 25 characters.
        nonce = f"{request.id}-{sha256(event_id.encode()).hexdigest()[:14]}"
        async with self.database.transaction() as connection:
            first = await is_first(connection, platform, event_id)
            if not first or not await delivery.want_copy(
                connection, request.id, platform, copy, to, nonce
            ):
                return False
            queue = delivery_queue(platform)
            await self.queue.defer(connection, "deliver", queue, request.id, 0)
            return True
