"""A language model's server of our own for trials: it answers, until it is made to fail."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

#: What it says while all is well: that the prompt needs no adapter.
NOTHING = json.dumps({"tasks": []})


class MoodyLlm:
    """Speaks as much of OpenAI's protocol as the composer asks for."""

    def __init__(self, chooser: random.Random) -> None:
        self._chooser = chooser
        self.url = ""
        self.down = False
        #: Questions that it did not answer.
        self.unanswered = 0

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answers a question, or while it is down one of an error, rubbish, and nothing at all."""
        await request.read()
        if not self.down:
            return _stream(NOTHING)
        self.unanswered += 1
        mood = self._chooser.choice(("error", "rubbish", "silence"))
        if mood == "silence":
            await asyncio.Event().wait()
        if mood == "rubbish":
            return _stream("As a large language model, I")
        return web.Response(status=500, text="out of memory")


def _stream(said: str) -> web.Response:
    chunk = {
        "id": "1", "object": "chat.completion.chunk", "created": 1, "model": "moody",
        "choices": [{"index": 0, "delta": {"content": said}, "finish_reason": "stop"}],
    }  # fmt: skip
    body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"
    return web.Response(text=body, content_type="text/event-stream")


@asynccontextmanager
async def serve_moody_llm(chooser: random.Random) -> AsyncIterator[MoodyLlm]:
    """Serves one on a free port of the loopback."""
    llm = MoodyLlm(chooser)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", llm.complete)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        llm.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield llm
    finally:
        await runner.cleanup()
