"""A language model server on the loopback, as strange as tests want it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Task = tuple[str, list[int]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LoopbackLlm:
    """Speaks OpenAI's protocol; at first it finds nothing to do."""

    def __init__(self) -> None:
        self.url = ""
        #: Set once a completion was asked for.
        self.asked = asyncio.Event()
        #: Bodies and keys of the completions asked for.
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self._handler: Handler
        self.answer([])

    def answer(self, tasks: list[Task]) -> None:
        """Answers with these tasks, each a keyword and adapter numbers."""
        named = [{"keyword": keyword, "adapters": numbers} for keyword, numbers in tasks]
        self.say(json.dumps({"tasks": named}))

    def say(self, content: str | None) -> None:
        """Answers with these very words, a few at a time to who wants that; None is a refusal."""
        message = {"role": "assistant", "content": content, "refusal": None}

        async def handle(request: web.Request) -> web.StreamResponse:
            if not (await request.json()).get("stream"):
                return web.json_response(completion(message))
            response = await begin(request)
            for part in parts(content):
                await write(response, part)
            await response.write(b"data: [DONE]\n\n")
            return response

        self._handler = handle

    def say_slowly(self, first: str, rest: str) -> asyncio.Event:
        """Writes the first words, and the rest once the event that is returned is set."""
        go_on = asyncio.Event()

        async def handle(request: web.Request) -> web.StreamResponse:
            response = await begin(request)
            await write(response, first)
            await go_on.wait()
            await write(response, rest)
            await response.write(b"data: [DONE]\n\n")
            return response

        self._handler = handle
        return go_on

    def say_and_hang_up(self, content: str) -> None:
        """Writes these words and closes the connection."""

        async def handle(request: web.Request) -> web.StreamResponse:
            response = await begin(request)
            await write(response, content)
            assert request.transport
            request.transport.close()
            return response

        self._handler = handle

    def send(self, status: int, body: str, content_type: str = "application/json") -> None:
        """Answers with this status and body, whatever that is."""

        async def handle(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, text=body, content_type=content_type)

        self._handler = handle

    def hang(self) -> None:
        """Never answers."""

        async def handle(_: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        self._handler = handle

    def drip(self, seconds: float) -> None:
        """Answers one blank at a time, for ever, a blank each so many seconds."""

        async def handle(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            while True:
                await response.write(b" ")
                await asyncio.sleep(seconds)

        self._handler = handle

    def hang_up(self) -> None:
        """Closes the connection in the middle of the answer."""

        async def handle(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b'{"choices": [')
            assert request.transport
            request.transport.close()
            return response

        self._handler = handle

    async def complete(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.keys.append(request.headers.get("Authorization", ""))
        self.asked.set()
        return await self._handler(request)

    async def models(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"object": "list", "data": []})


async def begin(request: web.Request) -> web.StreamResponse:
    """Begins an answer that comes in parts."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


async def write(response: web.StreamResponse, content: str | None) -> None:
    """Writes one part of an answer."""
    delta = {"role": "assistant", "content": content}
    chunk = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "stub",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }
    await response.write(f"data: {json.dumps(chunk)}\n\n".encode())


def parts(content: str | None) -> list[str | None]:
    """Cuts words as a model writes them; long ones into few parts."""
    if not content:
        return [content]
    size = max(7, len(content) // 50)
    return [content[n : n + size] for n in range(0, len(content), size)]


def completion(message: dict[str, Any]) -> dict[str, Any]:
    """Returns a whole completion around a message."""
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [choice],
    }


@asynccontextmanager
async def serve_llm() -> AsyncIterator[LoopbackLlm]:
    """Runs the server on a port of its own."""
    llm = LoopbackLlm()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", llm.complete)
    app.router.add_get("/v1/models", llm.models)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        llm.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield llm
    finally:
        await runner.cleanup()
