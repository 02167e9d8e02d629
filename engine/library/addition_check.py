"""The check of an addition, on a renderer: loaded onto the checkpoint and catalogued.

Only what really loads is proposed; until an admin approves, no prompt finds it.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import BadOption
from engine.library import catalogue
from engine.library.adapter_files import attach_file
from engine.library.addition_rows import Addition, title_of
from engine.library.addition_stages import Claim, advance, run_stage
from engine.library.cards import Card, read_card
from engine.library.sidecars import card_of_header
from engine.processes.process import Post
from engine.rendering.safetensors_header import read_header
from engine.storage.blobs import BlobStore
from engine.storage.tables import adapters

#: Loads a file onto the renderer's checkpoint and returns sha256 and base family. Raises `BadLora`.
Try = Callable[[Path, str], tuple[str, str]]


async def check_addition(post: Post, store: BlobStore, addition_id: str, try_lora: Try) -> None:
    """Proposes the addition to the admins, or refuses it."""

    async def work(claimed: Claim) -> None:
        addition = claimed.addition
        blob = str(addition.upload)
        path = await asyncio.to_thread(store.file, blob)
        sha256, family = await asyncio.to_thread(try_lora, path, title_of(addition))
        card = await asyncio.to_thread(_card, addition, path, sha256, family)
        async with post.database.transaction() as connection:
            await refuse_duplicate(connection, sha256, addition)
            await catalogue.store_cards(connection, [card])
            link = addition.found.get("link") or addition.url
            await attach_file(connection, card.id, blob, sha256, link)
            await connection.execute(
                update(adapters)
                .where(adapters.c.id == card.id)
                .values(status="proposed", workspace=addition.workspace)
            )
            await advance(connection, claimed, state="proposed", adapter_id=card.id)
            await post.queue.defer_embedding(connection)

    await run_stage(post, store, addition_id, "fetched", "checking", work)


async def refuse_duplicate(connection: AsyncConnection, sha256: str, addition: Addition) -> None:
    """Raises `BadOption` where the file is one of the library's that the asker may use."""
    title = await connection.scalar(
        select(adapters.c.title).where(
            adapters.c.sha256 == sha256,
            adapters.c.status != "removed",
            adapters.c.workspace.in_(("", addition.workspace)),
        )
    )
    if title is not None:
        raise BadOption(f"That file is in the library already, as “{title}”.")


def _card(addition: Addition, path: Path, sha256: str, family: str) -> Card:
    """What the person says comes first, then the source, then the file itself."""
    header = card_of_header(read_header(path, title_of(addition)).metadata)
    raw = header | {key: value for key, value in addition.found.items() if value}
    return read_card(
        raw
        | addition.described.card
        | {
            "source": "chat",
            "source_id": addition.id,
            "title": title_of(addition),
            "base_model": family,
            "lineage": str(raw.get("base_model") or ""),
            "file_name": addition.file_name,
            "file_sha256": sha256,
        }
    )
