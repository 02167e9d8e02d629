"""A file server on the loopback that keeps and breaks promises as tests want it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

CONTENT = bytes(range(256)) * 4096  # 1 MiB


class LoopbackFiles:
    """What each path does is in its handler; `asked` lists the paths in order."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        #: Headers of the requests, in the same order.
        self.headers: list[dict[str, str]] = []
        #: Files of the test's own by path; of those with a gate the second half waits for it.
        self.contents: dict[str, bytes] = {}
        self.gates: dict[str, asyncio.Event] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.headers.append(dict(request.headers))
        if request.path in self.gates:
            return await self._halting(request)
        if request.path in self.contents:
            return web.Response(body=self.contents[request.path])
        handler = getattr(self, request.path.strip("/").split(".")[0])
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _halting(self, request: web.Request) -> web.StreamResponse:
        content = self.contents[request.path]
        response = web.StreamResponse()
        response.content_length = len(content)
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        await self.gates[request.path].wait()
        await response.write(content[len(content) // 2 :])
        return response

    async def whole(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=CONTENT)

    async def moved(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/whole.safetensors"})

    async def inward(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"{self.url}/whole"})

    async def circle(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/circle"})

    async def page(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="<h1>Are you human?</h1>", content_type="text/html")

    async def packed(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    async def status(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=int(request.query["code"]))

    async def breaking(self, request: web.Request) -> web.StreamResponse:
        """Sends a third of what is asked for, then closes; goes on where it is asked to."""
        start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        response = web.StreamResponse(status=206 if start else 200)
        response.content_length = len(CONTENT) - start
        response.headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        await response.prepare(request)
        await response.write(CONTENT[start : start + len(CONTENT) // 3 + 1])
        assert request.transport
        request.transport.close()
        return response

    async def stuck(self, request: web.Request) -> web.StreamResponse:
        """Closes after the first byte, each time from the start."""
        response = web.StreamResponse()
        response.content_length = len(CONTENT)
        await response.prepare(request)
        await response.write(CONTENT[:1])
        assert request.transport
        request.transport.close()
        return response

    async def forgetful(self, request: web.Request) -> web.StreamResponse:
        """Breaks off at first; later sends everything from the start, asked for a rest or not."""
        if self.asked.count(request.path) > 1:
            return web.Response(body=CONTENT)
        return await self.breaking(request)

    async def endless(self, request: web.Request) -> web.StreamResponse:
        """Announces ten bytes' worth of nothing and never stops."""
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(CONTENT)

    async def silent(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.Event().wait()
        raise AssertionError


@asynccontextmanager
async def serve_files() -> AsyncIterator[LoopbackFiles]:
    """Runs the server on a port of its own."""
    files = LoopbackFiles()
    app = web.Application()
    app.router.add_get("/{path:.*}", files.handle)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        files.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield files
    finally:
        await runner.cleanup()
