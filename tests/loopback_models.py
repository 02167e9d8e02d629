"""Servers of rerankers and embedders on the loopback, as strange as tests want them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Handler = Callable[[dict[str, Any]], Awaitable[web.StreamResponse]]


class LoopbackModel:
    """Answers one kind of POST; tests say how."""

    def __init__(self, handler: Handler) -> None:
        self.url = ""
        #: Bodies and keys of what was asked.
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.handler = handler

    def send(self, status: int, body: str) -> None:
        """Answers with this status and body, whatever that is."""

        async def handle(_: dict[str, Any]) -> web.StreamResponse:
            return web.Response(status=status, text=body, content_type="application/json")

        self.handler = handle

    def hang(self) -> None:
        """Never answers."""

        async def handle(_: dict[str, Any]) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        self.handler = handle

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.keys.append(request.headers.get("Authorization", ""))
        return await self.handler(self.bodies[-1])


@asynccontextmanager
async def serve_model(path: str, handler: Handler) -> AsyncIterator[LoopbackModel]:
    """Runs the server on a port of its own."""
    model = LoopbackModel(handler)
    app = web.Application(client_max_size=2**24)
    app.router.add_post(f"/v1/{path}", model.answer)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        model.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield model
    finally:
        await runner.cleanup()


async def by_length(question: dict[str, Any]) -> web.StreamResponse:
    """A reranker that likes short texts best, and answers best first as real ones do."""
    texts = question["documents"]
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    found = [{"index": n, "relevance_score": 1 / len(texts[n])} for n in order]
    return web.json_response({"results": found})


def results(*pairs: tuple[Any, Any]) -> str:
    """Returns a reranker's answer of indexes and scores."""
    return json.dumps({"results": [{"index": n, "relevance_score": s} for n, s in pairs]})


async def letters(question: dict[str, Any]) -> web.StreamResponse:
    """An embedder that counts letters, and answers in whatever order."""
    wide = question.get("dimensions") or 26
    vectors = [
        [float(one.lower().count(chr(97 + n % 26))) + 0.01 for n in range(wide)]
        for one in question["input"]
    ]
    found = [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    return web.json_response({"data": found[::-1]})
