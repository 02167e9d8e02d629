"""`stylus eval composer` and `stylus composer train`: our compositions beside labelled ones."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
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
from engine.retrieving.retrieval import Retrieval
from engine.settings import Settings
from engine.storage.database import Database, open_database
from engine.storage.scratch import scratch_database
from engine.values import fold

Tell = Callable[[str], None]

#: Simpler ways, which ours is held against.
NEAREST_CARD, LIKEST_PROMPT = "each keyword's nearest card", "copied from the likest prompt"


async def measure(
    settings: Settings,
    cards: Path,
    answers: Path,
    base: str,
    folds: int,
    members: int,
    tell: Tell,
) -> list[Figure]:
    """Returns the agreement with the answers, on those cards alone.

    With folds, the local composer is trained anew for each on the answers of the others, and what
    is copied from the likest of those stands beside it; without, the shipped weights answer. What a
    fold came to is told at once, so that a run that is broken off has shown something.
    """
    labelled = read_labelled(answers)
    async with stocked(settings, cards, tell) as database:
        answering = Answering(database, settings, base, tell)
        if folds:
            answered = await _cross_validate(answering, labelled, folds, members)
        else:
            answered = await answering.all(load_model(), [(one, None) for one in labelled])
    return agreement.figures(answered)


async def train(
    settings: Settings, cards: Path, answers: Path, base: str, members: int, out: Path, tell: Tell
) -> Path:
    """Trains the local composer on the answers and returns the file of its weights."""
    from engine.learning import training  # needs torch, which nothing else here does

    labelled = read_labelled(answers)
    async with stocked(settings, cards, tell) as database:
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
async def stocked(settings: Settings, cards: Path, tell: Tell) -> AsyncIterator[Database]:
    """A database of its own with the cards in it."""
    async with scratch_database(settings) as scratch, open_database(scratch) as database:
        tell(f"importing {cards}")
        await catalogue.import_cards(database, load_embedder(), read_cards(cards))
        yield database


async def _cross_validate(
    answering: "Answering", labelled: Sequence[Labelled], folds: int, members: int
) -> list[Answered]:
    from engine.learning import training

    tell = answering.tell
    lessons = await training.gather(
        answering.database, load_embedder(), labelled, answering.base, tell
    )
    answered: list[Answered] = []
    for n, (known, held) in enumerate(training.folds(lessons, folds), 1):
        tell(f"fold {n} of {folds}: {len(known)} prompts to learn from, {len(held)} to answer")
        model = training.train(known, members, tell)
        pairs = [(one.labelled, training.nearest(one, known)) for one in held]
        fold = await answering.all(model, pairs)
        answered += fold
        tell(f"fold {n} of {folds}: {agreement.in_short(fold)}")
        tell(f"folds 1 to {n}: {agreement.in_short(answered)}")
    return answered


@dataclass(frozen=True, slots=True)
class Answering:
    """Retrieves and composes labelled prompts."""

    database: Database
    settings: Settings
    base: str
    tell: Tell

    async def all(
        self, model: LocalModel, labelled: Sequence[tuple[Labelled, Labelled | None]]
    ) -> list[Answered]:
        """Returns our answers to prompts, each with the likest one that is known, if any is."""
        answered = []
        for n, (one, likest) in enumerate(labelled, 1):
            answered.append(await self.one(model, one, likest))
            if n % 500 == 0:
                self.tell(f"{n} of {len(labelled)} prompts composed")
        return answered

    async def one(self, model: LocalModel, labelled: Labelled, likest: Labelled | None) -> Answered:
        """Returns our answer to a prompt."""
        began = perf_counter()
        prompt, settings = labelled.prompt, self.settings
        selection = Selection(self.base, with_file=False)
        k = settings.retriever.candidates
        async with self.database.transaction() as connection:
            found = await retrieve(connection, load_embedder(), prompt, selection, k, model)
        made = await compose(prompt, found, settings.composer.default, settings, model)
        seconds = perf_counter() - began
        others = {NEAREST_CARD: _nearest_cards(found)}
        if likest:
            others[LIKEST_PROMPT] = {fold(word): ids for word, ids in likest.known.items()}
        return Answered(
            labelled,
            tuple(candidate.adapter.source_id for candidate in found.candidates),
            made,
            seconds,
            broken_rules(made, found.candidates, settings.composer),
            others,
        )


def _nearest_cards(found: Retrieval) -> dict[str, tuple[str, ...]]:
    """Each keyword's nearest card, by the vectors of names."""
    if not found.candidates:
        return {}
    return {
        fold(phrase.text): (found.candidates[int(row.argmax())].adapter.source_id,)
        for phrase, row in zip(
            found.segmented.phrases, found.segmented.vectors @ found.headings.T, strict=True
        )
    }
