"""`stylus chaos`: what survives when workers are killed and frozen."""

from dataclasses import asdict
from typing import Annotated

import typer

from bot.benchmarks.chaos import Survival, wreak
from bot.command_line.common import (
    Json,
    answer_console,
    news_console,
    print_document,
    run,
    settings_for_command,
)

Seed = Annotated[int, typer.Option(help="The same seed hits the same workers.")]
Requests = Annotated[int, typer.Option(min=1, max=100_000, help="How many requests.")]
Every = Annotated[float, typer.Option(min=0.5, max=600, help="Seconds from one hit to the next.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(chaos)


def chaos(
    seed: Seed = 1, requests: Requests = 200, every: Every = 8.0, as_json: Json = False
) -> None:
    """Kill and freeze workers while requests run, and tell what survived."""
    settings = settings_for_command()
    survival = run(wreak(settings, seed, requests, every, news_console().print))
    if as_json:
        print_document(asdict(survival) | {"whole": survival.whole})
    else:
        for line in told(survival):
            answer_console().print(line)
    if not survival.whole:
        raise typer.Exit(1)


def told(survival: Survival) -> list[str]:
    """Returns what was injected and what survived, a line each."""
    kills = sum(one.signal == "SIGKILL" for one in survival.injuries)
    times = [one.recovered for one in survival.injuries if one.recovered is not None]
    lines = [
        f"seed {survival.seed}: {kills} workers killed, {len(survival.injuries) - kills} frozen, "
        f"{survival.ended} ended by themselves",
        f"{survival.requests} requests: {survival.rendered} rendered, "
        f"{survival.failed.total()} failed with a sentence, {survival.lost} lost, "
        f"{survival.doubled} doubled, {survival.incomplete} incomplete",
    ]
    lines += [f"  {count} times: {sentence}" for sentence, count in survival.failed.items()]
    if times:
        lines.append(f"what was under way had gone on after {max(times):.1f} s at most")
    return lines
