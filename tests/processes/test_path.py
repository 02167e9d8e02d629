"""The whole path with real processes: a prompt becomes images with an honest breakdown."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.desk import Desk
from engine.library.catalogue import find_adapters, set_status
from engine.method import ALL_USED
from engine.png import read_recipe
from engine.storage.tables import adapters
from engine.values import Answer, Ask, Asker, Overrides, Phase, Request
from tests.processes.installation import PROMPT, Installation

SOMEBODY = Asker("console", user="somebody")


def ask(prompt: str = PROMPT, **options: object) -> Ask:
    """A small request."""
    return Ask(SOMEBODY, prompt, **{"steps": 3, "images": 2, "seed": 7, **options})  # type: ignore[arg-type]


async def finish(desk: Desk, request: Request) -> Answer:
    """Follows a request to its end."""
    phases = [progress.phase async for progress in desk.follow(request.id)]
    assert phases[-1].final
    return await desk.answer(request.id)


async def pixels(desk: Desk, answer: Answer) -> list[np.ndarray]:
    """The decoded images."""
    contents = [await desk.image(rendering) for rendering in answer.renderings]
    return [np.asarray(Image.open(io.BytesIO(content))).astype(int) for content in contents]


async def test_every_stage_leaves_its_result(running_desk: Desk) -> None:
    """Composition, plans and renderings agree, and what was loaded is what was planned."""
    answer = await finish(running_desk, await running_desk.submit(ask(images=4)))
    assert answer.phase is Phase.RENDERED
    assert answer.composition
    served = {task.keyword: {p.adapter_id for p in task.picks} for task in answer.composition.tasks}
    assert served["red star"] >= {"test:star"}
    assert served["neon glow"] == {"test:neon"}
    assert [plan.seed for plan in answer.plans] == [7, 8, 9, 10]
    assert len({frozenset(a.adapter_id for a in plan.adapters) for plan in answer.plans}) == 4
    for plan, rendering in zip(answer.plans, answer.renderings, strict=True):
        planned = [(a.adapter_id, a.sha256, a.weight) for a in plan.adapters]
        assert [(a.adapter_id, a.sha256, a.weight) for a in rendering.loaded] == planned
        assert all(a.layers == 12 for a in rendering.loaded)
        assert not rendering.skipped
    timings = answer.timings
    assert timings.total >= timings.render > 0
    assert timings.retrieve > 0


async def test_the_first_image_has_the_best_adapters_and_masks_are_seen(
    running_desk: Desk,
) -> None:
    answer = await finish(running_desk, await running_desk.submit(ask(images=4)))
    assert answer.composition
    best = {task.picks[0].adapter_id for task in answer.composition.tasks if task.picks}
    assert {a.adapter_id for a in answer.renderings[0].loaded} == best
    first, *others = await pixels(running_desk, answer)
    assert all(np.abs(first - other).max() > 10 for other in others)


async def test_the_same_seed_gives_the_same_pixels(running_desk: Desk) -> None:
    first = await finish(running_desk, await running_desk.submit(ask()))
    second = await finish(running_desk, await running_desk.submit(ask()))
    pairs = zip(await pixels(running_desk, first), await pixels(running_desk, second), strict=True)
    for one, other in pairs:
        assert np.array_equal(one, other)


async def test_a_picture_says_how_to_make_it_again(running_desk: Desk, tmp_path: Path) -> None:
    """Alone instead of in a batch, the same recipe gives the same picture."""
    answer = await finish(running_desk, await running_desk.submit(ask()))
    file = tmp_path / "image.png"
    file.write_bytes(await running_desk.image(answer.renderings[1]))
    recipe = read_recipe(file)
    assert recipe.request_id == answer.request.id
    assert recipe.seed == answer.renderings[1].seed
    assert recipe.prompt == answer.plans[1].prompt
    assert [(a.sha256, a.weight) for a in recipe.adapters] == [
        (a.sha256, a.weight) for a in answer.renderings[1].loaded
    ]
    again = await finish(running_desk, await running_desk.repeat(recipe, SOMEBODY))
    before = (await pixels(running_desk, answer))[1]
    after = (await pixels(running_desk, again))[0]
    assert np.abs(before - after).max() <= 2


async def test_rerolls_take_new_masks_until_all_are_used(running_desk: Desk) -> None:
    """The line's masks: red star has two adapters, neon glow one, so 4 x 2 = 8 masks."""
    first = await finish(running_desk, await running_desk.submit(ask(images=4)))
    second = await finish(running_desk, await running_desk.reroll(first.request.id, SOMEBODY))
    masks = [frozenset(a.adapter_id for a in p.adapters) for p in first.plans + second.plans]
    assert len(set(masks)) == 8
    assert second.request.seed != first.request.seed
    assert ALL_USED not in second.notes
    third = await finish(running_desk, await running_desk.reroll(second.request.id, SOMEBODY))
    assert ALL_USED in third.notes
    assert len(third.renderings) == 4


