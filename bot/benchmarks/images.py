"""`stylus eval images`: the method's images beside its base's and its ablations'."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot.benchmarks.exam import Exam, Options, open_exam
from engine.checkpoints import configured
from engine.evaluating import plots, scores
from engine.evaluating.drawing import draw
from engine.evaluating.eyes import Sight, look
from engine.evaluating.gallery import Gallery
from engine.evaluating.plots import Point
from engine.evaluating.questions import Question
from engine.evaluating.report import write_report
from engine.evaluating.scores import BASE, METHOD, Scores
from engine.evaluating.ways import WAYS, Asked
from engine.evaluating.world_questions import NEEDING, NONE
from engine.library import catalogue
from engine.method import plan_request
from engine.operations.figures import Figure, machine
from engine.rendering.checkpoint import load_checkpoint, use_threads
from engine.rendering.renderer import Renderer
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings
from engine.settings_retrieving import Reranker
from engine.storage.blobs import BlobStore
from engine.storage.database import Database, open_database
from engine.storage.scratch import scratch_database
from engine.values import Asker, ImagePlan, Request, Sampling

Tell = Callable[[str], None]
#: Each way's plans of each question.
Plans = Mapping[str, Sequence[Sequence[ImagePlan]]]
#: Seeds of two prompts lie this far apart.
SEEDS = 1000


async def measure(settings: Settings, options: Options, tell: Tell) -> list[Figure]:
    """Draws what is missing, looks, and writes the report; returns the figures.

    Raises BadOption, BadFile, Unavailable and RenderFailed.
    """
    exam = await asyncio.to_thread(open_exam, settings, options)
    async with _catalogue(settings, exam) as database:
        questions, guidance = exam.questions, options.guidances[0]
        asked = await ask_questions(database, settings, questions, options.images, guidance)
    tell(f"composed {len(asked)} prompts")
    plans = {way: [WAYS[way](one) for one in asked] for way in options.ways}
    return await asyncio.to_thread(_draw_and_look, settings, exam, options, plans, tell)


@asynccontextmanager
async def _catalogue(settings: Settings, exam: Exam) -> AsyncIterator[Database]:
    """The built-in world is asked on its own shelf, so that everybody measures the same."""
    if not exam.world:
        async with open_database(settings) as database:
            yield database
        return
    async with built_in_catalogue(settings) as database:
        yield database


@asynccontextmanager
async def built_in_catalogue(settings: Settings) -> AsyncIterator[Database]:
    """A database of its own with the built-in shelf alone."""
    async with scratch_database(settings) as scratch, open_database(scratch) as database:
        await catalogue.fill_builtin(database, load_embedder(), BlobStore(settings))
        yield database


async def ask_questions(
    database: Database,
    settings: Settings,
    questions: Sequence[Question],
    images: int,
    guidance: float,
) -> list[Asked]:
    """Returns what the method makes of each question."""
    asked = []
    for number, question in enumerate(questions):
        request = Request(
            id=f"evaluation-{number}",
            kind="prompt",
            prompt=question.prompt,
            negative=settings.sampling.negative,
            image_count=images,
            seed=number * SEEDS,
            sampling=sampling_of(settings, guidance),
            asker=Asker("console", user="evaluation"),
        )
        made = await plan_request(database, request, load_embedder(), settings, _kept_nowhere)
        found = made.candidates
        if settings.reranker.kind != "none":
            plain = settings.model_copy(update={"reranker": Reranker()})
            unranked = await plan_request(database, request, load_embedder(), plain, _kept_nowhere)
            found = unranked.candidates
        weights, reranked = settings.weights, made.candidates
        asked.append(Asked(request, made.composition, found, made.plans, weights, reranked))
    return asked


async def _kept_nowhere(_connection: object, _planned: object) -> None:
    """An evaluation leaves the database as it was."""


def sampling_of(settings: Settings, guidance: float) -> Sampling:
    """Returns how the configured checkpoint usually renders, at that guidance."""
    ours = settings.sampling
    name = settings.checkpoint.name
    return Sampling(name, ours.width, ours.height, ours.scheduler, ours.steps, guidance)


def _draw_and_look(
    settings: Settings, exam: Exam, options: Options, plans: Plans, tell: Tell
) -> list[Figure]:
    use_threads(settings.renderer.threads)
    gallery = Gallery(options.out / "images")
    renderer, store = Renderer(load_checkpoint(*configured(settings))), BlobStore(settings)
    sights: dict[float, dict[str, Sight]] = {}
    for guidance in options.guidances:
        sampling = sampling_of(settings, guidance)
        first = guidance == options.guidances[0]
        ways = options.ways if first else [w for w in (BASE, METHOD) if w in options.ways]
        all_plans = [plan for way in ways for row in plans[way] for plan in row]
        tell(f"guidance {guidance:g}: {len(all_plans)} images")
        draw(renderer, store, gallery, sampling, all_plans, tell)
        sights[guidance] = {way: _look(exam, gallery, sampling, plans[way]) for way in ways}
    return _report(
        exam, options, gallery, sampling_of(settings, options.guidances[0]), plans, sights
    )


def _look(
    exam: Exam, gallery: Gallery, sampling: Sampling, plans: Sequence[Sequence[ImagePlan]]
) -> Sight:
    paths = [gallery.path(sampling, plan) for row in plans for plan in row]
    asked = [q for q, row in zip(exam.questions, plans, strict=True) for _ in row]
    return look(exam.eye, paths, asked)


def _report(
    exam: Exam,
    options: Options,
    gallery: Gallery,
    sampling: Sampling,
    plans: Plans,
    sights: Mapping[float, Mapping[str, Sight]],
) -> list[Figure]:
    seen = Scores(exam.questions, options.images, sights[options.guidances[0]])
    figures = scores.way_figures(seen, exam.real)
    if {BASE, METHOD} <= set(seen.sights):
        groups = (NEEDING, (NONE,)) if exam.world else (("",), ())
        figures = [*scores.promises(seen, *groups), *figures]
    pictures = {
        way: [[gallery.path(sampling, plan) for plan in row] for row in rows]
        for way, rows in plans.items()
    }
    made = f"{len(exam.questions)} prompts of {options.images} images, {machine()}"
    write_report(
        options.out / "report.html",
        "Images: the method, its base and its ablations",
        f"{made}, {datetime.now(UTC):%Y-%m-%d}, by `stylus eval images`",
        figures,
        _plots(exam, options, seen, sights),
        exam.questions,
        pictures,
    )
    return figures


def _plots(
    exam: Exam, options: Options, seen: Scores, sights: Mapping[float, Mapping[str, Sight]]
) -> dict[str, str]:
    measure = exam.eye.measure
    drawn = {f"Alignment: {measure}.": plots.bars(seen.by_group(), measure)}
    if exam.real is not None and len(options.guidances) > 1:
        lines = {way: _points(exam, options, sights, way) for way in (BASE, METHOD)}
        drawn["Alignment and likeness to real images, by guidance scale."] = plots.sweep(
            lines, measure
        )
    return drawn


def _points(
    exam: Exam, options: Options, sights: Mapping[float, Mapping[str, Sight]], way: str
) -> list[Point]:
    assert exam.real is not None
    points = []
    for guidance in sorted(sights):
        seen = Scores(exam.questions, options.images, sights[guidance])
        whole = seen.alignment(way, range(len(exam.questions)))
        distance = scores.frechet_distance(seen.sights[way].features, exam.real)
        points.append(Point(sum(whole) / len(whole), distance, guidance))
    return points
