"""Progress at a terminal: one line that changes, or one line a change where it is no terminal."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as RichProgress

from bot.texts import ENGLISH
from engine.values import Phase, Progress

WORDS = {
    Phase.QUEUED: ENGLISH.queued,
    Phase.COMPOSING: ENGLISH.composing,
    Phase.PLANNED: ENGLISH.planned,
    Phase.RENDERING: ENGLISH.rendering,
}


async def show_progress(console: Console, news: AsyncIterator[Progress]) -> Progress:
    """Shows the request's progress until it has ended; returns the last sign."""
    last = None
    with console.status("") as status:
        async for progress in news:
            line = describe(progress)
            if console.is_terminal:
                status.update(line)
            elif line != last:
                console.print(line)
            last = line
    return progress


def describe(progress: Progress) -> str:
    """Returns a progress in the words that chats have for it."""
    words = [WORDS.get(progress.phase, progress.phase.value)]
    if progress.phase is Phase.RENDERING and progress.steps:
        words.append(ENGLISH.step.format(step=progress.step, steps=progress.steps))
    elif progress.position:
        words.append(ENGLISH.ahead.format(count=progress.position))
    return " · ".join(words)


@contextmanager
def download_progress(console: Console) -> Iterator[Callable[[int, int | None], None]]:
    """Yields what is told how many bytes are here; shows it where somebody watches."""
    with console.status("fetching") as status:

        def tell(have: int, announced: int | None) -> None:
            of = f" of {announced / 2**20:.1f}" if announced else ""
            status.update(f"fetching, {have / 2**20:.1f}{of} MB are here")

        yield tell


@contextmanager
def import_progress(console: Console) -> Iterator[Callable[[int], None]]:
    """Yields what is told how many cards are left to embed; shows a bar where somebody watches."""
    with RichProgress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("storing cards", total=None)

        def tell(left: int) -> None:
            total = bar.tasks[0].total or max(1, left)
            bar.update(task, description="embedding", total=total, completed=total - left)

        yield tell