async def test_a_variation_keeps_the_mask(running_desk: Desk) -> None:
    first = await finish(running_desk, await running_desk.submit(ask()))
    varied = await finish(running_desk, await running_desk.vary(first.request.id, 1, SOMEBODY))
    kept = [a.adapter_id for a in first.plans[1].adapters]
    assert all([a.adapter_id for a in plan.adapters] == kept for plan in varied.plans)
    assert varied.plans[0].seed != first.plans[1].seed


async def test_disabling_reaches_a_request_that_waits(idle: Installation, idle_desk: Desk) -> None:
    """The composition still names the adapter; the breakdown says that it was skipped.

    The other one of its task has the whole weight then.
    """
    idle.start("engine")
    both = Overrides(pin=("test:star", "test:star2"))
    request = await idle_desk.submit(ask(overrides=both))
    async for progress in idle_desk.follow(request.id):
        if progress.phase is Phase.PLANNED:
            break
    async with idle_desk.database.transaction() as connection:
        await set_status(connection, "test:star", "disabled")
    idle.start("renderer")
    answer = await finish(idle_desk, request)
    assert "disabled" in answer.renderings[0].skipped[0].reason
    for plan, rendering in zip(answer.plans, answer.renderings, strict=True):
        planned = {a.adapter_id: a.weight for a in plan.adapters}
        assert planned["test:star"] == planned["test:star2"] == 0.4
        loaded = {a.adapter_id: a.weight for a in rendering.loaded}
        assert "test:star" not in loaded
        assert loaded["test:star2"] == 0.8


async def test_a_swapped_file_is_listed_as_skipped(running_desk: Desk) -> None:
    """Bytes that are not the catalogued ones are never used."""
    async with running_desk.database.transaction() as connection:
        pinned = (await find_adapters(connection, ["test:neon"]))["test:neon"].sha256
        await _pin_hash(connection, "0" * 64)
    try:
        answer = await finish(running_desk, await running_desk.submit(ask()))
    finally:
        async with running_desk.database.transaction() as connection:
            await _pin_hash(connection, pinned)
    skipped = [s for r in answer.renderings for s in r.skipped]
    assert {s.adapter_id for s in skipped} == {"test:neon"}
    assert "sha256" in skipped[0].reason


async def _pin_hash(connection: AsyncConnection, sha256: str | None) -> None:
    change = update(adapters).where(adapters.c.id == "test:neon").values(sha256=sha256)
    await connection.execute(change)


async def test_an_unknown_scheduler_ends_the_request_with_a_sentence(running_desk: Desk) -> None:
    answer = await finish(running_desk, await running_desk.submit(ask(scheduler="Nonsense")))
    assert answer.phase is Phase.FAILED
    assert answer.failure
    assert "Nonsense" in answer.failure


async def test_a_cancelled_request_stops_within_steps(running_desk: Desk) -> None:
    request = await running_desk.submit(ask(steps=150, images=4))
    async for progress in running_desk.follow(request.id):
        if progress.phase is Phase.RENDERING and progress.step:
            break
    assert await running_desk.cancel(request.id, SOMEBODY)
    answer = await running_desk.answer(request.id)
    assert answer.phase is Phase.CANCELLED
    assert not answer.renderings
    # The renderer is free for the next one long before 150 steps are over.
    assert (await finish(running_desk, await running_desk.submit(ask()))).phase is Phase.RENDERED


async def test_a_request_under_way_shows_what_it_looks_like_and_then_stops(
    idle: Installation, idle_desk: Desk
) -> None:
    idle.start("engine")
    process = idle.spawn("renderer", STYLUS_RENDERER__PREVIEW="0.05")
    process.until(" ready ")
    request = await idle_desk.submit(ask(steps=150, images=2))
    shown = None
    async for progress in idle_desk.follow(request.id):
        shown = shown or await idle_desk.preview(request.id)
        if shown and progress.phase is Phase.RENDERING:
            await idle_desk.cancel(request.id, SOMEBODY)
    assert shown
    assert Image.open(io.BytesIO(shown)).size == (320, 160)
    assert progress.phase is Phase.CANCELLED
    # The renderer is free again and nothing is left of the preview.
    answer = await finish(idle_desk, await idle_desk.submit(ask(steps=2, images=1)))
    assert answer.phase is Phase.RENDERED
    assert await idle_desk.preview(request.id) is None
