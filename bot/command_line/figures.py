"""How measurements are printed: one document, or a table beside the goals."""

from collections.abc import Coroutine
from time import perf_counter
from typing import Any

import typer
from rich.table import Table

from bot.command_line.common import answer_console, print_document, run
from engine.operations.figures import Figure, machine


def report(
    name: str,
    measuring: Coroutine[Any, Any, list[Figure]],
    device: str,
    as_json: bool,
    nothing: str = "There was nothing to measure.",
) -> None:
    """Measures and prints; `nothing` is said where there are no figures."""
    began = perf_counter()
    figures = run(measuring)
    document = {
        "name": name,
        "machine": machine(),
        "device": device,
        "seconds": round(perf_counter() - began, 2),
        "figures": [figure.document() for figure in figures],
    }
    if as_json:
        print_document(document)
    elif not figures:
        typer.echo(nothing)
    else:
        _print(figures, f"{name} on {document['machine']}, {device}")


def _print(figures: list[Figure], title: str) -> None:
    table = Table("figure", "value", "goal", "holds", title=title, show_edge=False)
    for f in figures:
        bound = "" if f.goal is None else f"{'≥' if f.higher_is_better else '≤'} {f.goal:g}"
        holds = {True: "yes", False: "NO", None: ""}[f.holds]
        sure = f" ({f.interval[0]:.3f} to {f.interval[1]:.3f})" if f.interval else ""
        table.add_row(f.name, f"{f.value:.4f} {f.unit}{sure}", bound, holds)
    answer_console().print(table)
