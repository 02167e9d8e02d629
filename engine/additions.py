"""Additions: LoRAs that somebody wants in the library, from a link or a file to the decision.

    waiting -> fetching -> fetched -> checking -> proposed -> approved or rejected
                      \\                     \\-> refused, with the sentence that says why

Anybody may propose. The engine fetches the file, a renderer loads it onto its checkpoint and
catalogues it where no prompt finds it yet; an admin's word makes it one of the library, or takes
it away.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from yarl import URL

from engine import catalogue
from engine.addresses import Reach, check_url
from engine.admission import new_id
from engine.database import Database
from engine.errors import BadFile, BadOption, NotAllowed, UnknownAddition
from engine.library_tables import additions
from engine.queue import Queue, render_queue
from engine.settings import Settings
from engine.storage import BlobStore
from engine.values import Asker
from engine.workspaces import Workspaces

State = Literal[
    "waiting", "fetching", "fetched", "checking", "proposed", "approved", "rejected", "refused"
]
UNDER_WAY: tuple[State, ...] = ("waiting", "fetching", "fetched", "checking")

#: Undecided additions one person may have.
MOST_OPEN = 10
#: Seconds between two looks of a follower.
LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Described:
    """What the person who adds a LoRA says of it; the rest is read off the file."""

    title: str | None = None
    description: str = ""
    trigger_words: tuple[str, ...] = ()
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Addition:
    """One LoRA on its way into the library."""

    id: str
    asker: Asker
    described: Described
    state: State
    #: Where the file comes from: a URL, or the key of an uploaded file.
    url: str | None = None
    upload: str | None = None
    #: What the file was called where it came from.
    file_name: str = ""
    #: Everybody's, or the asker's workspace's alone.
    everybody: bool = False
    #: Why it was refused.
    sentence: str | None = None
    adapter_id: str | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state not in UNDER_WAY

    @property
    def workspace(self) -> str:
        """Who may use the adapter, as the catalogue has it."""
        return "" if self.everybody else self.asker.workspace


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
        check_url(_url(url), Reach.of(self.settings.library))
        name = _url(url).name
        return await self._propose(
            Addition(new_id(), asker, described, "waiting", url, None, name, everybody)
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
        async with self.database.transaction() as connection:
            if await _count_open(connection, addition.asker) >= MOST_OPEN:
                raise BadOption(
                    f"You have {MOST_OPEN} undecided LoRAs; wait until an admin has decided."
                )
            await connection.execute(insert(additions).values(_row(addition)))
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
                .order_by(additions.c.created_at)
            )
            return [to_addition(row) for row in rows]

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
            changed = await connection.execute(
                update(additions)
                .where(additions.c.id == addition_id, additions.c.state == "proposed")
                .values(state=state, decided_by=admin.user, finished_at=func.clock_timestamp())
            )
            if changed.rowcount == 0 or addition.adapter_id is None:
                raise BadOption(f"“{title_of(addition)}” is {addition.state}; nothing is decided.")
            status = "active" if approve else "removed"
            await catalogue.set_status(connection, addition.adapter_id, status)
        adapter = addition.adapter_id
        await Workspaces(self.database).note(admin, f"lora {state}", adapter=adapter)
        return await self.load(addition_id)


def _url(url: str) -> URL:
    try:
        return URL(url.strip())
    except ValueError as error:
        raise BadOption(f"“{url[:80]}” is not a URL.") from error


def title_of(addition: Addition) -> str:
    """Returns what to call it."""
    return addition.described.title or addition.file_name.removesuffix(".safetensors") or "the LoRA"


def _refuse_outsider(addition: Addition, admin: Asker, allowed: bool) -> None:
    here = (addition.asker.platform, addition.asker.workspace)
    if here != (admin.platform, admin.workspace):
        raise UnknownAddition(unknown(addition.id))
    if not allowed:
        raise NotAllowed("Only an admin decides what comes into the library.")


def unknown(addition_id: str) -> str:
    """Returns the sentence for an addition that nobody may know of."""
    return f"There is no proposed LoRA “{addition_id[:40]}”."


async def load_addition(connection: AsyncConnection, addition_id: str) -> Addition:
    """Returns one addition. Raises `UnknownAddition`."""
    found = await connection.execute(select(additions).where(additions.c.id == addition_id))
    row = found.one_or_none()
    if row is None:
        raise UnknownAddition(unknown(addition_id))
    return to_addition(row)


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


def _row(addition: Addition) -> dict[str, Any]:
    described, asker = addition.described, addition.asker
    return {
        "id": addition.id,
        "platform": asker.platform,
        "workspace": asker.workspace,
        "channel": asker.channel,
        "user_id": asker.user,
        "state": addition.state,
        "url": addition.url,
        "upload": addition.upload,
        "file_name": addition.file_name,
        "everybody": addition.everybody,
        "title": described.title,
        "description": described.description,
        "trigger_words": list(described.trigger_words),
        "weight": described.weight,
    }


def to_addition(row: Row[Any]) -> Addition:
    """Returns the addition of a row."""
    return Addition(
        id=row.id,
        asker=Asker(row.platform, row.workspace, row.channel, row.user_id),
        described=Described(row.title, row.description, tuple(row.trigger_words), row.weight),
        state=row.state,
        url=row.url,
        upload=row.upload,
        file_name=row.file_name,
        everybody=row.everybody,
        sentence=row.sentence,
        adapter_id=row.adapter_id,
    )
