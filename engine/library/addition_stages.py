"""The stages of an addition: claimed, worked on, and recorded only while the claim holds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import BadOption, DatabaseUnavailable, StylusError
from engine.library.addition_rows import Addition, State, title_of, to_addition
from engine.library.library_tables import additions
from engine.operations.log import get_log
from engine.processes.process import Post
from engine.storage.blobs import BlobStore
from engine.storage.tables import adapters

log = get_log("additions")


class StaleClaim(StylusError):
    """Another process has taken the work over, or an admin the addition away."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on an addition's stage, until somebody claims it again."""

    addition: Addition
    attempt: int
    tries: int


Work = Callable[[Claim], Awaitable[None]]


async def run_stage(
    post: Post, store: BlobStore, addition_id: str, waiting: State, working: State, work: Work
) -> None:
    """Does a stage's work, unless it is done; errors refuse the addition with their sentence."""
    async with post.database.transaction() as connection:
        claimed = await _claim(connection, addition_id, waiting, working)
    if claimed is None:
        return
    try:
        if claimed.tries > post.settings.queue.tries:
            title = title_of(claimed.addition)
            raise BadOption(f"“{title}” stopped the process that was {working} it; it is left out.")
        await work(claimed)
    except StaleClaim:
        log.info("another process has taken it over", addition=addition_id)
    except DatabaseUnavailable:
        raise  # nothing can be stored now; the rescuer gives the job to somebody
    except StylusError as error:
        await _refuse(post, store, claimed, str(error))
    except Exception:
        log.exception("an addition failed", addition=addition_id, stage=working)
        await _refuse(post, store, claimed, "Something went wrong on our side; add it again.")


async def _claim(
    connection: AsyncConnection, addition_id: str, waiting: State, working: State
) -> Claim | None:
    changed = await connection.execute(
        update(additions)
        .where(additions.c.id == addition_id, additions.c.state.in_((waiting, working)))
        .values(
            state=working,
            attempt=additions.c.attempt + 1,
            tries=case((additions.c.state == waiting, 1), else_=additions.c.tries + 1),
        )
        .returning(additions)
    )
    row = changed.one_or_none()
    return Claim(to_addition(row), row.attempt, row.tries) if row else None


async def advance(connection: AsyncConnection, claimed: Claim, **values: object) -> None:
    """Records what a stage made. Raises `StaleClaim`, which undoes the whole transaction."""
    changed = await connection.execute(
        update(additions)
        .where(additions.c.id == claimed.addition.id, additions.c.attempt == claimed.attempt)
        .where(additions.c.state.in_(("fetching", "checking")))
        .values(values)
    )
    if changed.rowcount == 0:
        raise StaleClaim(f"Addition {claimed.addition.id} is elsewhere by now.")


async def _refuse(post: Post, store: BlobStore, claimed: Claim, sentence: str) -> None:
    upload = claimed.addition.upload
    try:
        async with post.database.transaction() as connection:
            ended = {"sentence": sentence, "finished_at": func.clock_timestamp()}
            await advance(connection, claimed, state="refused", **ended)
            used = await connection.scalar(select(adapters.c.id).where(adapters.c.blob == upload))
    except StaleClaim:
        return
    if upload and used is None:
        await asyncio.to_thread(store.remove, upload)
