"""Turns: messages go into a channel one after the other, and a second apart while it is busy.

Slack takes about one message a second in a channel, and short bursts of more, which it does not
say how long may be. So nobody waits in a quiet channel; where Slack has asked for a pause, those
that follow keep the distance by themselves and are not asked again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

from bot.slack_frontend.web import SlackBusy

#: Seconds between two messages in a busy channel, from answer to question.
APART = 1.0
#: Seconds for which a channel is busy after Slack has asked for a pause there.
BUSY = 60.0
#: How often a message is sent again after the pause that Slack asks for.
PATIENCE = 2

#: Sends a message and returns what Slack says.
Send = Callable[[], Awaitable[dict[str, Any]]]


class Turns:
    """The turns of one workspace."""

    def __init__(self) -> None:
        #: By channel; one that nobody waits for is forgotten.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        #: By busy channel: until when it is, and from when on it takes the next message.
        self._busy: dict[str, float] = {}
        self._free: dict[str, float] = {}

    async def take(self, channel: str, send: Send) -> dict[str, Any]:
        """Sends when it is the message's turn, again after a pause, and returns Slack's answer.

        Raises as `ask` does, `SlackBusy` where pauses are asked for again and again.
        """
        lock = self._locks.setdefault(channel, asyncio.Lock())
        async with lock:
            for _ in range(PATIENCE):
                try:
                    return await self._apart(channel, send)
                except SlackBusy as error:
                    self._busy[channel] = _now() + BUSY
                    await asyncio.sleep(error.pause)
            return await self._apart(channel, send)

    async def _apart(self, channel: str, send: Send) -> dict[str, Any]:
        if _now() > self._busy.get(channel, 0.0):
            self._busy.pop(channel, None)
            self._free.pop(channel, None)
            return await send()
        await asyncio.sleep(self._free.get(channel, 0.0) - _now())
        try:
            return await send()
        finally:
            self._free[channel] = _now() + APART


def _now() -> float:
    return asyncio.get_running_loop().time()
