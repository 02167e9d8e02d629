"""`stylus eval composer` and `stylus composer train`: our compositions beside labelled ones."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from engine.community.rules import broken_rules
from engine.composer import compose
from engine.composing.local_model import LocalModel, load_model
from engine.learning import agreement, own_training
from engine.learning.agreement import Answered
from engine.learning.labelled import Labelled, read_labelled
from engine.learning.own_answers import own_answers
from engine.learning.own_training import Trained, gather_own
from engine.library import catalogue
from engine.library.card_files import read_cards
from engine.operations.figures import Figure
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings
from engine.storage.database import Database, open_database
from engine.storage.scratch import scratch_database

Tell = Callable[[str], None]


async def measure(
    settings: Settings, cards: Path, answers: Path, base: str, folds: int, tell: Tell
) -> list[Figure]:
    """Returns the agreement with the answers, on those cards alone.

    With folds, the local composer is trained anew for each on the answers of the others;
    without, the shipped weights answer.
    """
    labelled = read_labelled(answers)
    async with _stocked(settings, cards, tell) as database:
        parts = [(load_model(), labelled)]
        if folds:
            parts = await _trained_parts(database, labelled, base, folds, tell)
        answered = []
        for model, held in parts:
            answered += await _answer_all(database, settings, held, base, model, tell)
    return agreement.figures(answered)


async def train(
    settings: Settings, cards: Path, answers: Path, base: str, members: int, out: Path, tell: Tell
) -> Path:
    """Trains the local composer on the answers and returns the file of its weights."""
    from engine.learning import training  # needs torch, which nothing else here does

    labelled = read_labelled(answers)
    async with _stocked(settings, cards, tell) as database:
        lessons = await training.gather(database, load_embedder(), labelled, base, tell)
    training.train(lessons, members, tell).save(out)
    return out


async def train_further(settings: Settings, out: Path) -> Trained:
    """Trains the settings' local composer on what its own people liked and switched off.

    The file is written only where words that were not learned from are served no worse.
    Raises `BadOption` where there is too little to learn from.
    """
    model = load_model(settings.composer.weights)
    async with open_database(settings) as database:
        async with database.transaction() as connection:
            answers = await own_answers(connection)
        base = settings.checkpoint.family
        lessons = await gather_own(database, load_embedder(), answers, base)
    trained = own_training.train_further(model.scorer, lessons)
    if trained.after >= trained.before:
        replace(model, scorer=trained.scorer).save(out)
    return trained


@asynccontextmanager
async def _stocked(settings: Settings, cards: Path, tell: Tell) -> AsyncIterator[Database]:
    """A database of its own with the cards in it."""
    async with scratch_database(settings) as scratch, open_database(scratch) as database:
        tell(f"importing {cards}")
        await catalogue.import_cards(database, load_embedder(), read_cards(cards))
        yield database


async def _trained_parts(
    database: Database, labelled: Sequence[Labelled], base: str, folds: int, tell: Tell
) -> list[tuple[LocalModel, list[Labelled]]]:
    from engine.learning import training

    lessons = await training.gather(database, load_embedder(), labelled, base, tell)
    return [
        (training.train(known, training.MEMBERS, tell), [one.labelled for one in held])
        for known, held in training.folds(lessons, folds)
    ]


async def _answer_all(
    database: Database,
    settings: Settings,
    labelled: Sequence[Labelled],
    base: str,
    model: LocalModel,
    tell: Tell,
) -> list[Answered]:
    answered = []
    for n, one in enumerate(labelled, 1):
        answered.append(await _answer(database, settings, one, base, model))
        if n % 500 == 0:
            tell(f"{n} of {len(labelled)} prompts composed")
    return answered


async def _answer(
    database: Database, settings: Settings, labelled: Labelled, base: str, model: LocalModel
) -> Answered:
    began = perf_counter()
    selection = Selection(base, with_file=False)
    k = settings.retriever.candidates
    async with database.transaction() as connection:
        found = await retrieve(connection, load_embedder(), labelled.prompt, selection, k, model)
    made = await compose(labelled.prompt, found, settings.composer.default, settings, model)
    return Answered(
        labelled,
        tuple(candidate.adapter.source_id for candidate in found.candidates),
        made,
        perf_counter() - began,
        broken_rules(made, found.candidates, settings.composer),
    )
