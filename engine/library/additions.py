"""Additions: LoRAs that somebody wants in the library, from a link or a file to the decision.

    waiting -> fetching -> fetched -> checking -> proposed -> approved or rejected
                      \\                     \\-> refused, with the sentence that says why

Anybody may propose. The engine fetches the file, a renderer loads it onto its checkpoint and
catalogues it where no prompt finds it yet; an admin's word makes it one of the library, or takes
it away.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.audit import write_down_adapter
from engine.errors import BadFile, BadOption, NotAllowed, UnknownAddition
from engine.library import catalogue
from engine.library.adapter_files import drop_files
from engine.library.addition_rows import (
    UNDER_WAY,
    Addition,
    Described,
    State,
    load_addition,
    settle,
    title_of,
    to_addition,
    to_row,
    unknown,
)
from engine.library.addresses import Reach, check_url
from engine.library.cards import (
    DESCRIPTION_CHARACTERS,
    LABEL_CHARACTERS,
    TITLE_CHARACTERS,
    clean,
)
from engine.library.library_tables import additions
from engine.library.references import PlainFile, read_reference, text_of
from engine.library.wire import parse_url
from engine.processes.queue import Queue, render_queue
from engine.requests.admission import new_id
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.values import Adapter, Asker

#: Undecided additions one person may have.
MOST_OPEN = 10
#: Seconds between two looks of a follower.
LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Additions:
    """The part of a desk that takes LoRAs and decisions about them."""

    settings: Settings
    database: Database
    queue: Queue
    store: BlobStore

    async def propose_url(
        self, url: str, described: Described, asker: Asker, *, everybody: bool = False
    ) -> Addition:
        """Stores the wish and enqueues its check. Raises `BadUrl` and `BadOption`."""
        reference, name = read_reference(url, self.settings.library), ""
        if isinstance(reference, PlainFile):  # sources are within reach, whatever the setting
            plain = parse_url(reference.url)
            check_url(plain, Reach.of(self.settings.library))
            name = plain.name
        page = text_of(reference, self.settings.library)
        return await self._propose(
            Addition(new_id(), asker, described, "waiting", page, None, name, everybody)
        )

    async def propose_file(
        self,
        name: str,
        content: bytes,
        described: Described,
        asker: Asker,
        *,
        everybody: bool = False,
    ) -> Addition:
        """Stores an uploaded file and enqueues its check. Raises `BadFile` and `BadOption`."""
        most = self.settings.library.download_mb
        if len(content) > most * 2**20:
            raise BadFile(f"“{name[:80]}” is larger than {most} MB, the most that is taken.")
        upload = await asyncio.to_thread(self.store.put, "adapters", content, ".safetensors")
        return await self._propose(
            Addition(new_id(), asker, described, "fetched", None, upload, name, everybody)
        )

    async def _propose(self, addition: Addition) -> Addition:
        addition = _cleaned(addition)
        async with self.database.transaction() as connection:
            if await _count_open(connection, addition.asker) >= MOST_OPEN:
                raise BadOption(
                    f"You have {MOST_OPEN} undecided LoRAs; wait until an admin has decided."
                )
            await connection.execute(insert(additions).values(to_row(addition)))
            if addition.url:
                await self.queue.defer_fetch(connection, addition.id)
            else:
                queue = render_queue(self.settings.checkpoint.name)
                await self.queue.defer_check(connection, addition.id, queue)
        return addition

    async def load(self, addition_id: str) -> Addition:
        """Returns one addition. Raises `UnknownAddition`."""
        async with self.database.transaction() as connection:
            return await load_addition(connection, addition_id)

    async def of_adapter(self, adapter_id: str) -> Addition | None:
        """Returns the addition of an adapter that waits for a decision; None where none does."""
        async with self.database.transaction() as connection:
            rows = await connection.execute(
                select(additions).where(
                    additions.c.adapter_id == adapter_id, additions.c.state == "proposed"
                )
            )
            row = rows.first()
        return to_addition(row) if row else None

    async def follow(self, addition_id: str) -> AsyncIterator[Addition]:
        """Yields the addition each time its state has changed, until it is settled."""
        last: Addition | None = None
        while last is None or not last.settled:
            seen = await self.load(addition_id)
            if last is None or seen.state != last.state:
                yield seen
            last = seen
            if not last.settled:
                await asyncio.sleep(LOOK)

    async def proposed(self, asker: Asker) -> Sequence[Addition]:
        """Returns what waits for an admin's word in the asker's workspace, oldest first."""
        async with self.database.transaction() as connection:
            rows = await connection.execute(
                select(additions)
                .where(
                    additions.c.state == "proposed",
                    additions.c.platform == asker.platform,
                    additions.c.workspace == asker.workspace,
                )
                .order_by(additions.c.created_at, additions.c.id)
            )
            return [to_addition(row) for row in rows]

    async def sample(self, adapter: Adapter | None) -> bytes | None:
        """Returns the PNG of an adapter's sample images, above without and below with it."""
        if adapter is None or adapter.sample is None:
            return None
        return await asyncio.to_thread(self.store.read, adapter.sample)

    async def decide(
        self, addition_id: str, admin: Asker, *, approve: bool, allowed: bool
    ) -> Addition:
        """Takes a proposed LoRA into the library, or away; it is written into the audit log.

        `allowed` is whether the platform calls the person an admin. Raises `UnknownAddition`,
        `NotAllowed`, and `BadOption` where it is not, or no longer, to be decided.
        """
        async with self.database.transaction() as connection:
            addition = await load_addition(connection, addition_id)
            _refuse_outsider(addition, admin, allowed)
            state: State = "approved" if approve else "rejected"
            adapter_id = addition.adapter_id
            if adapter_id is None or not await settle(connection, adapter_id, state, admin):
                raise BadOption(f"“{title_of(addition)}” is {addition.state}; nothing is decided.")
            status = "active" if approve else "removed"
            adapter = await catalogue.set_status(connection, adapter_id, status)
            changed_to = {adapter.id: ["proposed", state]}
            await write_down_adapter(connection, admin, adapter, changed_to)
        if not approve:
            await drop_files(self.database, self.store, adapter_id)
        return await self.load(addition_id)


def _cleaned(addition: Addition) -> Addition:
    """What people wrote, without characters that nobody sees and the database does not take."""
    said = addition.described
    described = Described(
        said.title and clean(said.title, TITLE_CHARACTERS),
        clean(said.description, DESCRIPTION_CHARACTERS),
        tuple(clean(word, LABEL_CHARACTERS) for word in said.trigger_words),
        said.weight,
    )
    return replace(addition, described=described, file_name=clean(addition.file_name, 255))


def _refuse_outsider(addition: Addition, admin: Asker, allowed: bool) -> None:
    here = (addition.asker.platform, addition.asker.workspace)
    if here != (admin.platform, admin.workspace):
        raise UnknownAddition(unknown(addition.id))
    if not allowed:
        raise NotAllowed("Only an admin decides what comes into the library.")


async def _count_open(connection: AsyncConnection, asker: Asker) -> int:
    return (
        await connection.scalar(
            select(func.count())
            .select_from(additions)
            .where(
                additions.c.state.in_((*UNDER_WAY, "proposed")),
                additions.c.platform == asker.platform,
                additions.c.workspace == asker.workspace,
                additions.c.user_id == asker.user,
            )
        )
    ) or 0
