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

from engine.community.audit import Change as Change
from engine.community.duels import Duels
from engine.community.duels import Tally as Tally
from engine.community.errands import Errand as Errand
from engine.community.errands import Errands
from engine.community.events import Events
from engine.community.feedback import Feedback
from engine.community.forgetting import ERASE as ERASE
from engine.community.forgetting import Forgetting
from engine.community.installations import Installation as Installation
from engine.community.installations import Installations
from engine.community.opinions import Opinion as Opinion
from engine.community.opinions import Opinions
from engine.community.workspaces import Workspaces
from engine.errors import StylusError, Unavailable
from engine.library.addition_rows import Addition as Addition
from engine.library.addition_rows import Described as Described
from engine.library.addition_rows import title_of as title_of
from engine.library.additions import Additions
from engine.library.announcing import Announcing
from engine.library.found import Newer as Newer
from engine.library.importing import UPLOAD_MB as UPLOAD_MB
from engine.library.importing import Importing
from engine.library.importing import Taken as Taken
from engine.library.listing import Listing as Listing
from engine.library.listing import Listings
from engine.library.listing import Page as Page
from engine.library.upkeep import Upkeep
from engine.operations.log import get_log
from engine.processes import workers
from engine.processes.queue import open_queue
from engine.requests import answers, delivery, ledger
from engine.requests.admission import refuse_stranger
from engine.requests.copies import Copies
from engine.requests.delivery import Delivery
from engine.requests.ending import announce_end
from engine.requests.history import History
from engine.requests.history import Past as Past
from engine.requests.homes import Homes
from engine.requests.intake import Intake
from engine.requests.keeping import kept
from engine.requests.line import place_of
from engine.requests.lookup import Lookup
from engine.requests.lookup import Uses as Uses
from engine.requests.previews import load_preview
from engine.requests.progress import ProgressFeed
from engine.requests.standings import load_standings, look_ahead
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import open_database
from engine.storage.schema import check_schema
from engine.storage.sealing import Sealing
from engine.storage.sealing import Unsealable as Unsealable
from engine.values import Answer, Asker, Home, Phase, Progress, Request, Standings, Worker

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
class Desk(Intake):
    """Opened by `open_desk`; safe to share between tasks."""

    feed: ProgressFeed
    events: Events
    errands: Errands
    feedback: Feedback
    duels: Duels
    opinions: Opinions
    history: History
    workspaces: Workspaces
    #: Slack alone has pages that add an app.
    installations: Installations
    lookup: Lookup
    forgetting: Forgetting
    additions: Additions
    announcing: Announcing
    upkeep: Upkeep
    importing: Importing
    listings: Listings
    copies: Copies
    _senders: dict[str, Sender] = field(default_factory=dict)

    async def workers(self) -> list[Worker]:
        """Returns the worker processes that are alive, on any machine."""
        async with self.database.transaction() as connection:
            return await workers.alive(connection, self.settings.queue.stalled)

    async def standings(self, platform: str, request_id: str | None = None) -> Standings:
        """Returns how far all open requests of a platform are, or one of them."""
        stalled = self.settings.queue.stalled
        async with self.database.transaction() as connection:
            return await load_standings(connection, platform, stalled, request_id)

    async def outlook(self, request: Request, home: Home) -> Standings:
        """Returns the standings of a request that was stored just now."""
        async with self.database.transaction() as connection:
            return await look_ahead(connection, request, home, self.settings.queue.stalled)

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
                ahead = (await place_of(connection, request_id)).ahead
        return Progress(request_id, phase, position=ahead)

    async def preview(self, request_id: str) -> bytes | None:
        """Returns a JPEG of a request's images under way beside each other; None: none yet."""
        async with self.database.transaction() as connection:
            return await load_preview(connection, request_id)

    def register(self, platform: str, sender: Sender) -> None:
        """Names who posts the answers of a platform."""
        self._senders[platform] = sender

    async def deliver_waiting(
        self, platform: str, serves: Callable[[Asker], bool] = lambda _: True
    ) -> int:
        """Posts every answer that waits for the platform; returns how many were posted.

        `serves` leaves out people whom another process of the platform looks after.

        One that cannot be posted now does not keep the others waiting. Frontends call this from
        time to time: it also finds what an earlier process has left in the middle.
        """
        stalled = self.settings.queue.stalled
        async with self.database.transaction() as connection:
            waiting = await delivery.waiting(connection, platform, stalled)
        posted = [
            await self.deliver(platform, request_id) for request_id, who in waiting if serves(who)
        ]
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
            async with kept(self.database, claimed, self.settings.queue.stalled):
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
                store = BlobStore(settings)
                yield Desk(
                    settings,
                    database,
                    queue,
                    store,
                    Homes(database),
                    feed,
                    Events(database),
                    Errands(database),
                    Feedback(database),
                    Duels(database, queue, settings.duels),
                    Opinions(database),
                    History(database),
                    Workspaces(database),
                    Installations(database, "slack", Sealing(settings.slack.token_keys)),
                    Lookup(settings, database, store),
                    Forgetting(database, store),
                    Additions(settings, database, queue, store),
                    Announcing(database, store),
                    Upkeep(settings, database, store, queue),
                    Importing(database, queue),
                    Listings(database),
                    Copies(database, queue),
                )
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
