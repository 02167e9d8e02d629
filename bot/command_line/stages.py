"""`stylus retrieve` and `stylus compose`: the stages alone, in this process."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bot.command_line.common import (
    Json,
    answer_console,
    print_document,
    run,
    settings_for_command,
)
from bot.command_line.requests import ComposerChoice, composer_name
from bot.console.batch import run_batch
from bot.console.documents import Document, candidates_document, composition_document
from engine.errors import BadOption
from engine.settings import Settings
from engine.stages import Stages, open_stages

Base = Annotated[str | None, typer.Option(help="Base family, such as sd15.")]
Input = Annotated[Path | None, typer.Option("--input", help="JSONL, one prompt a line.")]
Output = Annotated[Path | None, typer.Option("--output", help="JSONL to write.")]
Text = Annotated[str | None, typer.Argument(help="The prompt.")]

#: Answers one prompt.
Answer = Callable[[Stages, str], Awaitable[Document]]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(retrieve)
    app.command()(compose)


def retrieve(
    text: Text = None,
    k: Annotated[int | None, typer.Option(help="How many candidates.")] = None,
    base: Base = None,
    input: Input = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """List the adapters that may serve a prompt, best first."""
    if k is not None and not 1 <= k <= 1000:
        raise BadOption(f"--k is {k}; it may be 1 to 1000.")

    async def answer(stages: Stages, prompt: str) -> Document:
        found = await stages.retrieve(prompt, base, k)
        return candidates_document(prompt, found.candidates, found.seconds)

    _run(text, input, output, as_json, answer, _print_candidates)


def compose(
    text: Text = None,
    composer: Annotated[ComposerChoice | None, typer.Option(help="Who composes.")] = None,
    base: Base = None,
    input: Input = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Split a prompt into tasks and choose adapters for each, without rendering."""
    name = composer_name(composer)

    async def answer(stages: Stages, prompt: str) -> Document:
        made = await stages.compose(prompt, base, name)
        return composition_document(made.composition, made.seconds)

    _run(text, input, output, as_json, answer, _print_tasks)


def _run(
    text: str | None,
    source: Path | None,
    target: Path | None,
    as_json: bool,
    answer: Answer,
    show: Callable[[Document], None],
) -> None:
    if (text is None) == (source is None) or (source is None) != (target is None):
        raise BadOption("Give either a prompt, or both --input FILE and --output FILE.")

    async def command(settings: Settings) -> Document:
        async with open_stages(settings) as stages:
            if text is not None:
                return await answer(stages, text)
            assert source and target
            return await run_batch(source, target, lambda prompt: answer(stages, prompt))

    document = run(command(settings_for_command()))
    if as_json or text is None:
        print_document(document)
    else:
        show(document)


def _print_candidates(document: Document) -> None:
    table = Table("#", "adapter", "title", "score", show_edge=False)
    for rank, found in enumerate(document["candidates"], 1):
        table.add_row(str(rank), found["id"], found["title"], f"{found['score']:.4f}")
    answer_console().print(table)


def _print_tasks(document: Document) -> None:
    table = Table("words", "adapter", "weight", "why", show_edge=False)
    for task in document["tasks"]:
        for chosen in task["adapters"]:
            weight = f"{chosen['weight']:g}"
            table.add_row(task["keyword"], chosen["title"], weight, chosen["reason"])
        if not task["adapters"]:
            table.add_row(task["keyword"], "—", "", "")
    answer_console().print(table)
