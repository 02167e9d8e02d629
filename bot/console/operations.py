"""How the state of an installation looks at a terminal."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from engine.operations.doctor import Finding
    from engine.operations.overview import Overview
    from engine.values import Worker

#: Seconds between two looks.
LOOK_AGAIN = 2.0
STYLES = {"ok": "green", "warning": "yellow", "broken": "red"}


async def watch(console: Console, looking: AsyncIterator["Overview"]) -> None:
    """Shows workers and requests as they are, until Ctrl-C."""
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        async for seen in looking:
            live.update(Group(*overview_lines(seen)), refresh=True)
            await asyncio.sleep(LOOK_AGAIN)


def overview_lines(seen: "Overview") -> Iterator[RenderableType]:
    """Yields workers and requests as a terminal shows them."""
    yield f"Stylus {seen.version}"
    table = Table(
        "role", "host", "pid", "version", "device", "in memory", "queues", show_edge=False
    )
    for w in seen.workers:
        device, queues = _device(w), ", ".join(w.queues)
        table.add_row(w.role, w.host, str(w.pid), w.version, device, _in_memory(w), queues)
    yield table if seen.workers else Text("no worker is alive; run `stylus up`", "yellow")
    yield f"open: {_counts(seen.open)}; ended within the hour: {_counts(seen.ended)}"
    if seen.oldest_seconds is not None:
        yield f"the oldest open request has waited {seen.oldest_seconds:.0f} s"
    if seen.embedding and seen.embedding.missing:
        done = seen.embedding.cards - seen.embedding.missing
        yield (
            f"{done} of {seen.embedding.cards} cards have the configured embedder's vectors; until "
            "all have, searches use the local embedder's"
        )
    if seen.pace is not None:
        yield f"lately one request was rendered every {seen.pace.interval:.2g} s of work"
    for unserved in seen.unserved:
        yield Text(unserved.sentence, "yellow")
    if seen.unposted:
        yield f"{seen.unposted} answers wait to be posted"


def _device(worker: "Worker") -> str:
    """The device, and how much of its memory is used."""
    has = worker.equipment
    if not has.gpu:
        return worker.device
    used, all_ = (size / 2**30 for size in (has.memory_used, has.memory))
    return f"{worker.device} {has.gpu}, {used:.1f} of {all_:.1f} GiB"


def _in_memory(worker: "Worker") -> str:
    has = worker.equipment
    if not has.checkpoints:
        return ""
    return f"{', '.join(has.checkpoints)}; {len(has.adapters)} adapters"


def print_overview(console: Console, seen: "Overview") -> None:
    """Prints workers and requests."""
    for line in overview_lines(seen):
        console.print(line)


def _counts(by_phase: dict[str, int]) -> str:
    return ", ".join(f"{count} {phase}" for phase, count in sorted(by_phase.items())) or "none"


def overview_document(seen: "Overview") -> dict[str, Any]:
    """What `stylus status --json` prints."""
    document = asdict(seen)
    for worker in document["workers"]:
        worker["started_at"] = worker["started_at"].isoformat()
    return document


def print_findings(console: Console, findings: Sequence["Finding"]) -> None:
    """Prints one row a part."""
    table = Table("part", "runs on", "state", "", show_edge=False)
    for finding in findings:
        state = Text(finding.state, STYLES[finding.state])
        table.add_row(finding.part, finding.runs_on, state, finding.says)
    console.print(table)
