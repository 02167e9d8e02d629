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

from engine import answers, backlog, catalogue, delivery, ledger, workers
from engine.access import refuse_outsider
from engine.admission import admit, descend, once_more, refuse_failed, refuse_stranger
from engine.composer import choose_composer
from engine.database import Database, open_database
from engine.delivery import Delivery
from engine.ending import announce_end
from engine.errors import BadOption, StylusError, Unavailable
from engine.events import Events
from engine.feedback import Feedback
from engine.homes import Homes, store_home
from engine.log import get_log
from engine.png import Recipe
from engine.progress import ProgressFeed
from engine.queue import COMPOSE_QUEUE, Queue, open_queue
from engine.schema import check_schema
from engine.settings import Settings
from engine.standings import load_standings
from engine.storage import BlobStore
from engine.values import (
    Answer,
    Ask,
    Asker,
    Home,
    Overrides,
    Phase,
    Progress,
    Rendering,
    Request,
    Standings,
    Worker,
)
from engine.wishes import check_wishes

log = get_log("desk")

#: Seconds after which a follower looks at the rows itself, should a NOTIFY be lost.
LOOK_AGAIN = 1.0

#: Posts an answer on a platform and returns the message's id.
Sender = Callable[[Answer, Delivery], Awaitable[str]]


class Undeliverable(StylusError):
    """A sender's way to say that this answer can never be posted, and why."""


class NotPosted(StylusError):
    """A sender's way to say that surely nothing was posted now, and that later it may be."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Opened by `open_desk`; safe to share between tasks."""

    settings: Settings
    database: Database
    queue: Queue
    store: BlobStore
    feed: ProgressFeed
    homes: Homes
    events: Events
    feedback: Feedback
    _senders: dict[str, Sender] = field(default_factory=dict)

    async def submit(
        self, ask: Ask, origin: str | None = None, home: Home | None = None
    ) -> Request:
        """Stores a request and enqueues it in one transaction.

        `origin` is the platform's id of the event that asked; an event that comes twice
        gives the request of its first coming. `home` is where a chat shows it.
        Raises `BadInput`.
        """
        request = admit(ask, self.settings)
        choose_composer(request.overrides.composer, self.settings)
        async with self.database.transaction() as connection:
            await check_wishes(connection, request, self.settings)
        return await self._enqueue(request, origin, home)

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

    async def reroll(
        self, request_id: str, asker: Asker, origin: str | None = None, home: Home | None = None
    ) -> Request:
        """The same tasks with masks that no request of its line has used, and new seeds."""
        parent = await self.show(request_id, asker)
        return await self._enqueue(descend(parent, "reroll", asker), origin, home)

    async def vary(
        self,
        request_id: str,
        index: int,
        asker: Asker,
        origin: str | None = None,
        home: Home | None = None,
    ) -> Request:
        """The mask of one image with new seeds."""
        parent = await self.show(request_id, asker)
        refuse_failed(parent)
        return await self._enqueue(descend(parent, "vary", asker, index), origin, home)

    async def retry(
        self, request_id: str, asker: Asker, origin: str | None = None, home: Home | None = None
    ) -> Request:
        """The same request once more."""
        failed = (await self.show(request_id, asker)).request
        return await self._enqueue(once_more(failed, asker), origin, home)

    async def _enqueue(
        self, request: Request, origin: str | None, home: Home | None = None
    ) -> Request:
        async with self.database.transaction() as connection:
            await backlog.line_up(connection, request.asker)
            if not await ledger.store_request(connection, request, origin):
                return await answers.load_by_origin(connection, request.asker.platform, origin)
            if home:
                await store_home(connection, request.id, home)
            waiting = await backlog.count_open(connection, request.asker) - 1
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
            return await answers.load_answer(connection, request_id)

    async def show(self, request_id: str, asker: Asker) -> Answer:
        """Returns what the asker may see of a request. Raises `UnknownRequest`."""
        answer = await self.answer(request_id)
        refuse_outsider(answer.request, await self.homes.of(request_id), asker)
        return answer

    async def standings(self, platform: str, request_id: str | None = None) -> Standings:
        """Returns how far all open requests of a platform are, or one of them."""
        stalled = self.settings.queue.stalled
        async with self.database.transaction() as connection:
            return await load_standings(connection, platform, stalled, request_id)

    async def image(self, rendering: Rendering) -> bytes:
        """Returns the PNG of a rendering. Raises `StorageUnavailable`."""
        return await asyncio.to_thread(self.store.read, rendering.blob)

    async def cancel(self, request_id: str, asker: Asker, *, moderator: bool = False) -> bool:
        """Cancels a request; returns False where it had ended already.

        Raises `UnknownRequest`, and `NotAllowed` for somebody else's request, unless the asker
        moderates the workspace it was made in.
        """
        async with self.database.transaction() as connection:
            request = await answers.load_request(connection, request_id)
            refuse_stranger(request, asker, moderator)
            cancelled = await ledger.cancel(connection, request_id)
            if cancelled:
                await announce_end(self.queue, connection, request, Phase.CANCELLED)
            return cancelled

    async def check_may_change(
        self, request_id: str, asker: Asker, *, moderator: bool = False
    ) -> None:
        """Raises `UnknownRequest`, and `NotAllowed` like `cancel`."""
        async with self.database.transaction() as connection:
            refuse_stranger(await answers.load_request(connection, request_id), asker, moderator)

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
            phase = await answers.load_phase(connection, request_id)
            ahead = None
            if phase in (Phase.QUEUED, Phase.PLANNED):
                ahead = await backlog.count_ahead(connection, request_id)
        return Progress(request_id, phase, position=ahead)

    def register(self, platform: str, sender: Sender) -> None:
        """Names who posts the answers of a platform."""
        self._senders[platform] = sender

    async def deliver_waiting(self, platform: str) -> int:
        """Posts every answer that waits for the platform; returns how many were posted.

        One that cannot be posted now does not keep the others waiting. Frontends call this from
        time to time: it also finds what an earlier process has left in the middle.
        """
        stalled = self.settings.queue.stalled
        async with self.database.transaction() as connection:
            waiting = await delivery.waiting(connection, platform, stalled)
        posted = [await self.deliver(platform, request_id) for request_id in waiting]
        return sum(posted)

    async def deliver(self, platform: str, request_id: str) -> bool:
        """Posts one answer; returns False where it is posted, somebody is at it, or it failed.

        Raises `Unavailable` where nobody in this process posts on the platform.
        """
        sender = self._senders.get(platform)
        if sender is None:
            raise Unavailable(f"No frontend in this process posts on {platform}.")
        async with self.database.transaction() as connection:
            claimed = await delivery.claim(connection, request_id, self.settings.queue.stalled)
        return claimed is not None and await self._post(sender, claimed)

    async def _post(self, sender: Sender, claimed: Delivery) -> bool:
        try:
            message_id = await sender(await self.answer(claimed.request_id), claimed)
        except Undeliverable as error:
            async with self.database.transaction() as connection:
                await delivery.record_undeliverable(connection, claimed, str(error))
            return False
        except NotPosted as error:
            log.warning("not posted now", request=claimed.request_id, reason=str(error))
            async with self.database.transaction() as connection:
                await delivery.put_back(connection, claimed)
            return False
        except Exception:  # the row stays at "posting": the message may be out
            log.exception("posting broke off", request=claimed.request_id)
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
                yield Desk(
                    settings,
                    database,
                    queue,
                    BlobStore(settings),
                    feed,
                    Homes(database),
                    Events(database),
                    Feedback(database),
                )
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
