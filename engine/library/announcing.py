"""Announcing: chats see how a LoRA on its way into the library gets on, in one message each.

The message is posted when the LoRA is proposed and changed until the check has ended; a process
that starts finds all that wait.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import select, update

from engine.library import catalogue
from engine.library.addition_rows import UNDER_WAY, Addition, to_addition
from engine.library.library_tables import additions
from engine.operations.log import get_log
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.values import Adapter, Asker

log = get_log("additions")

#: Shows in a chat how an addition gets on, in its message where it has one, with a PNG of sample
#: images where there is one; returns the message's id, empty where nobody can be told.
Teller = Callable[[Addition, Adapter | None, bytes | None], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Announcing:
    """The part of a desk that tells of additions."""

    database: Database
    store: BlobStore
    _tellers: dict[str, Teller] = field(default_factory=dict)
    #: What is shown of those under way.
    _shown: dict[str, Addition] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def register(self, platform: str, teller: Teller) -> None:
        """Names who tells a platform's people."""
        self._tellers[platform] = teller

    async def tell_waiting(
        self, platform: str, serves: Callable[[Asker], bool] = lambda _: True
    ) -> int:
        """Shows every change since the last time; returns how many messages that were.

        Frontends call this from time to time. One that cannot be told keeps no other waiting.
        `serves` leaves out people whom another process of the platform looks after.
        """
        teller = self._tellers.get(platform)
        if teller is None:
            return 0
        async with self._lock:
            untold = await self._untold(platform)
            self._forget(untold)
            told = [await self._tell(teller, one) for one in untold if serves(one.asker)]
        return sum(told)

    async def _untold(self, platform: str) -> list[Addition]:
        async with self.database.transaction() as connection:
            rows = await connection.execute(
                select(additions)
                .where(
                    additions.c.platform == platform,
                    additions.c.state.in_((*UNDER_WAY, "proposed", "refused")),
                    additions.c.told.is_(False),
                )
                .order_by(additions.c.created_at, additions.c.id)
            )
            return [to_addition(row) for row in rows]

    def _forget(self, untold: list[Addition]) -> None:
        still = {one.id for one in untold}
        for gone in [one for one in self._shown if one not in still]:
            del self._shown[gone]

    async def _tell(self, teller: Teller, addition: Addition) -> bool:
        if self._shown.get(addition.id) == addition:
            return False
        try:
            adapter = await self._adapter(addition)
            message_id = await teller(addition, adapter, await self._sample(adapter))
        except Exception:  # told again later
            log.exception("nobody was told of an addition", addition=addition.id)
            return False
        async with self.database.transaction() as connection:
            await connection.execute(
                update(additions)
                .where(additions.c.id == addition.id)
                .values(message_id=message_id, told=addition.settled)
            )
        self._shown[addition.id] = replace(addition, message_id=message_id)
        return True

    async def _adapter(self, addition: Addition) -> Adapter | None:
        if addition.adapter_id is None:
            return None
        async with self.database.transaction() as connection:
            found = await catalogue.find_adapters(connection, [addition.adapter_id])
        return found[addition.adapter_id]

    async def _sample(self, adapter: Adapter | None) -> bytes | None:
        if adapter is None or adapter.sample is None:
            return None
        return await asyncio.to_thread(self.store.read, adapter.sample)
