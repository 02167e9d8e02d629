"""`stylus bench NAME`: measurements, slow ones too; record them in BENCHMARKS.md."""

from collections.abc import Callable
from enum import StrEnum
from time import perf_counter
from typing import Annotated

import typer
from rich.table import Table

from bot.benchmarks import path
from bot.command_line.common import (
    Json,
    answer_console,
    news_console,
    print_document,
    run,
    settings_for_command,
)
from engine.desk import open_desk
from engine.figures import Figure, machine


class Bench(StrEnum):
    """What can be measured."""

    PATH = "path"


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(bench)


def bench(
    name: Bench,
    requests: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 30,
    as_json: Json = False,
) -> None:
    """Measure something and hold it against its goal."""
    began = perf_counter()
    figures, device = run(_path(requests, news_console().print))
    document = {
        "name": name.value,
        "machine": machine(),
        "device": device,
        "seconds": round(perf_counter() - began, 2),
        "figures": [figure.document() for figure in figures],
    }
    if as_json:
        print_document(document)
    else:
        _print(figures, f"{name.value} on {document['machine']}, {device}")


async def _path(requests: int, tell: Callable[[str], None]) -> tuple[list[Figure], str]:
    async with open_desk(settings_for_command()) as desk:
        figures = await path.measure(desk, requests, tell)
        return figures, desk.settings.renderer.device


def _print(figures: list[Figure], title: str) -> None:
    table = Table("figure", "value", "goal", "holds", title=title, show_edge=False)
    for f in figures:
        bound = "" if f.goal is None else f"{'≥' if f.higher_is_better else '≤'} {f.goal:g}"
        holds = {True: "yes", False: "NO", None: ""}[f.holds]
        table.add_row(f.name, f"{f.value:.4f} {f.unit}", bound, holds)
    answer_console().print(table)
