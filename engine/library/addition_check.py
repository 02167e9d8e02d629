"""The check of an addition, on a renderer: loaded onto the checkpoint and catalogued.

Only what really loads is proposed; until an admin approves, no prompt finds it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.community.wording import is_never_taken
from engine.errors import BadOption, StylusError
from engine.library import catalogue
from engine.library.adapter_files import attach_file
from engine.library.addition_rows import Addition, title_of
from engine.library.addition_stages import Claim, advance, run_stage
from engine.library.cards import Card, read_card
from engine.library.refining import Refining, keep_refined
from engine.library.samples import Shown
from engine.library.sidecars import card_of_header
from engine.library.text_refiner import refine
from engine.operations.log import get_log
from engine.processes.process import Post
from engine.rendering.safetensors_header import read_header
from engine.storage.blobs import BlobStore
from engine.storage.tables import adapters

#: Loads a file onto the renderer's checkpoint and returns sha256 and base family. Raises `BadLora`.
Try = Callable[[Path, str], tuple[str, str]]


#: Renders samples of a card's adapter from its file. Raises `StylusError`.
Show = Callable[[Card, Path], Awaitable[Shown]]

log = get_log("additions")


async def check_addition(
    post: Post, store: BlobStore, addition_id: str, try_lora: Try, show: Show
) -> None:
    """Proposes the addition to the admins with sample images, or refuses it."""

    async def work(claimed: Claim) -> None:
        addition = claimed.addition
        blob = str(addition.upload)
        path = await asyncio.to_thread(store.file, blob)
        sha256, family = await asyncio.to_thread(try_lora, path, title_of(addition))
        card = await asyncio.to_thread(_card, addition, path, sha256, family)
        async with post.database.transaction() as connection:
            await refuse_duplicate(connection, sha256, addition)
        shown = await _show(card, path, show)
        sheet = await asyncio.to_thread(_keep, store, shown) if shown else None
        raw = card.raw | (_told_by(shown) if shown else {})
        refining = Refining(post.settings, post.database, store)
        fields = await _refined(refining, raw, sheet)
        async with post.database.transaction() as connection:
            await refuse_duplicate(connection, sha256, addition)
            await catalogue.store_raw(connection, {card.id: raw})
            if fields:
                await keep_refined(connection, card.id, raw, refining.name, fields)
            link = addition.found.get("link") or addition.url
            size = path.stat().st_size
            await attach_file(connection, card.id, blob, sha256, link, size)
            await connection.execute(
                update(adapters)
                .where(adapters.c.id == card.id)
                .values(
                    status="proposed",
                    workspace=addition.workspace,
                    sample=sheet,
                    measured=shown and shown.document,
                    broken=bool(shown and shown.breaks_images),
                )
            )
            await advance(connection, claimed, state="proposed", adapter_id=card.id)
            await post.queue.defer_embedding(connection)

    await run_stage(post, store, addition_id, "fetched", "checking", work)


async def _show(card: Card, path: Path, show: Show) -> Shown | None:
    """The samples; an admin can decide without them, should they fail."""
    try:
        return await show(read_card(card.raw | refine(card.raw)), path)
    except StylusError as error:
        log.warning("no samples", adapter=card.id, reason=str(error))
        return None


def _told_by(shown: Shown) -> dict[str, Any]:
    """What our own renders know better than the card."""
    unsafe = {"nsfw": True} if shown.unsafe else {}
    return {"steady_weight": shown.control.weight} | unsafe


async def _refined(
    refining: Refining, raw: Mapping[str, Any], sheet: str | None
) -> Mapping[str, Any] | None:
    """The refiner's fields; its text describes the adapter where the refiner does not answer."""
    try:
        return await refining.fields(raw, sheet)
    except StylusError as error:
        log.warning("not refined", reason=str(error))
        return None


def _keep(store: BlobStore, shown: Shown) -> str:
    return store.put("samples", shown.sheet, ".png")


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
    """What the person says comes first, then the source, then the file itself.

    Raises `BadOption` for what is never taken.
    """
    header = card_of_header(read_header(path, title_of(addition)).metadata)
    raw = header | {key: value for key, value in addition.found.items() if value}
    card = read_card(
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
    named = " , ".join([card.title, card.description, *card.tags, *card.trigger_words])
    if is_never_taken(named):
        raise BadOption("LoRAs of this kind are never taken.")
    return card
