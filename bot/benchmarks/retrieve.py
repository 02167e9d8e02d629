"""`stylus bench retrieve`: how fast a large catalogue is searched, beside the paper's way."""

import resource
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np

from bot.benchmarks import crowd
from engine.operations.figures import Figure, median_and_p95, percentile
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import load_embedder
from engine.retrieving.shortlist import Nearby
from engine.settings import Settings
from engine.storage.database import Database, open_database
from engine.storage.scratch import scratch_database

MEDIAN_GOAL, P95_GOAL = 0.060, 0.120
#: How many times faster than a plain cosine over all rows.
SPEEDUP_GOAL = 10
#: Megabytes of this process.
MEMORY_GOAL = 1200
#: The published code keeps float64 vectors of OpenAI's large model.
THEIR_DIMENSIONS = 3072
#: Share of the exact first that must be found ...
SAME_GOAL = 0.98
#: ... counted for so many prompts, since the exact search is slow.
COMPARED = 10
WARM_UP = 5


async def measure(
    settings: Settings, requests: int, rows: int, cards: Path | None, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns seconds a prompt, embedding included, over a catalogue of that many rows."""
    embedder = load_embedder()
    selection = Selection(base="sd15", with_file=False)
    k = settings.retriever.candidates
    seconds: list[float] = []
    agreed: list[float] = []
    first: dict[str, set[str]] = {}
    async with scratch_database(settings) as scratch, open_database(scratch) as database:
        await crowd.fill(database, embedder, rows, cards, tell)
        nearby = Nearby(database)
        began = perf_counter()
        await nearby.take()
        taking = perf_counter() - began
        for n, prompt in enumerate(islice(crowd.prompts(), WARM_UP + requests)):
            began = perf_counter()
            async with database.transaction() as connection:
                found = await retrieve(
                    connection, embedder, prompt, selection, k, shortlist=nearby.newest
                )
            if n >= WARM_UP:
                seconds.append(perf_counter() - began)
            assert found.candidates
            first[prompt] = {candidate.adapter.id for candidate in found.candidates}
        # Afterwards, since a search through everything leaves nothing of the others' pages.
        for prompt in list(first)[:COMPARED]:
            exact = await _exactly(database, prompt, selection, k)
            agreed.append(len(first[prompt] & exact) / len(exact))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    theirs = _plain_cosine(rows)
    ours = percentile(seconds, 0.5)
    median, p95 = median_and_p95("retrieve", seconds, MEDIAN_GOAL)
    return [
        median,
        Figure(p95.name, p95.value, "s", P95_GOAL),
        Figure("plain cosine over 3072 numbers a row, float64, embedding aside", theirs, "s"),
        Figure("times faster than that", theirs / ours, "x", SPEEDUP_GOAL, True),
        Figure(
            f"of the exact first {k}, on average", sum(agreed) / len(agreed), "", SAME_GOAL, True
        ),
        Figure("memory of the engine's process", memory, "MB", MEMORY_GOAL),
        Figure("taking the shortlist, once", taking, "s"),
    ]


async def _exactly(database: Database, prompt: str, selection: Selection, k: int) -> set[str]:
    """What a search through all rows finds."""
    async with database.transaction() as connection:
        found = await retrieve(connection, load_embedder(), prompt, selection, k, everything=True)
    return {candidate.adapter.id for candidate in found.candidates}


def _plain_cosine(rows: int) -> float:
    """Seconds of one search as the paper's code does it, from a part where memory is short."""
    part = min(rows, 20_000)
    stored = np.random.default_rng(0).standard_normal((part, THEIR_DIMENSIONS))
    query = np.random.default_rng(1).standard_normal(THEIR_DIMENSIONS)
    seconds = []
    for _ in range(5):
        began = perf_counter()
        lengths = np.linalg.norm(stored, axis=1) * np.linalg.norm(query)
        np.argsort(-(stored @ query / lengths))
        seconds.append(perf_counter() - began)
    return percentile(seconds, 0.5) * rows / part
