"""`stylus eval NAME`: how good answers are, beside what others answered."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from bot.benchmarks import composer as composer_benchmark
from bot.benchmarks import refiner as refiner_benchmark
from bot.benchmarks import retriever as retriever_benchmark
from bot.benchmarks import votes as vote_benchmark
from bot.command_line.common import Json, news_console, settings_for_command
from bot.command_line.figures import report
from engine.errors import Unavailable
from engine.evaluating.ways import OPTIONAL, WAYS

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Cards = Annotated[Path, typer.Option(help="Adapter cards, JSONL.")]
Answers = Annotated[Path, typer.Option(help="Labelled compositions, JSONL.")]
OUT = Path("stylus-evaluation")
Out = Annotated[Path, typer.Option(help="Folder for images and report.")]
Base = Annotated[str, typer.Option(help="The cards' base family.")]


@app.callback()
def evaluate() -> None:
    """How good answers are."""


@app.command()
def composer(
    cards: Cards,
    answers: Answers,
    base: Base = "sd15",
    folds: Annotated[int, typer.Option(min=0, max=10, help="0: the shipped weights.")] = 0,
    members: Annotated[int, typer.Option(min=1, max=9, help="Taggers that vote.")] = 3,
    as_json: Json = False,
) -> None:
    """Hold retriever and composer against labelled compositions."""
    settings, tell = settings_for_command(), news_console().print
    measuring = composer_benchmark.measure(settings, cards, answers, base, folds, members, tell)
    report("composer", measuring, "cpu", as_json)


@app.command()
def images(
    prompts: Annotated[
        Path | None,
        typer.Option(help="Prompts: text, JSONL, PartiPrompts or COCO. Default: our world's."),
    ] = None,
    count: Annotated[int, typer.Option(min=3, max=100_000, help="How many prompts.")] = 90,
    images: Annotated[int, typer.Option(min=2, max=8, help="Images a prompt.")] = 4,
    ways: Annotated[
        str, typer.Option(help="Ways to compare, with commas between; all but reranker.")
    ] = ",".join(way for way in WAYS if way not in OPTIONAL),
    guidance: Annotated[
        list[float] | None, typer.Option(min=1.0, max=30.0, help="Scale; repeat it for a sweep.")
    ] = None,
    clip: Annotated[str | None, typer.Option(help="CLIP model that looks at the images.")] = None,
    real: Annotated[Path | None, typer.Option(help="Folder of real images to be like.")] = None,
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """Hold the method's images against its base's and its ablations'; writes report.html."""
    image_benchmark = _benchmark("images")
    settings, tell = settings_for_command(), news_console().print
    guidances = guidance or [settings.sampling.guidance]
    chosen = [way.strip() for way in ways.split(",")]
    options = image_benchmark.Options(prompts, count, images, clip, real, chosen, guidances, out)
    measuring = image_benchmark.measure(settings, options, tell)
    report("images", measuring, settings.renderer.device, as_json)


@app.command()
def sources(
    count: Annotated[int, typer.Option(min=3, max=1000, help="Pictures of each kind.")] = 30,
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """What images keep of the picture that they start from; writes sources.html."""
    settings, tell = settings_for_command(), news_console().print
    measuring = _benchmark("sources").measure(settings, count, out, tell)
    report("sources", measuring, settings.renderer.device, as_json)


@app.command()
def trouble(
    count: Annotated[int, typer.Option(min=2, max=1000, help="Prompts of each kind.")] = 40,
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """What adapters that saturate and swallow do, by the paper's weights; writes trouble.html."""
    settings, tell = settings_for_command(), news_console().print
    measuring = _benchmark("trouble").measure(settings, count, out, tell)
    report("trouble", measuring, settings.renderer.device, as_json)


@app.command("time")
def seconds(
    requests: Annotated[int, typer.Option(min=1, max=1000, help="Requests of each kind.")] = 6,
    out: Annotated[Path, typer.Option(help="Folder for the plot.")] = OUT,
    as_json: Json = False,
) -> None:
    """Where a prompt's seconds go, at 1 to 8 images, beside the paper's; writes time.svg."""
    settings, tell = settings_for_command(), news_console().print
    measuring = _benchmark("stages").measure(settings, requests, out, tell)
    report("time", measuring, settings.renderer.device, as_json)


@app.command()
def votes(
    judge: Annotated[
        bool, typer.Option("--judge", help="Ask the refiner's vision model about the same pairs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What people preferred, in duels and by thumbs."""
    settings, tell = settings_for_command(), news_console().print
    ours = vote_benchmark
    measuring = ours.measure_judge(settings, tell) if judge else ours.measure(settings)
    report("votes", measuring, "cpu", as_json, vote_benchmark.NOBODY)


def _benchmark(name: str) -> ModuleType:
    """Imported only when asked for: it needs what evaluations alone need, and may load torch."""
    try:
        return import_module(f"bot.benchmarks.{name}")
    except ModuleNotFoundError as error:
        raise Unavailable(
            f'{error.name} is not installed, which this needs; run pip install -e ".[evaluation]".'
        ) from error


@app.command()
def refiner(cards: Cards, answers: Answers, base: Base = "sd15", as_json: Json = False) -> None:
    """Hold retrieval by refined cards beside retrieval by cards as their authors wrote them."""
    settings, tell = settings_for_command(), news_console().print
    measuring = refiner_benchmark.measure(settings, cards, answers, base, tell)
    report("refiner", measuring, "cpu", as_json)


@app.command()
def retriever(cards: Cards, answers: Answers, base: Base = "sd15", as_json: Json = False) -> None:
    """What each part of the retriever earns."""
    settings, tell = settings_for_command(), news_console().print
    measuring = retriever_benchmark.measure(settings, cards, answers, base, tell)
    report("retriever", measuring, "cpu", as_json)
