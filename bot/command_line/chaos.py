"""`stylus chaos`: what survives when workers and database are hit."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from bot.benchmarks.chaos import KINDS, Survival, wreak
from bot.command_line.common import (
    Json,
    answer_console,
    news_console,
    print_document,
    run,
    settings_for_command,
)
from engine.operations.figures import percentile

Seed = Annotated[int, typer.Option(help="The same seed does the same.")]
Requests = Annotated[int, typer.Option(min=1, max=100_000, help="How many requests.")]
Every = Annotated[float, typer.Option(min=1, max=1000, help="Requests from one hit to the next.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(chaos)


def chaos(
    seed: Seed = 1, requests: Requests = 200, every: Every = 20.0, as_json: Json = False
) -> None:
    """Hit workers and database while requests run, and tell what survived."""
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
    counts = Counter(f"{one.role} {one.kind}" for one in survival.injuries)
    lines = [
        f"seed {survival.seed}, {survival.seconds:.0f} s: "
        + (", ".join(f"{what} {n} times" for what, n in sorted(counts.items())) or "nothing hit"),
        f"posts refused {survival.refused} times, taken without a word {survival.broken_off} times",
        f"{survival.ended} workers ended by themselves",
        f"{survival.requests} requests: {survival.rendered} rendered, "
        f"{survival.failed.total()} failed with a sentence, {survival.lost} lost, "
        f"{survival.doubled} doubled, {survival.incomplete} incomplete",
    ]
    lines += [f"  {count} times: {sentence}" for sentence, count in survival.failed.items()]
    return [*lines, *_recoveries(survival)]


def _recoveries(survival: Survival) -> Iterator[str]:
    """A line for each kind of injury: how long what was in somebody's hands stayed there."""
    for kind in KINDS:
        times = [one.recovered for one in survival.injuries if one.kind == kind]
        known = [one for one in times if one is not None]
        if known:
            yield (
                f"{kind}: what was under way had gone on after {percentile(known, 0.5):.1f} s "
                f"(median), {max(known):.1f} s (most)"
            )
        if len(known) < len(times):
            yield f"{kind}: {len(times) - len(known)} times it never went on"
