"""`stylus eval NAME`: how good answers are, beside what others answered."""

from pathlib import Path
from typing import Annotated

import typer

from bot.benchmarks import composer as composer_benchmark
from bot.command_line.common import Json, news_console, settings_for_command
from bot.command_line.figures import report

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Cards = Annotated[Path, typer.Option(help="Adapter cards, JSONL.")]
Answers = Annotated[Path, typer.Option(help="Labelled compositions, JSONL.")]
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
    as_json: Json = False,
) -> None:
    """Hold retriever and composer against labelled compositions."""
    settings, tell = settings_for_command(), news_console().print
    measuring = composer_benchmark.measure(settings, cards, answers, base, folds, tell)
    report("composer", measuring, "cpu", as_json)
