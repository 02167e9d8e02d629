"""Importing cards in a chat, on any platform: taken at once, then found by prompts bit by bit."""

import asyncio
from collections.abc import AsyncIterator

from bot.texts import Texts
from engine.desk import Desk
from engine.values import Asker

#: Seconds between two looks, and how long somebody is kept up to date.
LOOK = 2.0
PATIENCE = 600.0


async def take_cards(
    desk: Desk, content: bytes, asker: Asker, texts: Texts, *, admin: bool
) -> AsyncIterator[str]:
    """Takes a file of cards; yields how far prompts find them, whenever that has changed.

    The first sentence comes once all are stored. Raises `StylusError` before it, where none is.
    """
    taken = await desk.importing.take(content, asker, allowed=admin)
    told = {"count": taken.cards, "new": taken.new}
    last, until = -1, asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < until:
        left = await desk.importing.pending(asker)
        if not left:
            yield texts.lora_imported_all.format(**told)
            return
        if left != last:
            yield texts.lora_imported.format(**told, left=left)
        last = left
        await asyncio.sleep(LOOK)
