"""`stylus eval time`: where a prompt's seconds go, at 1 to 8 images, beside the paper's."""

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from bot.benchmarks.path import PROMPTS, answer
from bot.workforce import temporary_workers
from engine.desk import Desk, open_desk
from engine.errors import StorageUnavailable
from engine.evaluating.plots import stacked
from engine.operations.figures import Figure
from engine.settings import Settings
from engine.values import ComposerName, Overrides

#: Images of a request.
SIZES = (1, 2, 4, 8)
#: Stylus, figure 11: seconds on average over 100 prompts, by a script on an A100.
PAPER_OVERHEAD = {"retrieve": 1.1, "compose": 8.5, "load": 2.5}
PAPER_RENDER = {1: 16.0, 2: 25.0, 4: 44.0}

#: Seconds of each stage.
Row = Mapping[str, float]


async def measure(
    settings: Settings, requests: int, out: Path, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns each stage's median seconds and writes them as a plot into `out`."""
    composers: list[ComposerName] = ["local"]
    if settings.llm.base_url and settings.llm.model:
        composers.append("llm")
    async with open_desk(settings) as desk, temporary_workers(desk, tell):
        await answer(desk, PROMPTS[0], 0)  # the first request warms the processes up
        rows: dict[str, Row] = {}
        for composer in composers:
            for images in SIZES:
                name = f"{composer} composer, {images} images"
                rows[name] = await _row(desk, images, composer, requests)
                tell(name)
    _write(out / "time.svg", rows)
    return [
        Figure(f"{name}: {stage}", seconds, "s")
        for name, row in rows.items()
        for stage, seconds in {**row, "all": sum(row.values())}.items()
    ]


async def _row(desk: Desk, images: int, composer: ComposerName, requests: int) -> Row:
    overrides = Overrides(composer=composer)
    timings = [
        await answer(desk, PROMPTS[n % len(PROMPTS)], n, images=images, overrides=overrides)
        for n in range(requests)
    ]
    return {
        "queued": median(t.queued for t in timings),
        "retrieve": median(t.retrieve for t in timings),
        "compose": median(t.compose for t in timings),
        "load": median(t.load for t in timings),
        "render": median(t.render for t in timings),
    }


def _write(path: Path, rows: Mapping[str, Row]) -> None:
    paper = {
        f"paper, {images} images": {**PAPER_OVERHEAD, "render": seconds}
        for images, seconds in PAPER_RENDER.items()
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(stacked({**rows, **paper}, "seconds"), "utf-8")
    except OSError as error:
        raise StorageUnavailable(f"{path} cannot be written ({error.strerror}).") from error
