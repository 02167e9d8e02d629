"""How a stage's job runs: claim, work, store; every way it can end is one visible state."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from procrastinate.exceptions import JobAborted

from engine.errors import DatabaseUnavailable, StylusError
from engine.operations.log import get_log
from engine.operations.metrics import ENDED, ERRORS
from engine.processes.process import Post
from engine.requests import ledger
from engine.requests.ending import announce_end
from engine.requests.ledger import Claim
from engine.requests.progress import publish
from engine.values import Phase, Progress

log = get_log("jobs")

Work = Callable[[Post, Claim], Awaitable[None]]


class HandedOn(JobAborted):
    """This process cannot go on with a job; the rescuer gives the request another one."""


async def run_stage(
    post: Post, request_id: str, waiting: Phase, working: Phase, work: Work
) -> None:
    """Claims the request's stage and works on it; errors end the request with a sentence.

    Raises HandedOn where the work does.
    """
    structlog.contextvars.bind_contextvars(request=request_id)
    claimed = await _claim(post, request_id, waiting, working)
    if claimed is None:
        log.info("nothing to do: the request is elsewhere by now", stage=working)
        return
    try:
        if claimed.tries > post.settings.queue.tries:
            raise _died(working, claimed.tries - 1)
        await work(post, claimed)
        log.info("done", stage=working)
    except (DatabaseUnavailable, HandedOn):
        raise  # nothing can be stored here and now; the rescuer takes the request up again
    except StylusError as error:
        ERRORS.labels(type(error).__name__).inc()
        await end_badly(post, claimed, str(error))
    except asyncio.CancelledError:
        # The worker is being stopped. The queue must not think that the job was done.
        raise JobAborted from None
    except Exception as error:
        ERRORS.labels(type(error).__name__).inc()
        log.exception("a stage failed", stage=working)
        await end_badly(
            post, claimed, f"Something went wrong on our side while {working}; try again."
        )


async def _claim(post: Post, request_id: str, waiting: Phase, working: Phase) -> Claim | None:
    async with post.database.transaction() as connection:
        claimed = await ledger.claim(connection, request_id, waiting, working)
        if claimed:
            await publish(connection, Progress(request_id, working))
    if claimed:
        if post.settings.log.prompts:
            structlog.contextvars.bind_contextvars(prompt=claimed.request.prompt)
        log.info("begun", stage=working, attempt=claimed.attempt)
    return claimed


def _died(working: Phase, times: int) -> StylusError:
    return StylusError(
        f"The process that was {working} this request died {times} times, so it was given up; "
        "try another prompt or ask the operator to look at the log."
    )


async def end_badly(post: Post, claimed: Claim, sentence: str) -> None:
    """Ends the request as failed, unless somebody else has claimed or ended it since."""
    request = claimed.request
    async with post.database.transaction() as connection:
        if await ledger.fail(connection, request.id, sentence, claimed.attempt):
            await announce_end(post.queue, connection, request, Phase.FAILED)
            ENDED.labels(Phase.FAILED).inc()
    log.warning("request failed", sentence=sentence)
