"""Waiting for a database that does not answer just now: processes start while it starts, too."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from engine.errors import DatabaseUnavailable
from engine.operations.log import get_log

log = get_log("waiting")

#: Seconds that it is waited for, and between two tries: at first, and at most.
PATIENCE, FIRST_PAUSE, LONGEST_PAUSE = 60.0, 0.5, 5.0

Result = TypeVar("Result")


async def once_it_answers(call: Callable[[], Awaitable[Result]]) -> Result:
    """Returns what the call returns, calling again while the database does not answer.

    Says so once in the log. Raises `DatabaseUnavailable` where that lasts for `PATIENCE` seconds.
    """
    clock = asyncio.get_running_loop().time
    until, pause = clock() + PATIENCE, FIRST_PAUSE
    while True:
        try:
            return await call()
        except DatabaseUnavailable as error:
            if clock() + pause > until:
                raise
            if pause == FIRST_PAUSE:
                log.warning(f"{error} Trying again for {PATIENCE:g} s.")
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


@asynccontextmanager
async def opened_once_it_answers(
    open_: Callable[[], AbstractAsyncContextManager[Result]],
) -> AsyncIterator[Result]:
    """Yields what is opened, with the patience of `once_it_answers`."""
    async with AsyncExitStack() as stack:
        yield await once_it_answers(lambda: stack.enter_async_context(open_()))
