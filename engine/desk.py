"""The request desk: everything a frontend may ask of the engine.

async with open_desk(settings) as desk:
    request = await desk.submit(Ask(asker, "a red star"))
    async for progress in desk.follow(request.id): ...
    answer = await desk.answer(request.id)
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from engine import catalogue, delivery, ledger, workers
from engine.admission import admit, descend, refuse_failed
from engine.composer import choose_composer
from engine.database import Database, open_database
from engine.delivery import Delivery
from engine.errors import BadOption, StylusError
from engine.png import Recipe
from engine.progress import ProgressFeed, publish
from engine.queue import COMPOSE_QUEUE, Queue, open_queue
from engine.schema import check_schema
from engine.settings import Settings
from engine.storage import BlobStore
from engine.values import (
    Answer,
    Ask,
    Asker,
    Overrides,
    Phase,
    Progress,
    Rendering,
    Request,
    Worker,
)

#: Seconds after which a follower looks at the rows itself, should a NOTIFY be lost.
LOOK_AGAIN = 1.0

#: Posts an answer on a platform and returns the message's id.
Sender = Callable[[Answer, Delivery], Awaitable[str]]


class Undeliverable(StylusError):
    """A sender's way to say that this answer can never be posted, and why."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Opened by `open_desk`; safe to share between tasks."""

    settings: Settings
    database: Database
    queue: Queue
    store: BlobStore
    feed: ProgressFeed
    _senders: dict[str, Sender] = field(default_factory=dict)

    async def submit(self, ask: Ask, origin: str | None = None) -> Request:
        """Stores a request and enqueues it in one transaction.

        `origin` is the platform's id of the event that asked; an event that comes twice
        gives the request of its first coming. Raises `BadInput`.
        """
        request = admit(ask, self.settings)
        choose_composer(request.overrides.composer, self.settings)
        wishes = request.overrides
        async with self.database.transaction() as connection:
            named = {*wishes.pin, *wishes.drop, *wishes.weights}
            await catalogue.find_adapters(connection, sorted(named))
        return await self._enqueue(request, origin)

    async def repeat(self, recipe: Recipe, asker: Asker) -> Request:
        """Enqueues the image of a recipe once more. Raises `BadInput` for what is gone."""
        hashes = [adapter.sha256 for adapter in recipe.adapters]
        async with self.database.transaction() as connection:
            found = await catalogue.find_by_sha256(connection, hashes)
        weights = {found[a.sha256].id: a.weight for a in recipe.adapters}
        overrides = Overrides(adapters="none", pin=tuple(weights), weights=weights)
        sampling = recipe.sampling
        ask = Ask(
            asker=asker,
            prompt=recipe.prompt,
            negative=recipe.negative,
            images=1,
            seed=recipe.seed,
            width=sampling.width,
            height=sampling.height,
            checkpoint=sampling.checkpoint,
            scheduler=sampling.scheduler,
            steps=sampling.steps,
            guidance=sampling.guidance,
            overrides=overrides,
        )
        return await self.submit(ask)

    async def workers(self) -> list[Worker]:
        """Returns the worker processes that are alive, on any machine."""
        async with self.database.transaction() as connection:
            return await workers.alive(connection, self.settings.queue.stalled)

    async def reroll(self, request_id: str, asker: Asker, origin: str | None = None) -> Request:
        """The same tasks with masks that no request of its line has used, and new seeds."""
        parent = await self.answer(request_id)
        return await self._enqueue(descend(parent, "reroll", asker), origin)

    async def vary(
        self, request_id: str, index: int, asker: Asker, origin: str | None = None
    ) -> Request:
        """The mask of one image with new seeds."""
        parent = await self.answer(request_id)
        refuse_failed(parent)
        return await self._enqueue(descend(parent, "vary", asker, index), origin)

    async def _enqueue(self, request: Request, origin: str | None) -> Request:
        async with self.database.transaction() as connection:
            if not await ledger.store_request(connection, request, origin):
                return await ledger.load_by_origin(connection, request.asker.platform, origin)
            waiting = await ledger.count_open(connection, request.asker) - 1
            if waiting >= self.settings.limits.waiting:
                raise BadOption(
                    f"You have {waiting} unfinished requests, which is as many as one person "
                    "may have; wait for one or cancel one."
                )
            # Every further waiting request of a person ranks behind everybody's earlier ones.
            await self.queue.defer(connection, "compose", COMPOSE_QUEUE, request.id, -waiting)
        return request

    async def answer(self, request_id: str) -> Answer:
        """Returns everything known of a request. Raises `UnknownRequest`."""
        async with self.database.transaction() as connection:
            return await ledger.load_answer(connection, request_id)

    async def image(self, rendering: Rendering) -> bytes:
        """Returns the PNG of a rendering. Raises `StorageUnavailable`."""
        return await asyncio.to_thread(self.store.read, rendering.blob)

    async def cancel(self, request_id: str) -> bool:
        """Cancels a request; returns False where it had ended already."""
        async with self.database.transaction() as connection:
            await ledger.load_phase(connection, request_id)
            cancelled = await ledger.cancel(connection, request_id)
            if cancelled:
                await publish(connection, Progress(request_id, Phase.CANCELLED))
            return cancelled

    async def follow(self, request_id: str) -> AsyncIterator[Progress]:
        """Yields progress until the request has ended; the last one has a final phase."""
        with self.feed.subscribe(request_id) as news:
            last: Progress | None = None
            while True:
                seen = await self._look(request_id)
                if last is None or seen.phase is not last.phase or seen.position is not None:
                    yield seen
                    last = seen
                if seen.phase.final:
                    return
                async for progress in _until_quiet(news):
                    yield progress
                    last = progress

    async def _look(self, request_id: str) -> Progress:
        async with self.database.transaction() as connection:
            phase = await ledger.load_phase(connection, request_id)
            ahead = None
            if phase in (Phase.QUEUED, Phase.PLANNED):
                ahead = await ledger.count_ahead(connection, request_id)
        return Progress(request_id, phase, position=ahead)

    def register(self, platform: str, sender: Sender) -> None:
        """Names who posts the answers of a platform."""
        self._senders[platform] = sender

    async def deliver_waiting(self, platform: str) -> int:
        """Posts every answer that waits for the platform; returns how many were posted."""
        async with self.database.transaction() as connection:
            stalled = self.settings.queue.stalled
            waiting = await delivery.waiting(connection, platform, stalled)
        posted = [await self.deliver(platform, request_id) for request_id in waiting]
        return sum(posted)

    async def deliver(self, platform: str, request_id: str) -> bool:
        """Posts one answer, unless it is posted or another process is at it."""
        async with self.database.transaction() as connection:
            claimed = await delivery.claim(connection, request_id, self.settings.queue.stalled)
        if claimed is None:
            return False
        try:
            message_id = await self._senders[platform](await self.answer(request_id), claimed)
        except Undeliverable as error:
            async with self.database.transaction() as connection:
                await delivery.record_undeliverable(connection, claimed, str(error))
            return False
        async with self.database.transaction() as connection:
            return await delivery.record_posted(connection, claimed, message_id)


async def _until_quiet(news: asyncio.Queue[Progress]) -> AsyncIterator[Progress]:
    """Yields news until none came for a while or the request has ended."""
    with contextlib.suppress(TimeoutError):
        while True:
            progress = await asyncio.wait_for(news.get(), LOOK_AGAIN)
            if progress.phase.final:
                return
            yield progress


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[Desk]:
    """Opens what lives long: pools, queue and listener.

    Raises `DatabaseUnavailable` and `SchemaOutdated`.
    """
    async with open_database(settings) as database:
        async with database.transaction() as connection:
            await check_schema(connection)
        async with open_queue(database) as queue:
            feed = ProgressFeed(database.conninfo)
            listening = asyncio.create_task(feed.run(), name="progress feed")
            try:
                yield Desk(settings, database, queue, BlobStore(settings), feed)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
