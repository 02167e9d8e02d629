"""Refining a whole catalogue: what it costs beforehand, then card by card, resumed anywhere."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import ComposerUnavailable, StylusError, UnknownAdapter
from engine.library import catalogue, text_refiner, vision_refiner
from engine.library.cards import digest_of
from engine.operations.log import get_log
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.storage.tables import adapters

log = get_log("library")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A card that is not refined yet by the refiner at hand."""

    id: str
    raw: Mapping[str, Any]
    #: Key of the adapter's samples.
    sample: str | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What refining would take, about."""

    cards: int
    tokens_in: int
    tokens_out: int
    #: In the currency of the settings' prices; 0 where they name none.
    price: float
    minutes: float


@dataclass(frozen=True, slots=True)
class Refining:
    """The refiner of the settings over a catalogue."""

    settings: Settings
    database: Database
    store: BlobStore

    @property
    def name(self) -> str:
        """What the refiner calls itself."""
        chosen = self.settings.refiner
        return vision_refiner.name_of(chosen) if chosen.default == "vision" else text_refiner.NAME

    async def waiting(self, limit: int | None = None) -> list[Waiting]:
        """Returns the cards that this refiner has not refined as they are now."""
        async with self.database.transaction() as connection:
            rows = await connection.execute(
                select(adapters.c.id, adapters.c.card, adapters.c.sample, adapters.c.refined)
                .where(adapters.c.status != "removed")
                .order_by(adapters.c.id)
            )
            found = [
                Waiting(row.id, row.card, row.sample)
                for row in rows
                if row.card and not self._is_done(row.refined, row.card)
            ]
        return found[:limit]

    async def one(self, adapter_id: str) -> Waiting:
        """Returns a card whether or not it was refined before. Raises `UnknownAdapter`."""
        async with self.database.transaction() as connection:
            await catalogue.find_adapters(connection, [adapter_id])
            rows = await connection.execute(select(adapters).where(adapters.c.id == adapter_id))
            row = rows.one()
        return Waiting(row.id, row.card, row.sample)

    def _is_done(self, refined: Mapping[str, Any] | None, raw: Mapping[str, Any]) -> bool:
        return bool(
            refined and refined.get("by") == self.name and refined.get("of") == digest_of(raw)
        )

    def cost(self, waiting: list[Waiting]) -> Cost:
        """Returns what refining them would cost."""
        chosen = self.settings.refiner
        if chosen.default == "text":
            return Cost(len(waiting), 0, 0, 0.0, 0.0)
        counted = [vision_refiner.tokens(one.raw, 1 if one.sample else 0) for one in waiting]
        read, said = sum(one[0] for one in counted), sum(one[1] for one in counted)
        price = (read * chosen.price_in + said * chosen.price_out) / 1e6
        return Cost(len(waiting), read, said, price, len(waiting) / chosen.per_minute)

    async def refine(self, waiting: list[Waiting]) -> AsyncIterator[tuple[str, str | None]]:
        """Refines one after the other, not faster than allowed; each is kept before the next.

        Yields ids, with a sentence where a card could not be refined.
        """
        pause = 60 / self.settings.refiner.per_minute
        for one in waiting:
            began = monotonic()
            try:
                await self.refine_one(one)
                yield one.id, None
            except StylusError as error:
                yield one.id, str(error)
            if self.settings.refiner.default == "vision":
                await asyncio.sleep(max(0.0, pause - (monotonic() - began)))

    async def refine_one(self, one: Waiting) -> None:
        """Refines a card and keeps it. Raises `ComposerUnavailable`."""
        fields = await self.fields(one.raw, one.sample)
        async with self.database.transaction() as connection:
            await keep_refined(connection, one.id, one.raw, self.name, fields)

    async def fields(self, raw: Mapping[str, Any], sample: str | None) -> Mapping[str, Any]:
        """Returns the better fields of a card. Raises `ComposerUnavailable`."""
        if self.settings.refiner.default == "text":
            return text_refiner.refine(raw)
        images = [await asyncio.to_thread(self.store.read, sample)] if sample else []
        return await vision_refiner.refine(raw, images, self.settings.refiner)


async def refine_again(refining: Refining, adapter_id: str) -> None:
    """Refines one card, whether or not it was refined before; one that fails stays as it is."""
    try:
        await refining.refine_one(await refining.one(adapter_id))
    except (ComposerUnavailable, UnknownAdapter) as error:
        log.warning("not refined", adapter=adapter_id, reason=str(error))


async def keep_refined(
    connection: AsyncConnection,
    adapter_id: str,
    raw: Mapping[str, Any],
    name: str,
    fields: Mapping[str, Any],
) -> None:
    """Stores what a refiner made of a card, under what admins wrote."""
    made = {"by": name, "of": digest_of(raw), "fields": dict(fields)}
    await connection.execute(
        update(adapters).where(adapters.c.id == adapter_id).values(refined=made)
    )
    await catalogue.store_raw(connection, {adapter_id: raw})
