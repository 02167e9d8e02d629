"""Importing in a chat: an admin gives a workspace a file of cards, and it gets all or none."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.audit import write_down
from engine.community.wording import is_never_taken
from engine.errors import BadFile, BadOption, NotAllowed
from engine.library import catalogue
from engine.library.card_files import read_upload
from engine.library.cards import read_card
from engine.library.placing import Name, name_of
from engine.processes.queue import Queue
from engine.retrieving.embedder import MINILM
from engine.retrieving.search_index import EMBED_BATCH, count_pending
from engine.storage.database import Database
from engine.storage.tables import adapters
from engine.values import Asker

#: Megabytes of an uploaded file.
UPLOAD_MB = 8
#: Cards that a workspace may have of its own.
MOST_OWN = 5000


@dataclass(frozen=True, slots=True)
class Taken:
    """How many cards of a file were taken, how many of them the workspace had not, and how many
    are of adapters that were removed there: those stay removed."""

    cards: int
    new: int
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Importing:
    """The part of a desk that takes files of cards, as `Upkeep.export` and `lora export` write."""

    database: Database
    queue: Queue

    async def take(self, content: bytes, admin: Asker, *, allowed: bool) -> Taken:
        """Catalogues the cards of a JSONL file, gzipped or not, as the workspace's own.

        What others have under the same names stays theirs. Their files are not in it: those that
        name a source are fetched on demand, where the settings allow that. Taking the same file
        again changes nothing.

        `allowed` is whether the platform calls the person an admin. Raises `NotAllowed`;
        `BadFile` naming the line that is no card, and then none is taken; `BadOption` where the
        workspace would have too many.
        """
        if not allowed or not admin.workspace:
            raise NotAllowed("Only an admin changes the library.")
        cards = await asyncio.to_thread(read_own, content, admin.workspace)
        stored = catalogue.Stored()
        async with self.database.transaction() as connection:
            for start in range(0, len(cards), EMBED_BATCH):
                batch = dict(list(cards.items())[start : start + EMBED_BATCH])
                stored += await catalogue.store_named(connection, batch)
            await _refuse_many(connection, admin.workspace)
            await write_down(connection, admin, "lora", {"import": ["", f"{len(cards)} cards"]})
            await self.queue.defer_embedding(connection)
        return Taken(len(cards), stored.new, stored.removed)

    async def pending(self, asker: Asker) -> int:
        """Returns how many cards of the workspace prompts do not find by their meaning yet."""
        async with self.database.transaction() as connection:
            return await count_pending(connection, MINILM, asker.workspace)


def read_own(content: bytes, workspace: str) -> dict[Name, dict[str, Any]]:
    """Returns an uploaded file's cards by their names, as the workspace's. Raises `BadFile`."""
    if len(content) > UPLOAD_MB * 2**20:
        raise BadFile(f"A file of cards may have up to {UPLOAD_MB} MB; split it.")
    cards = {}
    for name, card in _named(content, workspace):
        cards[name] = card
        if len(cards) > MOST_OWN:
            raise BadFile(f"A file may have up to {MOST_OWN} cards; split it.")
    if not cards:
        raise BadFile("There is no card in the file; each line is one, as an export has them.")
    return cards


def _named(content: bytes, workspace: str) -> Iterator[tuple[Name, dict[str, Any]]]:
    for number, raw in read_upload(content):
        card = raw | {"workspace": workspace}
        try:
            name = name_of(card)
            _refuse_subject(card)
        except BadFile as error:
            raise BadFile(f"Line {number} of the file is refused: {error}") from error
        yield name, card


def _refuse_subject(raw: Mapping[str, Any]) -> None:
    card = read_card(raw)
    told = [card.title, card.description, *card.tags, *card.trigger_words]
    if is_never_taken(" , ".join(told)):
        raise BadFile("LoRAs of this kind are never taken.")


async def _refuse_many(connection: AsyncConnection, workspace: str) -> None:
    own = select(func.count()).where(
        adapters.c.workspace == workspace, adapters.c.status != "removed"
    )
    if (await connection.scalar(own) or 0) > MOST_OWN:
        raise BadOption(f"A place may have up to {MOST_OWN} LoRAs of its own; remove some first.")
