"""Listings: somebody looks through the library, page by page, with filters.

What is looked for is kept in a row: the buttons under a page carry its id and a number, and go on
working in any process.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import BadOption
from engine.library import catalogue
from engine.library.catalogue import Filters
from engine.library.library_tables import listings
from engine.requests.admission import clean_prompt, new_id
from engine.retrieving.selection import KEPT
from engine.storage.database import Database
from engine.values import Adapter, Asker

#: Adapters of a page.
PAGE = 8
#: Families that can be chosen among; a catalogue has few, and strangers' cards may name any.
MOST_FAMILIES = 12
#: Days after which the buttons of a list work no longer.
KEPT_DAYS = 30
KINDS = {"character": "character", "person": "person", "other": ""}


@dataclass(frozen=True, slots=True)
class Listing:
    """What somebody looks through."""

    id: str
    #: What was searched for; empty: everything, newest first.
    words: str = ""
    #: Filters such as "base=sdxl"; of one kind any may hold, of several kinds all.
    chosen: tuple[str, ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """Returns the chosen values of one kind of filter."""
        pairs = (one.partition("=") for one in self.chosen)
        return tuple(value for key, _, value in pairs if key == name)

    def filters(self, asker: Asker, *, admin: bool) -> Filters:
        """Returns the filters; who is no admin sees what is in use and fit for all."""
        return Filters(
            base=self.values("base"),
            kind=tuple(KINDS.get(kind, kind) for kind in self.values("kind")),
            status=self.values("status") if admin else ("active",),
            rating=self.values("rating") if admin else ("safe",),
            workspace=asker.workspace,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing."""

    listing: Listing
    number: int
    adapters: tuple[Adapter, ...]
    #: Whether there is another page after it.
    more: bool
    #: The filters that may be chosen.
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listings:
    """The listings of all people."""

    database: Database

    async def open(self, asker: Asker, words: str = "") -> Listing:
        """Keeps a new listing. Raises `BadPrompt` for words that cannot be searched for."""
        listing = Listing(new_id(), clean_prompt(words) if words else "")
        async with self.database.transaction() as connection:
            await _drop_old(connection)
            await connection.execute(
                insert(listings).values(
                    id=listing.id,
                    platform=asker.platform,
                    workspace=asker.workspace,
                    user_id=asker.user,
                    words=listing.words,
                )
            )
        return listing

    async def load(self, listing_id: str, asker: Asker) -> Listing:
        """Returns somebody's listing. Raises `BadOption` for one that is gone or another's."""
        async with self.database.transaction() as connection:
            return await _load(connection, listing_id, asker)

    async def choose(self, listing_id: str, chosen: Collection[str], asker: Asker) -> Listing:
        """Changes the filters. Raises `BadOption`."""
        async with self.database.transaction() as connection:
            await _load(connection, listing_id, asker)
            kept = sorted({one[:100] for one in chosen})
            await connection.execute(
                update(listings).where(listings.c.id == listing_id).values(chosen=kept)
            )
            return await _load(connection, listing_id, asker)

    async def page(self, listing: Listing, number: int, asker: Asker, *, admin: bool) -> Page:
        """Returns a page of everything that the asker may see, newest first."""
        filters = listing.filters(asker, admin=admin)
        async with self.database.transaction() as connection:
            found = await catalogue.list_adapters(connection, PAGE + 1, number * PAGE, filters)
            options = await self._options(connection, listing, admin)
        return Page(listing, number, tuple(found[:PAGE]), len(found) > PAGE, options)

    async def page_of(
        self, listing: Listing, number: int, adapters: Sequence[Adapter], *, admin: bool
    ) -> Page:
        """Returns a page of what a search has found, as far as the filters let it through."""
        kinds = [KINDS.get(kind, kind) for kind in listing.values("kind")]
        fitting = [one for one in adapters if not kinds or one.kind in kinds]
        shown = tuple(fitting[number * PAGE : (number + 1) * PAGE])
        more = len(fitting) > (number + 1) * PAGE
        async with self.database.transaction() as connection:
            options = await self._options(connection, listing, admin)
        return Page(listing, number, shown, more, options)

    async def _options(
        self, connection: AsyncConnection, listing: Listing, admin: bool
    ) -> tuple[str, ...]:
        counts = await catalogue.count_adapters(connection)
        families = sorted(counts, key=lambda base: -counts[base])[:MOST_FAMILIES]
        options = [*(f"base={base}" for base in families), *(f"kind={kind}" for kind in KINDS)]
        if admin:
            options += ["rating=safe", "rating=unsafe"]
            options += [f"status={state}" for state in KEPT]
        return tuple(options)


async def _load(connection: AsyncConnection, listing_id: str, asker: Asker) -> Listing:
    rows = await connection.execute(
        select(listings).where(
            listings.c.id == listing_id,
            listings.c.platform == asker.platform,
            listings.c.workspace == asker.workspace,
            listings.c.user_id == asker.user,
        )
    )
    row = rows.one_or_none()
    if row is None:
        raise BadOption("That list is too old or somebody else's; ask for it again.")
    return Listing(row.id, row.words, tuple(row.chosen))


async def _drop_old(connection: AsyncConnection) -> None:
    """Forgets listings that nobody looks through any more."""
    old = listings.c.created_at < func.now() - timedelta(days=KEPT_DAYS)
    await connection.execute(delete(listings).where(old))
