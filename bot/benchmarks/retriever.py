"""`stylus eval retriever`: what each part of the retriever earns, by leaving parts out."""

from dataclasses import fields
from pathlib import Path

from bot.benchmarks.composer import Tell, stocked
from engine.composing.local_model import load_model
from engine.learning import agreement
from engine.learning.agreement import RECALL_GOALS, Answered
from engine.learning.labelled import Labelled, read_labelled
from engine.operations.figures import Figure
from engine.retriever import Rankings, Selection, retrieve
from engine.retrieving.asking import Asked, ask_locally
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings
from engine.storage.database import Database
from engine.values import Composition

#: Which rankings take part, as a beginning of their names.
WAYS = {
    "all five rankings (as built)": ("prompt", "phrase", "lexical"),
    "without tasks": ("prompt", "lexical"),
    "dense alone": ("prompt", "phrase"),
    "dense alone, without tasks": ("prompt",),
    "words alone": ("lexical",),
    "titles, tags and trigger words alone, dense": ("prompt_heading", "phrase_heading"),
    "descriptions alone, dense": ("prompt_body", "phrase_body"),
}


async def measure(
    settings: Settings, cards: Path, answers: Path, base: str, tell: Tell
) -> list[Figure]:
    """Returns the share of published picks that is found, for each way."""
    judged = [one for one in read_labelled(answers) if one.picks]
    figures = []
    async with stocked(settings, cards, tell) as database:
        tell(f"segmenting {len(judged)} prompts")
        embedder, model = load_embedder(), load_model()
        asked = [ask_locally(one.prompt, embedder, model) for one in judged]
        for way, parts in WAYS.items():
            tell(way)
            rankings = _with(parts)
            answered = [
                await _answer(database, one, words, base, rankings)
                for one, words in zip(judged, asked, strict=True)
            ]
            for k, goal in RECALL_GOALS.items():
                held = goal if len(parts) == len(WAYS["all five rankings (as built)"]) else None
                found = agreement.recall(answered, k)
                figures.append(Figure(f"{way}, R@{k}", found, "", held, True))
    return [*figures, Figure("prompts", len(judged), "")]


def _with(parts: tuple[str, ...]) -> Rankings:
    left_out = [f.name for f in fields(Rankings) if not f.name.startswith(parts)]
    return Rankings(**dict.fromkeys(left_out, 0.0))


async def _answer(
    database: Database, labelled: Labelled, asked: Asked, base: str, rankings: Rankings
) -> Answered:
    selection = Selection(base, with_file=False)
    k = max(RECALL_GOALS)
    async with database.transaction() as connection:
        found = await retrieve(
            connection,
            load_embedder(),
            labelled.prompt,
            selection,
            k,
            asked=asked,
            rankings=rankings,
        )
    ids = tuple(candidate.adapter.source_id for candidate in found.candidates)
    return Answered(labelled, ids, Composition(labelled.prompt, (), "none"))
