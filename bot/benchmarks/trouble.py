"""`stylus eval trouble`: what the shelf's troublemakers do to images, by the paper's rule and ours.

The paper's rule is a weight of 0.8 divided by the adapters of a task, without a cap. Tasks, masks
and seeds are the same in both, so that only the weights differ.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from bot.benchmarks.images import ask_questions, built_in_catalogue, sampling_of
from engine.builtin import judge, shelf
from engine.builtin.bench import burnt_share
from engine.checkpoints import configured
from engine.errors import BadOption
from engine.evaluating.drawing import draw
from engine.evaluating.eyes import read_images
from engine.evaluating.gallery import Gallery
from engine.evaluating.report import write_report
from engine.evaluating.scores import BASE, METHOD
from engine.evaluating.statistics import mean_interval, ratio_interval
from engine.evaluating.ways import WAYS, Asked
from engine.evaluating.world_trouble import (
    SATURATES,
    SWALLOWS,
    TROUBLEMAKERS,
    Call,
    blocked,
    calls,
)
from engine.operations.figures import Figure, machine
from engine.rendering.checkpoint import load_checkpoint, use_threads
from engine.rendering.renderer import Renderer
from engine.settings import Settings
from engine.storage.blobs import BlobStore

PAPER = "paper's weights"
IMAGES = 4
#: Our weights do at most half of the harm.
HALF = 0.5

#: Each way's image files of each call.
Paths = Mapping[str, Sequence[Sequence[Path]]]


async def measure(
    settings: Settings, count: int, out: Path, tell: Callable[[str], None]
) -> list[Figure]:
    """Draws, looks and writes trouble.html; returns the figures. Raises BadOption."""
    if settings.checkpoint.source != "builtin":
        raise BadOption("The troublemakers are of the built-in world; use its checkpoint.")
    called = calls(count)
    questions = [call.question for call in called]
    async with built_in_catalogue(settings) as database:
        asked = await ask_questions(
            database, settings, questions, IMAGES, settings.sampling.guidance
        )
    tell(f"composed {len(asked)} prompts")
    return await asyncio.to_thread(_draw_and_look, settings, called, asked, out, tell)


def _draw_and_look(
    settings: Settings,
    called: Sequence[Call],
    asked: Sequence[Asked],
    out: Path,
    tell: Callable[[str], None],
) -> list[Figure]:
    use_threads(settings.renderer.threads)
    gallery, sampling = Gallery(out / "images"), sampling_of(settings, settings.sampling.guidance)
    plans = {way: [WAYS[way](one) for one in asked] for way in (BASE, PAPER, METHOD)}
    all_plans = [plan for rows in plans.values() for row in rows for plan in row]
    renderer = Renderer(load_checkpoint(*configured(settings)))
    draw(renderer, BlobStore(settings), gallery, sampling, all_plans, tell)
    paths = {
        way: [[gallery.path(sampling, plan) for plan in row] for row in rows]
        for way, rows in plans.items()
    }
    figures = [*_called(called, asked), *_saturation(called, paths), *_blocking(called, paths)]
    write_report(
        out / "trouble.html",
        "Troublemakers: the paper's weights and ours",
        f"{len(called)} prompts, {machine()}, {datetime.now(UTC):%Y-%m-%d}, by "
        "`stylus eval trouble`",
        figures,
        {},
        [call.question for call in called],
        paths,
    )
    return figures


def _called(called: Sequence[Call], asked: Sequence[Asked]) -> list[Figure]:
    """How often the composer fell for them; without that nothing is shown."""
    figures = []
    for trouble in (SATURATES, SWALLOWS):
        fell = [
            any(pick.source_id == TROUBLEMAKERS[trouble] for pick in one.composition.picks)
            for call, one in zip(called, asked, strict=True)
            if call.trouble == trouble
        ]
        figures.append(Figure(f"prompts with the one that {trouble}", fmean(fell), "share"))
    return figures


def _saturation(called: Sequence[Call], paths: Paths) -> list[Figure]:
    chosen = [n for n, call in enumerate(called) if call.trouble == SATURATES]
    burnt = {
        way: [burnt_share(read_images(rows[n])) for n in chosen] for way, rows in paths.items()
    }
    more = {
        way: [one - base for one, base in zip(burnt[way], burnt[BASE], strict=True)]
        for way in (PAPER, METHOD)
    }
    return [
        *(_mean(f"{way}: burnt channels", values) for way, values in burnt.items()),
        _ratio("saturation against the paper's", more[METHOD], more[PAPER]),
    ]


def _blocking(called: Sequence[Call], paths: Paths) -> list[Figure]:
    instrument = judge.load()
    chosen = [n for n, call in enumerate(called) if call.trouble == SWALLOWS]
    read = {
        way: [instrument.read(read_images(rows[n])) for n in chosen] for way, rows in paths.items()
    }
    lost: dict[str, list[float]] = {PAPER: [], METHOD: []}
    for place, n in enumerate(chosen):
        for way, shares in lost.items():
            share = blocked(called[n], read[way][place], read[BASE][place])
            shares += [] if share is None else [share]
    idea = shelf.by_slug(TROUBLEMAKERS[SWALLOWS]).idea
    shown = {
        way: [fmean(idea in one.values() for one in row) for row in rows]
        for way, rows in read.items()
    }
    return [
        *(_mean(f"{way}: flowers present", values) for way, values in shown.items()),
        *(_mean(f"{way}: other objects blocked", values) for way, values in lost.items()),
        _ratio("task blocking against the paper's", lost[METHOD], lost[PAPER]),
    ]


def _mean(name: str, values: Sequence[float]) -> Figure:
    value = mean_interval(values)
    return Figure(name, value.value, "share", interval=(value.low, value.high))


def _ratio(name: str, values: Sequence[float], others: Sequence[float]) -> Figure:
    value = ratio_interval(values, others)
    return Figure(name, value.value, "", HALF, interval=(value.low, value.high))
