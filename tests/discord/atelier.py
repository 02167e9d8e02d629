"""Ends requests as engine and renderer would, for tests that are about what people then see."""

import io
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from engine.desk import Desk
from engine.masks import draw_duel
from engine.plan import plan_images
from engine.requests import ledger
from engine.requests.ending import announce_end
from engine.requests.ledger import Claim
from engine.values import (
    Composition,
    ImagePlan,
    LoadedAdapter,
    Phase,
    PlannedAdapter,
    Rendering,
    Request,
    SkippedAdapter,
    Task,
)
from tests.samples import SHA, loaded, pick, plan, planned
from tests.stages import COMPOSING, RENDERING, claim

TITLES = {"a": "Big star", "b": "Neon glow"}


def png(colour: str = "red", size: int = 32) -> bytes:
    """Returns a small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


def composed(prompt: str, titles: dict[str, str] | None = None) -> Composition:
    """Returns a composition with an adapter for each word of the prompt."""
    words = prompt.split()
    picks = [replace(pick(i), title=t) for i, t in (titles or TITLES).items()]
    tasks = [Task(words[n % len(words)], (one,)) for n, one in enumerate(picks)]
    return Composition(prompt, tuple(tasks), "local")


async def compose(desk: Desk, request: Request, titles: dict[str, str] | None = None) -> None:
    """Stores plans: the first adapter is on in all images, the others in every second one."""
    ids = list(titles or TITLES)
    plans: Sequence[ImagePlan] = [
        plan(n, *(planned(i) for i in ids[: 1 + n % 2 * len(ids)]))
        for n in range(request.image_count)
    ]
    if request.kind == "duel":
        made = composed(request.prompt, titles)
        masks = draw_duel(made, request.seed, request.overrides.against).masks
        plans = plan_images(request, made, masks, desk.settings.weights)
    async with desk.database.transaction() as connection:
        claimed = await claim(connection, COMPOSING, request.id)
        assert await ledger.store_plan(
            connection,
            claimed,
            composed(request.prompt, titles),
            [],
            plans,
            notes=[],
            retrieve_seconds=0.1,
            compose_seconds=0.2,
        )


async def begin(desk: Desk, request: Request) -> Claim:
    """Claims the rendering, as a renderer that begins with it."""
    async with desk.database.transaction() as connection:
        return await claim(connection, RENDERING, request.id)


async def render(
    desk: Desk,
    request: Request,
    skipped: Sequence[SkippedAdapter] = (),
    claimed: Claim | None = None,
) -> None:
    """Stores images for the plans and asks for the delivery."""
    claimed = claimed or await begin(desk, request)
    answer = await desk.answer(request.id)
    rendered = [
        Rendering(
            index=one.index,
            seed=one.seed,
            width=32,
            height=32,
            blob=desk.store.put("images", png(), ".png"),
            sha256=SHA,
            loaded=tuple(map(_load, one.adapters)),
            skipped=tuple(skipped),
        )
        for one in answer.plans
    ]
    async with desk.database.transaction() as connection:
        assert await ledger.store_renderings(
            connection, claimed, rendered, load_seconds=0.3, render_seconds=0.4
        )
        await announce_end(desk.queue, connection, request, Phase.RENDERED)


def _load(adapter: PlannedAdapter) -> LoadedAdapter:
    return loaded(adapter.adapter_id, adapter.weight)


async def finish(desk: Desk, request: Request, titles: dict[str, str] | None = None) -> None:
    """Takes a new request to its images and delivers what waits."""
    await compose(desk, request, titles)
    await render(desk, request)
    await desk.deliver_waiting(request.asker.platform)


async def fail(desk: Desk, request: Request, sentence: str) -> None:
    """Ends a request without images and delivers that."""
    async with desk.database.transaction() as connection:
        assert await ledger.fail(connection, request.id, sentence)
        await announce_end(desk.queue, connection, request, Phase.FAILED)
    await desk.deliver_waiting(request.asker.platform)
