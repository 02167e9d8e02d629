"""The stages of a request as its rows see them, for tests that are about what comes after."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from engine.requests import ledger
from engine.requests.ledger import Claim
from engine.values import ImagePlan, Phase, Request
from tests.samples import (
    candidate,
    composition,
    loaded,
    plan,
    planned,
    rendering,
    request,
    skipped,
)

COMPOSING = (Phase.QUEUED, Phase.COMPOSING)
RENDERING = (Phase.PLANNED, Phase.RENDERING)
PLANS = (plan(0, planned("a"), planned("b", 0.5, 1.0)), plan(1))
IMAGES = (
    rendering(0, on=(loaded("a"),), off=(skipped("b", "its file is not here."),)),
    rendering(1),
)


async def stored(connection: AsyncConnection, made: Request | None = None) -> Request:
    made = made or request()
    assert await ledger.store_request(connection, made, None)
    return made


async def claim(
    connection: AsyncConnection, phases: tuple[Phase, Phase], request_id: str = "r1"
) -> Claim:
    claimed = await ledger.claim(connection, request_id, *phases)
    assert claimed
    return claimed


async def store_plan(
    connection: AsyncConnection, claimed: Claim, plans: Sequence[ImagePlan] = PLANS
) -> bool:
    return await ledger.store_plan(
        connection,
        claimed,
        composition(("a", "b")),
        [candidate("a"), candidate("b")],
        plans,
        notes=["A note."],
        retrieve_seconds=0.1,
        compose_seconds=0.2,
    )


async def store_renderings(connection: AsyncConnection, claimed: Claim) -> bool:
    return await ledger.store_renderings(
        connection, claimed, IMAGES, load_seconds=0.3, render_seconds=0.4
    )


async def render(connection: AsyncConnection, request_id: str = "r1") -> None:
    """Takes a stored request to its end."""
    assert await store_plan(connection, await claim(connection, COMPOSING, request_id))
    assert await store_renderings(connection, await claim(connection, RENDERING, request_id))
