"""Importing cards in a chat, on any platform: taken at once, then found by prompts bit by bit."""

import asyncio
from collections.abc import AsyncIterator

from bot.texts import Texts
from engine.desk import Desk, Taken
from engine.values import Asker

#: Seconds between two looks, and how long somebody is kept up to date.
LOOK = 2.0
PATIENCE = 600.0


async def follow_cards(desk: Desk, taken: Taken, asker: Asker, texts: Texts) -> AsyncIterator[str]:
    """Yields how far prompts find the cards of a file that was taken, whenever that has changed."""
    told = told_of(taken, texts)
    last, until = -1, asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < until:
        left = await desk.importing.pending(asker)
        if not left:
            yield f"{told} {texts.lora_imported_all}"
            return
        if left != last:
            yield f"{told} {texts.lora_imported_left.format(left=left)}"
        last = left
        await asyncio.sleep(LOOK)


def told_of(taken: Taken, texts: Texts) -> str:
    """Returns what became of a file's cards."""
    again = taken.cards - taken.new - taken.removed
    told = texts.lora_imported.format(count=taken.cards, new=taken.new, again=again)
    if not taken.removed:
        return told
    return f"{told} {texts.lora_imported_removed.format(removed=taken.removed)}"
