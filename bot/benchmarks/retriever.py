"""`stylus eval retriever`: what each part of the retriever earns, by leaving parts out.

The shipped query maps know the published picks; so the maps are trained anew here, on four fifths
of the prompts at a time, and asked for the others. What the whole does without any stands beside.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot.benchmarks import other_cards
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

if TYPE_CHECKING:
    from engine.learning.training import Lessons

#: Which rankings take part, as a beginning of their names.
WHOLE, UNMOVED = "all five rankings (as built)", "without query maps"
WAYS = {
    WHOLE: ("prompt", "phrase", "lexical"),
    UNMOVED: ("prompt", "phrase", "lexical"),
    "without tasks": ("prompt", "lexical"),
    "dense alone": ("prompt", "phrase"),
    "dense alone, without tasks": ("prompt",),
    "words alone": ("lexical",),
    "titles, tags and trigger words alone, dense": ("prompt_heading", "phrase_heading"),
    "descriptions alone, dense": ("prompt_body", "phrase_body"),
}


#: Parts of the prompts, each asked with maps trained on the others.
FOLDS = 5
#: In so many ways.
SPLITS = 3


async def measure(
    settings: Settings, cards: Path, answers: Path, base: str, tell: Tell
) -> list[Figure]:
    """Returns the share of published picks that is found, for each way."""
    from engine.learning import training  # needs torch, which nothing else here does

    judged = [one for one in read_labelled(answers) if one.picks]
    figures: list[Figure] = []
    async with stocked(settings, cards, tell) as database:
        lessons = await training.gather(database, load_embedder(), judged, base, tell)
        questions = list(_questions(lessons, base, 0, tell))
        for way, parts in WAYS.items():
            tell(way)
            rankings = _with(parts)
            answered = [
                await _answer(database, one, one.unmoved if way == UNMOVED else one.moved, rankings)
                for one in questions
            ]
            for k, goal in RECALL_GOALS.items():
                held = goal if way == WHOLE else None
                found = agreement.recall(answered, k)
                figures.append(Figure(f"{way}, R@{k}", found, "", held, True))
            if way in (WHOLE, UNMOVED):
                figures += _of_new_cards(way, answered, questions)
            if way == WHOLE:
                figures += await _split_otherwise(database, lessons, base, answered, tell)
        figures += await other_cards.measure(database, lessons, base, tell)
    return [*figures, Figure("prompts", len(questions), "")]


@dataclass(frozen=True, slots=True)
class _Question:
    """A labelled prompt, asked with maps that do not know it, and without any."""

    labelled: Labelled
    #: The same with those picks alone that no prompt had from which the maps learned.
    new: Labelled
    base: str
    moved: Asked
    unmoved: Asked


def _questions(
    lessons: Sequence["Lessons"], base: str, split: int, tell: Tell
) -> Iterator[_Question]:
    from engine.learning import training
    from engine.learning.query_training import train_query

    embedder, model = load_embedder(), load_model()
    for known, held in training.folds(lessons, FOLDS, split):
        maps = train_query([one.query for one in known if one.query], tell)
        seen = {pick for one in known for pick in one.labelled.picks}
        for one in held:
            moved, unmoved = (
                ask_locally(one.labelled.prompt, embedder, trained)
                for trained in (replace(model, query=maps), model.unmoved)
            )
            picks = {"": tuple(sorted(one.labelled.picks - seen))}
            new = replace(one.labelled, known=picks)
            yield _Question(one.labelled, new, base, moved, unmoved)


async def _split_otherwise(
    database: Database,
    lessons: Sequence["Lessons"],
    base: str,
    answered: Sequence[Answered],
    tell: Tell,
) -> list[Figure]:
    """The same with the prompts also split in other ways: one way is off by a pick or five."""
    every = list(answered)
    for split in range(1, SPLITS):
        for one in _questions(lessons, base, split, tell):
            every.append(await _answer(database, one, one.moved, Rankings()))
    return [
        Figure(f"{WHOLE}, prompts split in {SPLITS} ways, R@{k}", found, "", goal, True)
        for k, goal in RECALL_GOALS.items()
        for found in [agreement.recall(every, k)]
    ]


def _of_new_cards(
    way: str, answered: Sequence[Answered], questions: Sequence[_Question]
) -> list[Figure]:
    new = [
        replace(made, labelled=asked.new) for made, asked in zip(answered, questions, strict=True)
    ]
    count = sum(len(one.labelled.picks) for one in new)
    return [
        Figure(f"{way}, the {count} picks of cards not learned from, R@{k}", found, "")
        for k in RECALL_GOALS
        for found in [agreement.recall(new, k)]
    ]


def _with(parts: tuple[str, ...]) -> Rankings:
    left_out = [f.name for f in fields(Rankings) if not f.name.startswith(parts)]
    return Rankings(**dict.fromkeys(left_out, 0.0))


async def _answer(
    database: Database, question: _Question, asked: Asked, rankings: Rankings
) -> Answered:
    labelled = question.labelled
    selection = Selection(question.base, with_file=False)
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
