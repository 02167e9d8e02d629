"""Looking up adapters for people in a chat: what draws this, what is this, how does it look."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import cast

from engine.community.chat_tables import homes
from engine.composing.local_model import load_model
from engine.errors import UnknownAdapter
from engine.library import catalogue
from engine.library.listing import Listing, Listings, Page
from engine.requests.admission import clean_prompt
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import load_embedder
from engine.retrieving.selection import KEPT
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.storage.tables import adapters, renderings, requests
from engine.values import Adapter, Asker

#: Adapters of a search that can be looked through.
MOST_FOUND = 100


@dataclass(frozen=True, slots=True)
class Uses:
    """What a workspace has done with an adapter."""

    images: int
    requests: int


@dataclass(frozen=True, slots=True)
class Lookup:
    """The catalogue as one workspace may see it."""

    settings: Settings
    database: Database
    store: BlobStore

    async def page(self, listing: Listing, number: int, asker: Asker, *, admin: bool) -> Page:
        """Returns a page of a listing, of a search or of everything."""
        kept = Listings(self.database)
        if not listing.words:
            return await kept.page(listing, number, asker, admin=admin)
        ratings = listing.values("rating")
        bases = listing.values("base") or (self.settings.checkpoint.family,)
        found: list[Adapter] = []
        for base in bases:
            unsafe = admin and "unsafe" in ratings
            statuses = listing.filters(asker, admin=admin).status or KEPT
            found += await self.search(
                listing.words, asker, MOST_FOUND, base=base, unsafe=unsafe, statuses=statuses
            )
        fitting = [one for one in found if not (admin and ratings) or one.rating in ratings]
        return await kept.page_of(listing, number, fitting, admin=admin)

    async def search(
        self,
        text: str,
        asker: Asker,
        limit: int = 10,
        *,
        base: str | None = None,
        unsafe: bool = False,
        statuses: Sequence[str] = ("active",),
    ) -> list[Adapter]:
        """Returns adapters by what they draw, best first. Raises `BadPrompt`.

        It asks the local embedder's vectors, which every card has whatever embedder prompts use:
        whoever looks around waits for no server, and pays for none.
        """
        embedder = await asyncio.to_thread(load_embedder)
        selection = Selection(
            base=base or self.settings.checkpoint.family,
            workspace=asker.workspace,
            unsafe=unsafe,
            anybody=True,
            with_file=False,
            statuses=tuple(statuses),
        )
        async with self.database.transaction() as connection:
            found = await retrieve(
                connection, embedder, clean_prompt(text), selection, limit, load_model().unmoved
            )
        return [candidate.adapter for candidate in found.candidates]

    async def find(self, adapter_id: str, asker: Asker) -> Adapter:
        """Returns one adapter. Raises `UnknownAdapter`, also for another workspace's."""
        async with self.database.transaction() as connection:
            adapter = (await catalogue.find_adapters(connection, [adapter_id]))[adapter_id]
        if adapter.workspace not in ("", asker.workspace):
            raise UnknownAdapter(catalogue.unknown(adapter_id))
        return adapter

    async def find_by_handle(self, handle: str, asker: Asker) -> Adapter:
        """Returns an adapter by its handle, as `find` does."""
        async with self.database.transaction() as connection:
            found = await connection.scalar(
                select(adapters.c.id).where(
                    func.md5(adapters.c.id) == handle,
                    adapters.c.workspace.in_(("", asker.workspace)),
                )
            )
        return await self.find(found or handle, asker)

    async def uses(self, adapter_id: str, asker: Asker) -> Uses:
        """Returns how often the workspace has used an adapter."""
        loaded = renderings.c.rendering["loaded"]
        used = cast(loaded, JSONB).contains([{"adapter_id": adapter_id}])
        here = and_(requests.c.platform == asker.platform, requests.c.workspace == asker.workspace)
        async with self.database.transaction() as connection:
            made = await connection.execute(
                select(func.count(), func.count(requests.c.id.distinct()))
                .select_from(renderings)
                .join(requests, requests.c.id == renderings.c.request_id)
                .where(used, here)
            )
            images, asked = made.one()
        return Uses(images, asked)

    async def preview(self, adapter_id: str, asker: Asker) -> bytes | None:
        """Returns the newest image that the workspace has made with the adapter, else its samples.

        Private requests stay private: only the asker's own count; what was made among adults too.
        Raises `UnknownAdapter`, also for another workspace's.
        """
        adapter = await self.find(adapter_id, asker)
        used = cast(renderings.c.rendering["loaded"], JSONB).contains([{"adapter_id": adapter_id}])
        visible = or_(homes.c.private.isnot(True), requests.c.user_id == asker.user)
        here = and_(requests.c.platform == asker.platform, requests.c.workspace == asker.workspace)
        async with self.database.transaction() as connection:
            blob = await connection.scalar(
                select(renderings.c.rendering["blob"].astext)
                .join(requests, requests.c.id == renderings.c.request_id)
                .outerjoin(homes, homes.c.request_id == requests.c.id)
                .where(used, visible, here, requests.c.overrides["unsafe"].astext != "true")
                .order_by(requests.c.created_at.desc(), requests.c.id, renderings.c.index)
                .limit(1)
            )
        shown = blob or adapter.sample
        return await asyncio.to_thread(self.store.read, shown) if shown else None
