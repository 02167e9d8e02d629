"""One request at a terminal: submit, follow, write files, print."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bot.console.documents import Document, answer_document
from bot.console.files import check_folder, write_images, write_sheet
from bot.console.progress import show_progress
from bot.console.show import print_reply
from bot.pictures import load_content
from bot.reply import make_reply
from bot.workforce import temporary_workers
from engine.desk import Desk
from engine.errors import RequestCancelled, RequestFailed, Unavailable
from engine.values import Answer, Phase, Request


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a command writes: answers, progress, files."""

    answers: Console
    news: Console
    folder: Path
    json: bool


async def answer_request(
    desk: Desk, terminal: Terminal, submit: Callable[[], Awaitable[Request]]
) -> Document:
    """Submits, waits, writes the files and prints; returns the JSON document.

    Raises `RequestFailed` with the request's own sentence where it ended without images.
    """
    check_folder(terminal.folder)
    request = await submit()
    try:
        async with temporary_workers(desk, terminal.news.print):
            await show_progress(terminal.news, desk.follow(request.id))
    except Unavailable:
        await desk.cancel(request.id, request.asker)  # nobody waits for it any more
        raise
    answer = await desk.answer(request.id)
    document = await present(desk, terminal, answer)
    _raise_failure(answer)
    return document


async def present(desk: Desk, terminal: Terminal, answer: Answer) -> Document:
    """Writes the answer's files and, unless JSON is wanted, prints the reply."""
    reply = make_reply(answer)
    contents = {
        one.index: await load_content(desk, one, blind=reply.duel) for one in answer.renderings
    }
    paths = write_images(terminal.folder, reply, contents)
    files = list(paths.values())
    if contents:
        files.append(str(write_sheet(terminal.folder, reply, contents)))
    if not terminal.json and answer.phase is Phase.RENDERED:
        print_reply(terminal.answers, reply, answer.timings, files)
    return answer_document(answer, paths)


def _raise_failure(answer: Answer) -> None:
    if answer.phase is Phase.CANCELLED:
        raise RequestCancelled(f"Request {answer.request.id} was cancelled.")
    if answer.phase is not Phase.RENDERED:
        raise RequestFailed(f"Request {answer.request.id} failed: {answer.failure}")
