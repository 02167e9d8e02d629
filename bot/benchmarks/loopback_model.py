"""A language model's server on this machine, which answers at once and knows how long it took."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

from aiohttp import web

from engine.composing.phrases import plain_runs, split_words, to_phrase

#: Characters of the answer that are sent at once, about as many as a token has.
PIECE = 4


class LoopbackModel:
    """Gives each idea of the prompt the next adapter of the list."""

    def __init__(self) -> None:
        #: Between a question's arrival and the last word of its answer.
        self.seconds: list[float] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Streams one composition."""
        began = perf_counter()
        asked = (await request.json())["messages"][-1]["content"]
        said = _composition(asked.rsplit("Prompt: ", 1)[-1])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for start in range(0, len(said), PIECE):
            await response.write(_event(_chunk(said[start : start + PIECE])))
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        self.seconds.append(perf_counter() - began)
        return response


@asynccontextmanager
async def open_model() -> AsyncIterator[LoopbackModel]:
    """Yields a running server; its address is `url`."""
    model = LoopbackModel()
    application = web.Application()
    application.router.add_post("/v1/chat/completions", model.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        model.url = f"http://{host}:{port}/v1"
        yield model
    finally:
        await runner.cleanup()


def _composition(prompt: str) -> str:
    words = split_words(prompt)
    keywords = [to_phrase(prompt, words[start:end]).text for start, end in plain_runs(words)]
    tasks = [{"keyword": word, "adapters": [n]} for n, word in enumerate(keywords, 1)]
    return json.dumps({"tasks": tasks})


def _chunk(said: str) -> dict[str, Any]:
    delta = {"index": 0, "delta": {"role": "assistant", "content": said}, "finish_reason": None}
    return {
        "id": "loopback",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "loopback",
        "choices": [delta],
    }


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
