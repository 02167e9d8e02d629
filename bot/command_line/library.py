"""`stylus lora ...`: the adapter library."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from bot.command_line.common import (
    Json,
    T,
    answer_console,
    console_asker,
    news_console,
    print_document,
    run,
    settings_for_command,
)
from bot.console.progress import download_progress, import_progress
from bot.weights import read_span
from engine.community.opinions import Opinion, Opinions
from engine.library.addition_rows import Described
from engine.library.card_files import read_cards
from engine.library.catalogue import Filters, Imported
from engine.library.librarian import Library, open_library
from engine.library.refining import Refining
from engine.library.sidecars import files_of
from engine.library.stylus_docs import SUFFIXES, read_docs
from engine.retrieving.embedder import load_embedder
from engine.values import Adapter

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

AdapterId = Annotated[str, typer.Argument(metavar="ID", help="The adapter's id.")]


@app.command("import")
def import_(path: Path, as_json: Json = False) -> None:
    """Catalogue the cards of a JSONL file, gzipped or not, of StylusDocs, or of a LoRA folder."""
    files = files_of(path) if path.is_dir() else []

    async def work(library: Library) -> dict[str, object]:
        if files:
            added = await library.add_files(files, Described(), load_embedder())
            return asdict(Imported(len(added), len(added), len(added), 0))
        cards = read_docs(path) if path.suffix in SUFFIXES else read_cards(path)
        with import_progress(news_console()) as tell:
            return asdict(await library.import_cards(cards, load_embedder(), tell))

    document = _run(work)
    if as_json:
        print_document(document)
    else:
        typer.echo(
            "{cards} cards catalogued, {new} of them new; {embedded} embedded.".format(**document)
        )
        if document["removed"]:
            typer.echo(
                f"{document['removed']} are of adapters that were removed and stay so; "
                "add their files to have them again."
            )


@app.command()
def add(
    file: Annotated[
        str,
        typer.Argument(help="A .safetensors file, a folder of them, a URL, a page or an AIR."),
    ],
    title: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    description: Annotated[str, typer.Option(help="What it draws.")] = "",
    trigger: Annotated[list[str] | None, typer.Option(help="A trigger word.")] = None,
    weight: Annotated[float | None, typer.Option(help="Recommended weight.")] = None,
    as_json: Json = False,
) -> None:
    """Add LoRAs that fit the checkpoint, from a path, Civitai, Hugging Face or another URL."""
    described = Described(title, description, tuple(trigger or ()), weight)

    folder = Path(file)
    if folder.is_dir():
        paths = files_of(folder)
        added = _run(lambda library: library.add_files(paths, described, load_embedder()))
        _print_adapters(added, {}, as_json)
        return

    async def work(library: Library) -> dict[str, object]:
        if "://" in file or file.startswith(("urn:air:", "air:")):
            with download_progress(news_console()) as on_bytes:
                added = await library.add_url(file, described, load_embedder(), on_bytes)
        else:
            added = await library.add_file(Path(file), described, load_embedder())
        return asdict(added)

    _print_adapter(_run(work), as_json)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 100,
    start: Annotated[int, typer.Option(min=0, help="How many newer ones to pass over.")] = 0,
    base: Annotated[str | None, typer.Option(help="Base model family.")] = None,
    status: Annotated[str | None, typer.Option(help="active, disabled or proposed.")] = None,
    rating: Annotated[str | None, typer.Option(help="safe or unsafe.")] = None,
    here: Annotated[bool | None, typer.Option("--here/--remote", help="File here or not.")] = None,
    as_json: Json = False,
) -> None:
    """List the catalogue, newest first."""
    filters = Filters(_given(base), _given(status), _given(rating), here=here)

    async def work(library: Library) -> tuple[list[Adapter], dict[str, Opinion]]:
        opinions = await Opinions(library.database).everywhere()
        return await library.page(limit, start, filters), opinions

    _print_adapters(*_run(work), as_json)


def _given(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


@app.command()
def search(
    text: str,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Find adapters by what they draw."""
    found = _run(lambda library: library.search(text, limit, load_embedder()))
    _print_adapters(found, {}, as_json)


@app.command()
def show(adapter_id: AdapterId, as_json: Json = False) -> None:
    """Show one adapter."""

    async def work(library: Library) -> dict[str, object]:
        adapter = await library.find(adapter_id)
        opinions = await Opinions(library.database).everywhere()
        return asdict(adapter) | _thought(opinions.get(adapter_id))

    _print_adapter(_run(work), as_json)


@app.command()
def edit(
    adapter_id: AdapterId,
    title: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    description: Annotated[str | None, typer.Option(help="What it draws.")] = None,
    trigger: Annotated[list[str] | None, typer.Option(help="A trigger word.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag.")] = None,
    weight: Annotated[
        float | None, typer.Option(min=-2.0, max=2.0, help="Recommended weight.")
    ] = None,
    weight_range: Annotated[
        str | None,
        typer.Option(help="Between which weights it works, such as 0.6-1; empty: unknown."),
    ] = None,
    unsafe: Annotated[bool | None, typer.Option("--unsafe/--safe", help="Its rating.")] = None,
    notes: Annotated[str | None, typer.Option(help="A note for other admins.")] = None,
    as_json: Json = False,
) -> None:
    """Change what is known of an adapter; it stays so through imports and refiners."""
    named: dict[str, Any] = {
        "title": title,
        "description": description,
        "trigger_words": trigger,
        "tags": tag,
        "weight": weight,
        "nsfw": unsafe,
    }
    changes = {name: value for name, value in named.items() if value is not None}
    if weight_range is not None:
        changes["weight_range"] = read_span(weight_range)

    async def work(library: Library) -> dict[str, object]:
        return asdict(await library.edit(adapter_id, changes, notes, load_embedder()))

    _print_adapter(_run(work), as_json)


