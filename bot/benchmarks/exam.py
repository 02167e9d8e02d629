"""What `stylus eval images` asks, who looks at the answers, and what they are held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from engine.builtin.drawing import draw as draw_world
from engine.errors import BadOption
from engine.evaluating.eyes import Clip, Eye, Instrument, features_of, read_images
from engine.evaluating.questions import Question, read_questions
from engine.evaluating.ways import WAYS
from engine.evaluating.world_questions import world_questions
from engine.settings import Settings

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    #: A file of prompts; None for the built-in world's own.
    prompts: Path | None
    #: At most so many prompts, each with so many images.
    count: int
    images: int
    #: A CLIP model by folder or hub id; None for the built-in instrument.
    clip: str | None
    #: A folder of real images, to measure the distance to; the built-in world draws its own.
    real: Path | None
    ways: Sequence[str]
    #: The first one is used for every way, the others for base and method.
    guidances: Sequence[float]
    #: The folder for images and report.
    out: Path


@dataclass(frozen=True, slots=True)
class Exam:
    """The questions, and who looks at the answers."""

    questions: Sequence[Question]
    eye: Eye
    #: Features (n, d) of real images; None where there are none.
    real: Tensor | None
    #: Whether it is the built-in world's, on its own shelf alone.
    world: bool


def open_exam(settings: Settings, options: Options) -> Exam:
    """Returns the exam. Raises BadOption and BadFile."""
    for way in options.ways:
        if way not in WAYS:
            raise BadOption(f"There is no way “{way}”; there are {', '.join(WAYS)}.")
    if "reranker" in options.ways and settings.reranker.kind == "none":
        raise BadOption("No reranker is configured; see [reranker] in config.example.toml.")
    if options.prompts is None:
        return _of_the_world(settings, options)
    if options.clip is None:
        raise BadOption("Prompts of your own need somebody who looks; name a CLIP model by --clip.")
    eye = Clip(options.clip)
    questions = read_questions(options.prompts, options.count)
    return Exam(questions, eye, _real(eye, options.real), world=False)


def _of_the_world(settings: Settings, options: Options) -> Exam:
    if settings.checkpoint.source != "builtin" or options.clip or options.real:
        raise BadOption(
            "Without --prompts the built-in world is asked, which needs the built-in checkpoint, "
            "no --clip and no --real."
        )
    questions, pictures = world_questions(options.count)
    eye = Instrument()
    drawings = draw_world([p for p in pictures for _ in range(options.images)], seed=77)
    return Exam(questions, eye, features_of(eye, drawings), world=True)


def _real(eye: Eye, folder: Path | None) -> Tensor | None:
    if folder is None:
        return None
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    if len(paths) < 2:
        raise BadOption(f"{folder} has no images to compare with; name a folder of real ones.")
    return features_of(eye, read_images(paths))
