"""`stylus composer ...`: the local composer's own training."""

from pathlib import Path
from typing import Annotated

import typer

from bot.benchmarks import composer as composer_benchmark
from bot.command_line.common import Json, news_console, print_document, run, settings_for_command
from bot.command_line.evaluations import Answers, Base, Cards

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def composing() -> None:
    """The local composer."""


@app.command()
def train(
    cards: Cards,
    answers: Answers,
    out: Annotated[Path, typer.Option(help="File of weights to write.")],
    base: Base = "sd15",
    members: Annotated[int, typer.Option(min=1, max=9, help="Taggers that vote.")] = 3,
    as_json: Json = False,
) -> None:
    """Train the local composer on labelled compositions; composer.weights then names the file."""
    settings, tell = settings_for_command(), news_console().print
    written = run(composer_benchmark.train(settings, cards, answers, base, members, out, tell))
    if as_json:
        print_document({"weights": str(written), "bytes": written.stat().st_size})
    else:
        typer.echo(f"{written} written; set composer.weights to use it.")