@app.command("export")
def export_(path: Path, as_json: Json = False) -> None:
    """Write all cards into a JSONL file that `lora import` takes."""

    async def work(library: Library) -> dict[str, object]:
        return {"cards": await library.export(path), "path": str(path)}

    document = _run(work)
    if as_json:
        print_document(document)
    else:
        typer.echo(f"{document['cards']} cards written to {path}.")


@app.command()
def refine(
    adapter_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this adapter, also once more.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many cards at most.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it starts.")] = False,
    as_json: Json = False,
) -> None:
    """Describe one adapter or all by the settings' refiner; stopped, it goes on where it was."""

    async def work(library: Library) -> dict[str, object]:
        refining = Refining(library.settings, library.database, library.store)
        waiting = [await refining.one(adapter_id)] if adapter_id else await refining.waiting(limit)
        cost, failed = refining.cost(waiting), 0
        news_console().print(
            f"{cost.cards} cards by {refining.name}: about {cost.tokens_in} tokens in, "
            f"{cost.tokens_out} out, a price of {cost.price:.2f}, {cost.minutes:.0f} minutes."
        )
        if cost.tokens_in and not yes and not typer.confirm("Start?", err=True):
            waiting = []
        async for n, (refined, reason) in _counted(refining.refine(waiting)):
            failed += reason is not None
            if reason or n % 100 == 0:
                news_console().print(f"{n} of {len(waiting)}: {reason or refined}")
        done = len(waiting) - failed
        await library.refined(done, refining.name, load_embedder())
        return {"refiner": refining.name, "cards": done, "failed": failed}

    document = _run(work)
    if as_json:
        print_document(document)
    else:
        typer.echo(f"{document['cards']} cards refined, {document['failed']} failed.")


async def _counted(items: AsyncIterator[T]) -> AsyncIterator[tuple[int, T]]:
    number = 0
    async for item in items:
        number += 1
        yield number, item


@app.command()
def newer(adapter_id: AdapterId, as_json: Json = False) -> None:
    """Look at Civitai or Hugging Face for a newer version of an adapter."""
    found = _run(lambda library: library.newer(adapter_id))
    if as_json:
        print_document({"id": adapter_id, "newer": asdict(found) if found else None})
    elif found:
        typer.echo(f"{adapter_id} has a newer version, {found.name}: {found.link}")
    else:
        typer.echo(f"{adapter_id} is the newest that its source has.")


@app.command()
def disable(adapter_id: AdapterId, as_json: Json = False) -> None:
    """Stop using an adapter, also for requests that wait."""
    _set_status(adapter_id, "disabled", as_json)


@app.command()
def enable(adapter_id: AdapterId, as_json: Json = False) -> None:
    """Use a disabled adapter again."""
    _set_status(adapter_id, "active", as_json)


@app.command()
def remove(adapter_id: AdapterId, as_json: Json = False) -> None:
    """Take an adapter out of the catalogue; earlier answers still name it."""
    _set_status(adapter_id, "removed", as_json)


def _set_status(adapter_id: str, status: str, as_json: bool) -> None:
    async def work(library: Library) -> dict[str, object]:
        await library.set_status(adapter_id, status)
        return {"id": adapter_id, "status": status}

    document = _run(work)
    if as_json:
        print_document(document)
    else:
        typer.echo(f"{adapter_id} is {status} now.")


def _run(work: Callable[[Library], Awaitable[T]]) -> T:
    async def command() -> T:
        async with open_library(settings_for_command(), console_asker()) as library:
            return await work(library)

    return run(command())


def _print_adapter(document: dict[str, object], as_json: bool) -> None:
    if as_json:
        print_document(document)
        return
    table = Table(show_header=False, show_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # people copy a hash, too
    for key, value in document.items():
        if value not in (None, "", ()):
            table.add_row(key, ", ".join(value) if isinstance(value, tuple) else str(value))
    answer_console().print(table)


def _thought(opinion: Opinion | None) -> dict[str, object]:
    """What people think of an adapter, in all workspaces together."""
    said = opinion or Opinion("")
    return {"liked": said.liked, "judged": said.judged, "disliked": said.disliked}


def _liked(opinion: Opinion | None) -> str:
    if opinion is None:
        return ""
    return f"{opinion.liked} of {opinion.judged}{' (disliked)' if opinion.disliked else ''}"


def _print_adapters(found: list[Adapter], opinions: dict[str, Opinion], as_json: bool) -> None:
    if as_json:
        print_document([asdict(one) | _thought(opinions.get(one.id)) for one in found])
        return
    table = Table(show_edge=False)
    table.add_column("id", no_wrap=True)  # people copy it into the next command
    for heading in ("title", "base", "weight", "status", "file", "liked"):
        table.add_column(heading)
    for a in found:
        here = "here" if a.blob else "remote"
        table.add_row(
            a.id, a.title, a.base, f"{a.weight:g}", a.status, here, _liked(opinions.get(a.id))
        )
    answer_console().print(table)
