"""`stylus chaos`: what survives when workers and what they need are hit."""

from dataclasses import asdict
from typing import Annotated

import typer

from bot.benchmarks.chaos import wreak
from bot.benchmarks.survival import told
from bot.command_line.common import (
    Json,
    answer_console,
    news_console,
    print_document,
    run,
    settings_for_command,
)

Seed = Annotated[int, typer.Option(help="The same seed does the same.")]
Requests = Annotated[int, typer.Option(min=1, max=100_000, help="How many requests.")]
Every = Annotated[float, typer.Option(min=1, max=1000, help="Requests from one hit to the next.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(chaos)


def chaos(
    seed: Seed = 1, requests: Requests = 200, every: Every = 20.0, as_json: Json = False
) -> None:
    """Hit workers and all that they need while requests run, and tell what survived."""
    settings = settings_for_command()
    survival = run(wreak(settings, seed, requests, every, news_console().print))
    if as_json:
        print_document(asdict(survival) | {"whole": survival.whole})
    else:
        for line in told(survival):
            answer_console().print(line)
    if not survival.whole:
        raise typer.Exit(1)
