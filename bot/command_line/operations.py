"""`stylus migrate`, `up`, `engine`, `renderer`, `status`, `doctor`: running it."""

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from bot.command_line.common import (
    Json,
    answer_console,
    console_asker,
    news_console,
    print_document,
    run,
    settings_for_command,
)
from bot.command_line.frontends import configured
from bot.console.operations import overview_document, print_findings, print_overview
from bot.console.operations import watch as watch_overview
from bot.supervisor import only_one, read_procfile, supervise
from engine.library.catalogue import Imported
from engine.library.librarian import open_library
from engine.operations.doctor import Finding, examine
from engine.operations.overview import keep_looking, look_around
from engine.retrieving.embedder import load_embedder
from engine.settings import Settings
from engine.storage.backup import Saved
from engine.storage.waiting import opened_once_it_answers

#: Beside the packages, as a checkout has it.
PROCFILE = Path(__file__).parents[2] / "Procfile"

Tied = Annotated[bool, typer.Option(hidden=True, help="End when standard input is closed.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    for command in (up, migrate, roles, status, doctor, engine, renderer, backup, restore):
        app.command()(command)


def up(as_json: Json = False) -> None:
    """Run everything in the Procfile that is configured, and keep it running."""
    settings = settings_for_command()
    run(_check_database(settings))
    news = news_console()

    def say(name: str, line: str) -> None:
        news.print(Text.assemble((f"{name:>9} | ", "cyan"), line), soft_wrap=True)

    with only_one(settings.home):
        lines = [line for line in read_procfile(PROCFILE) if configured(settings, line.name)]
        run(supervise(lines, say))
    if as_json:
        print_document({"stopped": True})


async def _check_database(settings: Settings) -> None:
    async with opened_once_it_answers(lambda: open_library(settings, console_asker())):
        pass


def migrate(as_json: Json = False) -> None:
    """Bring the database to this version and catalogue the built-in adapters."""
    from engine.storage import schema

    settings = settings_for_command()
    migrated = schema.migrate(settings)
    imported = run(_fill(settings))
    if as_json:
        print_document({**asdict(migrated), "adapters": asdict(imported)})
    elif migrated.before == migrated.after:
        typer.echo(f"The database was at {migrated.after} already; nothing to do.")
    else:
        before = migrated.before or "empty"
        typer.echo(f"The database was {before} and is at {migrated.after} now.")


def roles(as_json: Json = False) -> None:
    """Print SQL for database roles with few rights: `stylus roles | psql URL` after migrating."""
    from engine.storage.roles import roles_sql

    if as_json:
        print_document({"sql": roles_sql()})
    else:
        typer.echo(roles_sql())


async def _fill(settings: Settings) -> Imported:
    async with open_library(settings, console_asker()) as library:
        return await library.fill_builtin(load_embedder())


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show the workers that are alive and what is under way."""
    settings = settings_for_command()
    if watch and not as_json:
        with contextlib.suppress(KeyboardInterrupt):
            run(watch_overview(answer_console(), keep_looking(settings)))
        return
    seen = run(look_around(settings))
    if as_json:
        print_document(overview_document(seen))
    else:
        print_overview(answer_console(), seen)


def doctor(as_json: Json = False) -> None:
    """Examine every part: what it runs on, whether it answers, and the next step."""

    async def command() -> list[Finding]:
        return [finding async for finding in examine(settings_for_command())]

    findings = run(command())
    if as_json:
        print_document({"findings": [asdict(finding) for finding in findings]})
    else:
        print_findings(answer_console(), findings)
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(1)


def backup(folder: Path, as_json: Json = False) -> None:
    """Write database and files into a new folder; nothing has to stop for it."""
    from engine.storage.backup import back_up

    _tell_saved(back_up(settings_for_command(), folder), as_json)


def restore(folder: Path, as_json: Json = False) -> None:
    """Bring a backup into an empty database and its files into the store."""
    from engine.storage import backup

    _tell_saved(backup.restore(settings_for_command(), folder), as_json)


def _tell_saved(saved: Saved, as_json: bool) -> None:
    if as_json:
        print_document(asdict(saved) | {"folder": str(saved.folder)})
    else:
        size = f"{saved.database_bytes / 1e6:.1f} MB"
        typer.echo(f"{saved.folder}: a database of {size} and {saved.files} files.")


def engine(tied: Tied = False, as_json: Json = False) -> None:
    """Run an engine process: retrieves and composes."""
    from engine.processes.compose_worker import run_engine

    run(run_engine(settings_for_command(), tied=tied))
    if as_json:
        print_document({"role": "engine", "stopped": True})


def renderer(tied: Tied = False, as_json: Json = False) -> None:
    """Run a renderer process: one for each GPU."""
    from engine.processes.render_worker import run_renderer

    run(run_renderer(settings_for_command(), tied=tied))
    if as_json:
        print_document({"role": "renderer", "stopped": True})
