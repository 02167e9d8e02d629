"""`stylus eval sources`: images that start from pictures, the method's beside its base's.

The paper shows such images and gives no figure. Measured here: what is kept of the picture, whether
the prompt was followed, and that outside of a mask no pixel changes.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image

from bot.benchmarks.images import ask_questions, built_in_catalogue, sampling_of
from engine.checkpoints import configured
from engine.errors import BadOption, RenderFailed, StorageUnavailable
from engine.evaluating import plots
from engine.evaluating.drawing import file_of
from engine.evaluating.eyes import Instrument, look
from engine.evaluating.questions import Question
from engine.evaluating.report import write_report
from engine.evaluating.scores import BASE, METHOD
from engine.evaluating.statistics import mean_interval
from engine.evaluating.ways import WAYS
from engine.evaluating.world_sources import SourceQuestion, inpaintings, translations
from engine.operations.figures import Figure, machine
from engine.rendering.checkpoint import load_checkpoint, use_threads
from engine.rendering.job import Batch, Job
from engine.rendering.renderer import Renderer
from engine.rendering.start import Start
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.values import ImagePlan, Sampling

Tell = Callable[[str], None]
#: How much of the denoising is done over, in image to image and inside of a mask.
STRENGTHS = (0.3, 0.5, 0.7, 0.9)
INPAINTED = 1.0
#: Jobs of one batch.
TOGETHER = 16
#: One image of each way for each picture.
Plans = Mapping[str, Sequence[ImagePlan]]


async def measure(settings: Settings, count: int, out: Path, tell: Tell) -> list[Figure]:
    """Draws, looks and writes sources.html; returns the figures. Raises BadOption."""
    if settings.checkpoint.source != "builtin":
        raise BadOption("Sources are measured in the built-in world; use its checkpoint.")
    parts = {"image to image": translations(count), "inpainting": inpaintings(count)}
    plans: dict[str, Plans] = {}
    async with built_in_catalogue(settings) as database:
        for name, questions in parts.items():
            prompts = [Question(one.prompt) for one in questions]
            asked = await ask_questions(database, settings, prompts, 1, settings.sampling.guidance)
            plans[name] = {way: [WAYS[way](one)[0] for one in asked] for way in (BASE, METHOD)}
    return await asyncio.to_thread(_draw_and_look, settings, parts, plans, out, tell)


def _draw_and_look(
    settings: Settings,
    parts: Mapping[str, Sequence[SourceQuestion]],
    plans: Mapping[str, Plans],
    out: Path,
    tell: Tell,
) -> list[Figure]:
    use_threads(settings.renderer.threads)
    studio = _Studio(settings, out / "sources", tell)
    figures: list[Figure] = []
    curves: dict[str, list[tuple[float, float, float]]] = {BASE: [], METHOD: []}
    pictures: dict[str, list[list[Path]]] = {}
    questions = parts["image to image"]
    pictures["source"] = [[p] for p in studio.keep("source", [q.image for q in questions])]
    for strength in STRENGTHS:
        for way in (BASE, METHOD):
            name = f"image to image, strength {strength:g}, {way}"
            paths = studio.draw(name, questions, plans["image to image"][way], strength)
            kept, followed = _seen(paths, questions)
            figures += [_mean(f"{name}: source kept", kept)]
            figures += [_mean(f"{name}: prompt followed", followed)]
            curves[way].append((fmean(kept), fmean(followed), strength))
            pictures[f"{way}, {strength:g}"] = [[path] for path in paths]
    figures += _inpainting(studio, parts["inpainting"], plans["inpainting"])
    _write(out, figures, plots.trade(curves), [q.followed for q in questions], pictures)
    return figures


def _inpainting(
    studio: "_Studio", questions: Sequence[SourceQuestion], plans: Plans
) -> list[Figure]:
    figures = []
    for way in (BASE, METHOD):
        name = f"inpainting, {way}"
        paths = studio.draw(name, questions, plans[way], INPAINTED)
        kept, followed = _seen(paths, questions)
        figures.append(_mean(f"{name}: source kept", kept))
        figures.append(_mean(f"{name}: prompt followed", followed))
        worst = max(map(outside_change, questions, paths))
        figures.append(Figure(f"{name}: largest change outside of the mask", worst, "of 255", 0))
    return figures


def outside_change(question: SourceQuestion, path: Path) -> float:
    """Returns by how much a channel of a pixel has changed at most that the mask leaves alone."""
    assert question.mask
    before, mask = np.asarray(question.image, int), np.asarray(question.mask)
    with Image.open(path) as image:
        after = np.asarray(image.convert("RGB"), int)
    return float(np.abs(after - before)[mask == 0].max())


def _seen(
    paths: Sequence[Path], questions: Sequence[SourceQuestion]
) -> tuple[list[float], list[float]]:
    """Shares of what was to be kept, and of what the prompt brings, image by image."""
    eye = Instrument()
    kept = look(eye, paths, [one.kept for one in questions]).verdicts
    followed = look(eye, paths, [one.followed for one in questions]).verdicts
    return [one.alignment for one in kept], [one.alignment for one in followed]


def _mean(name: str, values: Sequence[float]) -> Figure:
    value = mean_interval(values)
    return Figure(name, value.value, "", None, True, (value.low, value.high))


class _Studio:
    """Draws into a folder."""

    def __init__(self, settings: Settings, folder: Path, tell: Tell) -> None:
        self._sampling: Sampling = sampling_of(settings, settings.sampling.guidance)
        self._renderer = Renderer(load_checkpoint(*configured(settings)))
        self._store, self._folder, self._tell = BlobStore(settings), folder, tell

    def draw(
        self,
        name: str,
        questions: Sequence[SourceQuestion],
        plans: Sequence[ImagePlan],
        strength: float,
    ) -> list[Path]:
        """Returns the images' files, one a question. Raises RenderFailed."""
        jobs = [
            Job(
                self._sampling,
                [plan],
                lambda one: file_of(self._store, one),
                start=Start(one.image, strength, one.mask),
            )
            for one, plan in zip(questions, plans, strict=True)
        ]
        images = []
        for start in range(0, len(jobs), TOGETHER):
            for outcome in self._renderer.render(jobs[start : start + TOGETHER]):
                if not isinstance(outcome, Batch) or not outcome.images:
                    raise RenderFailed(f"The evaluation cannot go on: {outcome}")
                images.append(outcome.images[0].image)
        self._tell(f"{name}: {len(images)} images")
        return self.keep(name, images)

    def keep(self, name: str, images: Sequence[Image.Image]) -> list[Path]:
        """Writes images and returns their files. Raises StorageUnavailable."""
        slug = name.replace(", ", "-").replace(" ", "-")
        paths = [self._folder / f"{slug}-{number}.png" for number in range(len(images))]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for image, path in zip(images, paths, strict=True):
                image.save(path, "PNG")
        except OSError as error:
            raise StorageUnavailable(
                f"{self._folder} cannot be written ({error.strerror})."
            ) from error
        return paths


def _write(
    out: Path,
    figures: Sequence[Figure],
    plot: str,
    questions: Sequence[Question],
    pictures: Mapping[str, Sequence[Sequence[Path]]],
) -> None:
    write_report(
        out / "sources.html",
        "Images that start from pictures",
        f"{len(questions)} pictures a kind, {machine()}, {datetime.now(UTC):%Y-%m-%d}, by "
        "`stylus eval sources`",
        figures,
        {"Image to image: what is kept of the picture against what the prompt brings.": plot},
        questions,
        pictures,
    )
