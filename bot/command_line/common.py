"""What several commands share: options, settings, printing."""

import asyncio
import getpass
import json
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from engine.configuration import load_settings
from engine.operations.log import configure_log
from engine.settings import Settings
from engine.values import Asker

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def settings_for_command() -> Settings:
    """Returns the settings, with this process's log set up. Raises `BadSettings`."""
    settings = load_settings()
    configure_log(settings.log)
    return settings


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a command's coroutine to its end; Ctrl-C cancels it."""
    return asyncio.run(coroutine)


def print_document(document: object) -> None:
    """Prints the one JSON document of a command."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def answer_console() -> Console:
    """Where answers go: standard output."""
    return Console(highlight=False)


def news_console() -> Console:
    """Where progress goes: standard error."""
    return Console(file=sys.stderr, highlight=False)


def console_asker() -> Asker:
    """Who asks at this terminal."""
    return Asker("console", user=getpass.getuser())
