"""`stylus eval refiner`: what retrieval finds by refined cards and by cards as they came."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.benchmarks.composer import Tell
from engine.composing.local_model import load_model
from engine.learning import agreement
from engine.learning.agreement import RECALL_GOALS, Answered
from engine.learning.labelled import Labelled, read_labelled
from engine.library import catalogue, text_refiner
from engine.library.card_files import read_cards
from engine.library.catalogue import Refine
from engine.operations.figures import Figure
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings
from engine.storage.database import Database, open_database
from engine.storage.scratch import scratch_database
from engine.values import Composition


def _as_they_came(_: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


async def measure(
    settings: Settings, cards: Path, answers: Path, base: str, tell: Tell
) -> list[Figure]:
    """Returns the share of published picks that retrieval finds, by refined and by raw cards."""
    judged = [one for one in read_labelled(answers) if one.picks]
    refined = await _recalls(settings, cards, judged, base, text_refiner.refine, tell)
    raw = await _recalls(settings, cards, judged, base, _as_they_came, tell)
    found = [
        figure
        for k, goal in RECALL_GOALS.items()
        for figure in (
            Figure(f"refined, R@{k}", refined[k], "", goal, True),
            Figure(f"raw, R@{k}", raw[k], ""),
        )
    ]
    return [*found, Figure("prompts", len(judged), "")]


async def _recalls(
    settings: Settings,
    cards: Path,
    judged: list[Labelled],
    base: str,
    refine: Refine,
    tell: Tell,
) -> dict[int, float]:
    async with scratch_database(settings) as scratch, open_database(scratch) as database:
        tell(f"importing {cards}")
        await catalogue.import_cards(database, load_embedder(), read_cards(cards), refine)
        tell(f"retrieving for {len(judged)} prompts")
        answered = [await _answer(database, one, base) for one in judged]
        return {k: agreement.recall(answered, k) for k in RECALL_GOALS}


async def _answer(database: Database, labelled: Labelled, base: str) -> Answered:
    async with database.transaction() as connection:
        selection = Selection(base, with_file=False)
        model = load_model().unmoved  # the shipped maps know these prompts' answers
        found = await retrieve(
            connection, load_embedder(), labelled.prompt, selection, max(RECALL_GOALS), model
        )
    ids = tuple(candidate.adapter.source_id for candidate in found.candidates)
    return Answered(labelled, ids, Composition(labelled.prompt, (), "none"))
