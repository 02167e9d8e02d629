"""Values for tests that are about something else."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from engine.composing.local_model import load_model
from engine.composing.segmentation import segment
from engine.retrieving.embedder import MiniLM, Vectors, load_embedder
from engine.retrieving.retrieval import Retrieval
from engine.retrieving.search_index import BODY_TOKENS
from engine.values import (
    Adapter,
    Ask,
    Asker,
    Candidate,
    Composition,
    ImagePlan,
    LoadedAdapter,
    Pick,
    PlannedAdapter,
    Rendering,
    Request,
    Sampling,
    SkippedAdapter,
    Task,
)

ADA = Asker("discord", workspace="w1", channel="c1", user="ada")
BOB = Asker("discord", workspace="w1", channel="c1", user="bob")
SAMPLING = Sampling("builtin", 128, 128, "DDIM", 15, 4.0)
SHA = "ab" * 32


def ask(prompt: str = "a red star", asker: Asker = ADA, **fields: Any) -> Ask:
    return Ask(asker, prompt, **fields)


def request(prompt: str = "a red star", **fields: Any) -> Request:
    made = Request(
        id="r1",
        kind="prompt",
        prompt=prompt,
        negative="",
        image_count=2,
        seed=7,
        sampling=SAMPLING,
        asker=ADA,
        root_id="r1",
    )
    return replace(made, **fields)


def pick(adapter_id: str, weight: float = 0.8, triggers: tuple[str, ...] = ()) -> Pick:
    return Pick(
        adapter_id=adapter_id,
        source="test",
        source_id=adapter_id,
        title=f"Title of {adapter_id}",
        sha256=SHA,
        blob=f"adapters/{adapter_id}",
        trigger_words=triggers,
        weight=weight,
        score=0.9,
        reason="a reason",
    )


def composition(*tasks: tuple[str, ...], weight: float = 0.8) -> Composition:
    """Returns a composition with a task for each tuple of adapter ids."""
    words = [f"word{n}" for n in range(len(tasks))]
    return Composition(
        " ".join(words) or "nothing",
        tuple(
            Task(word, tuple(pick(i, weight) for i in ids))
            for word, ids in zip(words, tasks, strict=True)
        ),
        composer="local",
    )


def adapter(adapter_id: str, title: str = "", **fields: Any) -> Adapter:
    made = Adapter(
        id=adapter_id,
        workspace="",
        source="test",
        source_id=adapter_id,
        title=title or adapter_id,
        description="",
        tags=(),
        trigger_words=(),
        base="stylus-small",
        weight=0.8,
        rating="safe",
        status="active",
        sha256=SHA,
        blob=f"adapters/{adapter_id}",
        link=None,
        creator=None,
        licence=None,
    )
    return replace(made, **fields)


def candidate(adapter_id: str, title: str = "", **fields: Any) -> Candidate:
    return Candidate(adapter(adapter_id, title, **fields), 0.5)


def retrieval(prompt: str, candidates: Sequence[Candidate], embedder: MiniLM) -> Retrieval:
    """Returns what the retriever would hand on, had it found these candidates."""
    model = load_model()
    found = [one.adapter for one in candidates]
    return Retrieval(
        segment(prompt, embedder, model.tagger, model.keyword_threshold),
        tuple(candidates),
        embedded(tuple(", ".join([a.title, *a.tags, *a.trigger_words]) for a in found)),
        embedded(tuple(f"{a.title}. {a.description}" for a in found)),
    )


@lru_cache(maxsize=64)
def embedded(texts: tuple[str, ...]) -> Vectors:
    return load_embedder().embed(list(texts), BODY_TOKENS)


def plan(index: int = 0, *adapters: PlannedAdapter) -> ImagePlan:
    return ImagePlan(index, 7 + index, "a red star", "", tuple(adapters))


def planned(adapter_id: str, weight: float = 0.8, before: float | None = None) -> PlannedAdapter:
    return PlannedAdapter(adapter_id, f"Title of {adapter_id}", SHA, "blob", weight, before)


def loaded(adapter_id: str, weight: float = 0.8, before: float | None = None) -> LoadedAdapter:
    return LoadedAdapter(adapter_id, SHA, weight, 12, before)


def skipped(adapter_id: str, reason: str) -> SkippedAdapter:
    return SkippedAdapter(adapter_id, f"Title of {adapter_id}", reason)


def rendering(
    index: int = 0,
    on: tuple[LoadedAdapter, ...] = (),
    off: tuple[SkippedAdapter, ...] = (),
) -> Rendering:
    return Rendering(index, 7 + index, 128, 128, f"images/{index}.png", SHA, on, off)
