"""A server that gives no answer: the local composer takes over."""

import json

import pytest

from engine.retrieving.embedder import MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.settings import Settings
from tests.llm.asking import (
    KEY,
    SILENT,
    STATUS,
    at,
    falls_back,
    settings_for,
)
from tests.loopback_llm import LoopbackLlm, completion


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_an_error_status(
    found: Retrieval,
    embedder: MiniLM,
    loopback_llm: LoopbackLlm,
    llm_settings: Settings,
    status: int,
) -> None:
    loopback_llm.send(status, json.dumps({"error": {"message": f"Wrong key {KEY}"}}))
    await falls_back(found, embedder, llm_settings, STATUS.format(status))
    assert len(loopback_llm.bodies) == 1, "no second call while somebody waits"


NO_COMPLETION = [
    "",
    "not json",
    "{}",
    "[]",
    "null",
    json.dumps(completion({}) | {"choices": []}),
    json.dumps(completion({}) | {"choices": None}),
    json.dumps(completion({}) | {"choices": [{"index": 0, "message": None}]}),
]


@pytest.mark.parametrize("body", NO_COMPLETION)
async def test_a_body_that_is_no_completion(
    found: Retrieval,
    embedder: MiniLM,
    loopback_llm: LoopbackLlm,
    llm_settings: Settings,
    body: str,
) -> None:
    loopback_llm.send(200, body)
    await falls_back(found, embedder, llm_settings, SILENT)


async def test_a_page_instead_of_an_answer(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    loopback_llm.send(200, "<html>Sign in</html>", "text/html")
    await falls_back(found, embedder, llm_settings, SILENT)


async def test_a_connection_that_breaks(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    loopback_llm.hang_up()
    await falls_back(found, embedder, llm_settings, SILENT)


async def test_a_server_that_is_not_there(
    found: Retrieval, embedder: MiniLM, llm_settings: Settings
) -> None:
    for url in ("http://127.0.0.1:9/v1", "nonsense"):
        await falls_back(found, embedder, at(url, llm_settings), SILENT)
    for url in ("http://[::1", "http://host:port/"):
        sentence = "The setting llm.base_url is no URL. The local composer took over."
        await falls_back(found, embedder, at(url, llm_settings), sentence)


async def test_an_answer_that_breaks_off_in_the_middle(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    loopback_llm.say_and_hang_up('{"tasks": [{"keyword": "red star", "adapters": [1]}')
    await falls_back(found, embedder, llm_settings, SILENT)


@pytest.mark.parametrize(
    "line", ["not json", '{"error": {"message": "overloaded"}}', "7", '{"choices": 7}', "null"]
)
async def test_a_stream_of_something_else(
    found: Retrieval,
    embedder: MiniLM,
    loopback_llm: LoopbackLlm,
    llm_settings: Settings,
    line: str,
) -> None:
    loopback_llm.send(200, f"data: {line}\n\n", "text/event-stream")
    await falls_back(found, embedder, llm_settings, SILENT)


@pytest.mark.parametrize("way", ["hang", "drip"])
async def test_a_server_that_takes_too_long(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, way: str
) -> None:
    loopback_llm.drip(0.05) if way == "drip" else loopback_llm.hang()
    sentence = "The LLM took longer than 0.3 s. The local composer took over."
    await falls_back(found, embedder, settings_for(loopback_llm, timeout=0.3), sentence)
