"""`stylus audit`: who changed what, in chats and at terminals."""

from dataclasses import asdict
from typing import Annotated

import typer

from bot.audit import change_lines
from bot.command_line.common import (
    Json,
    console_asker,
    print_document,
    run,
    settings_for_command,
)
from engine.community.audit import Change
from engine.library.librarian import open_library


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(audit)


def audit(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Show who changed what, newest first."""
    changes = run(_load(limit))
    if as_json:
        print_document([{**asdict(one), "at": one.at.isoformat()} for one in changes])
        return
    lines = change_lines(changes, _when_and_where, str)
    typer.echo("\n".join(lines) or "Nothing was changed yet.")


async def _load(limit: int) -> list[Change]:
    async with open_library(settings_for_command(), console_asker()) as library:
        return await library.changes(limit)


def _when_and_where(change: Change) -> str:
    place = f"{change.platform} {change.workspace}".strip()
    return f"{change.at:%Y-%m-%d %H:%M} · {place} ·"
