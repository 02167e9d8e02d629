"""`stylus bench renderer`: requests of many people at once against the same one at a time."""

import asyncio
from collections.abc import Callable
from time import perf_counter

from bot.benchmarks.path import PROMPTS
from bot.benchmarks.real_size import RealSize, installation
from bot.workforce import temporary_workers
from engine.desk import Desk, open_desk
from engine.errors import RequestFailed
from engine.operations.figures import Figure
from engine.settings import Settings
from engine.values import Ask, Asker, Phase

PEOPLE = 8
#: Images per second at once, against one request at a time.
GOAL = 1.4


async def measure(
    settings: Settings,
    model: RealSize | None,
    images: int,
    turns: int,
    tell: Callable[[str], None],
) -> list[Figure]:
    """Returns images per second both ways, over the whole path with processes running.

    By default with the installation that there is. Raises `Unavailable` and `RequestFailed`.
    """
    if model is None:
        async with open_desk(settings) as desk, temporary_workers(desk, tell):
            return await _measured(desk, images, turns, tell)
    async with model.settings(settings, tell) as random:
        return await measure_random(random, model, images, turns, tell)


async def measure_random(
    random: Settings, model: RealSize, images: int, turns: int, tell: Callable[[str], None]
) -> list[Figure]:
    """The same with settings that name the model, in an installation of its own."""
    async with installation(random, model.base, tell) as desk:
        return await _measured(desk, images, turns, tell)


async def _measured(
    desk: Desk, images: int, turns: int, tell: Callable[[str], None]
) -> list[Figure]:
    await _at_once(desk, images, 0)  # the first ones warm up
    one, many = 0.0, 0.0
    for turn in range(1, turns + 1):
        one += await _one_at_a_time(desk, images, turn)
        many += await _at_once(desk, images, turn)
        tell(f"{turn} of {turns}")
    count = PEOPLE * images * turns
    return [
        Figure(f"one request of {images} at a time", count / one, "images/s"),
        Figure(f"{PEOPLE} requests of {images} at once", count / many, "images/s"),
        Figure("at once against one at a time", one / many, "x", GOAL, higher_is_better=True),
    ]


async def _one_at_a_time(desk: Desk, images: int, turn: int) -> float:
    begun = perf_counter()
    for person in range(PEOPLE):
        await _answer(desk, person, images, turn)
    return perf_counter() - begun


async def _at_once(desk: Desk, images: int, turn: int) -> float:
    begun = perf_counter()
    await asyncio.gather(*(_answer(desk, person, images, turn) for person in range(PEOPLE)))
    return perf_counter() - begun


async def _answer(desk: Desk, person: int, images: int, turn: int) -> None:
    prompt = PROMPTS[person % len(PROMPTS)]
    asker = Asker("console", user=f"bench {person}")
    request = await desk.submit(Ask(asker, prompt, images=images, seed=turn))
    async for _ in desk.follow(request.id):
        pass
    answer = await desk.answer(request.id)
    if answer.phase is not Phase.RENDERED:
        raise RequestFailed(f"Request {request.id} failed: {answer.failure}")
