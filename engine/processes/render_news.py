"""News of a request that is being rendered: how far it is, and what it looks like so far."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from engine.errors import DatabaseUnavailable
from engine.processes.process import Post
from engine.requests.previews import drop_preview, store_preview
from engine.requests.progress import publish
from engine.values import Phase, Progress

#: Seconds between two signs of progress; frontends show fewer.
STEP_NEWS = 0.1


class News:
    """Tells from the render thread, not more often than useful. Losing some loses nothing."""

    def __init__(self, post: Post, request_id: str, show: Callable[[Any], bytes]) -> None:
        """`show` makes a JPEG file of latents; settings say how often it is called."""
        self._post = post
        self._request_id = request_id
        self._show = show
        self._every = post.settings.renderer.preview
        self._loop = asyncio.get_running_loop()
        self._told = 0.0
        self._shown = time.monotonic()
        # A preview that is still on its way must not come after the end.
        self._storing = asyncio.Lock()
        self._ended = False

    def step(self, step: int, steps: int) -> None:
        """Called after every step."""
        now = time.monotonic()
        if now - self._told < STEP_NEWS and step < steps:
            return
        self._told = now
        progress = Progress(self._request_id, Phase.RENDERING, step, steps)
        asyncio.run_coroutine_threadsafe(self._publish(progress), self._loop)

    def latents(self, latents: Any) -> None:
        """Called after every step with the latents of the request's images."""
        if not self._every or time.monotonic() - self._shown < self._every:
            return
        image = self._show(latents)
        self._shown = time.monotonic()
        asyncio.run_coroutine_threadsafe(self._store(image), self._loop)

    async def end(self) -> None:
        """Takes the preview away."""
        self._ended = True
        with contextlib.suppress(DatabaseUnavailable):
            async with self._storing, self._post.database.transaction() as connection:
                await drop_preview(connection, self._request_id)

    async def _publish(self, progress: Progress) -> None:
        with contextlib.suppress(DatabaseUnavailable):
            async with self._post.database.transaction() as connection:
                await publish(connection, progress)

    async def _store(self, image: bytes) -> None:
        with contextlib.suppress(DatabaseUnavailable):
            async with self._storing, self._post.database.transaction() as connection:
                if self._ended:
                    return
                await store_preview(connection, self._request_id, image)
