"""`stylus bench path`: where a request's time goes, over many requests, one at a time."""

from collections.abc import Callable

from bot.workforce import temporary_workers
from engine.desk import Desk, open_desk
from engine.errors import RequestFailed
from engine.operations.figures import Figure, median_and_p95
from engine.settings import Settings
from engine.values import Ask, Asker, Overrides, Phase, Timings

#: Seconds of the first command's wait that are ours: all but starting processes and rendering.
OVERHEAD_GOAL = 1.0
#: Seconds of a whole request with the built-in checkpoint, processes running.
TOTAL_GOAL = 4.0

PROMPTS = (
    "a red star in neon glow on a starry night sky",
    "a small blue heart left of a yellow circle",
    "a striped purple square in the snow",
    "a watercolor green triangle on a white background",
    "two pink diamonds, pixel art",
    "a big orange ring",
)


async def measure(settings: Settings, requests: int, tell: Callable[[str], None]) -> list[Figure]:
    """Returns median and 95th percentile of every stage over that many requests."""
    async with open_desk(settings) as desk, temporary_workers(desk, tell):
        await answer(desk, PROMPTS[0], 0)  # the first request warms the processes up
        timings = []
        for n in range(requests):
            timings.append(await answer(desk, PROMPTS[n % len(PROMPTS)], n))
            tell(f"{n + 1} of {requests}")
    overhead = [t.total - t.render for t in timings]
    return [
        *median_and_p95("queued", [t.queued for t in timings]),
        *median_and_p95("retrieve", [t.retrieve for t in timings]),
        *median_and_p95("compose", [t.compose for t in timings]),
        *median_and_p95("load", [t.load for t in timings]),
        *median_and_p95("render", [t.render for t in timings]),
        *median_and_p95("overhead", overhead, OVERHEAD_GOAL),
        *median_and_p95("total", [t.total for t in timings], TOTAL_GOAL),
    ]


async def answer(
    desk: Desk,
    prompt: str,
    seed: int,
    images: int | None = None,
    overrides: Overrides | None = None,
) -> Timings:
    """Returns how long each stage of one request took. Raises RequestFailed."""
    asker = Asker("console", user="bench")
    wanted = Ask(asker, prompt, images=images, seed=seed, overrides=overrides or Overrides())
    request = await desk.submit(wanted)
    async for _ in desk.follow(request.id):
        pass
    made = await desk.answer(request.id)
    if made.phase is not Phase.RENDERED:
        raise RequestFailed(f"Request {request.id} failed: {made.failure}")
    return made.timings
