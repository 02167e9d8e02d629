"""The method, whole: from a request to the plans of its images.

    Request -> Candidates -> Composition -> Masks -> ImagePlans

What follows, rendering, happens in another process: see `engine/rendering`.
"""

from dataclasses import dataclass
from time import perf_counter

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from engine import catalogue, ledger
from engine.composer import choose_composer, compose, pin_adapters
from engine.embedder import MiniLM
from engine.masks import Draw, draw_masks
from engine.plan import plan_images
from engine.retriever import Retrieval, Selection, retrieve
from engine.settings import Settings
from engine.values import Answer, Candidate, Composition, ImagePlan, Mask, Request

ALL_USED = "All masks of this prompt have been used; they go round again with new seeds."
_NOTHING_RETRIEVED = Retrieval((), np.zeros((0, MiniLM.dimensions), np.float32), 0.0)


@dataclass(frozen=True, slots=True)
class Planned:
    """What the engine makes of a request."""

    composition: Composition
    candidates: tuple[Candidate, ...]
    plans: tuple[ImagePlan, ...]
    notes: tuple[str, ...]
    retrieve_seconds: float
    compose_seconds: float


async def plan_request(
    connection: AsyncConnection, request: Request, embedder: MiniLM, settings: Settings
) -> Planned:
    """Returns the plans of the request's images and how they came about."""
    began = perf_counter()
    parent = await _load_parent(connection, request)
    if parent:  # rerolls and variations keep their parent's tasks
        found = _NOTHING_RETRIEVED
        composition = parent.composition or _bare(request)
    else:
        found, composition = await _compose(connection, request, embedder, settings)
    draw = await _draw(connection, request, parent, composition, settings)
    plans = plan_images(request, composition, draw.masks, settings.weights)
    return Planned(
        composition=composition,
        candidates=found.candidates,
        plans=plans,
        notes=(ALL_USED,) if draw.exhausted else (),
        retrieve_seconds=found.seconds,
        compose_seconds=perf_counter() - began - found.seconds,
    )


async def _load_parent(connection: AsyncConnection, request: Request) -> Answer | None:
    return await ledger.load_answer(connection, request.parent_id) if request.parent_id else None


async def _compose(
    connection: AsyncConnection, request: Request, embedder: MiniLM, settings: Settings
) -> tuple[Retrieval, Composition]:
    wishes = request.overrides
    pinned = list((await catalogue.find_adapters(connection, wishes.pin)).values())
    if wishes.adapters == "none":
        return _NOTHING_RETRIEVED, pin_adapters(_bare(request), pinned)
    selection = Selection(
        base=settings.checkpoint.family, workspace=request.asker.workspace, drop=wishes.drop
    )
    found = await retrieve(
        connection, embedder, request.prompt, selection, settings.retriever.candidates
    )
    name = choose_composer(wishes.composer, settings)
    composition = await compose(request.prompt, found, embedder, name, settings)
    return found, pin_adapters(composition, pinned)


def _bare(request: Request) -> Composition:
    return Composition(request.prompt, (), composer="none")


async def _draw(
    connection: AsyncConnection,
    request: Request,
    parent: Answer | None,
    composition: Composition,
    settings: Settings,
) -> Draw:
    if request.kind == "vary" and parent:
        plan = parent.plans[request.parent_index or 0]
        mask = Mask(frozenset(a.adapter_id for a in plan.adapters))
        return Draw((mask,) * request.image_count, exhausted=False)
    return draw_masks(
        composition,
        request.image_count,
        request.seed,
        limit=settings.masks.limit,
        used=await ledger.used_masks(connection, request.root_id),
        pinned=frozenset(request.overrides.pin),
    )
