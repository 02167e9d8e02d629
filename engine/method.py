"""The method, whole: from a request to the plans of its images.

    Request -> Candidates -> Composition -> Masks -> ImagePlans

Where a reranker is configured, it puts the candidates into another order in between.

What follows, rendering, happens in another process: see `engine/rendering`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from sqlalchemy.ext.asyncio import AsyncConnection

from engine.checkpoints import find
from engine.community.opinions import load_disliked
from engine.composer import choose_composer, compose, pin_adapters
from engine.composing.llm_composer import Chosen
from engine.composing.local_model import load_model
from engine.library import catalogue
from engine.masks import Draw, draw_duel, draw_masks
from engine.plan import plan_images
from engine.requests import answers
from engine.requests.revision import revise_composition, revise_masks
from engine.reranker import rerank
from engine.retriever import Selection, retrieve
from engine.retrieving.asking import Asked, Asking
from engine.retrieving.embedder import MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.retrieving.shortlist import Shortlist
from engine.settings import Settings
from engine.storage.database import Database
from engine.values import Adapter, Answer, Candidate, Composition, ImagePlan, Mask, Request

ALL_USED = "All masks of this prompt have been used; they go round again with new seeds."
_NOTHING_RETRIEVED = Retrieval()


@dataclass(frozen=True, slots=True)
class Planned:
    """What the engine makes of a request."""

    composition: Composition
    candidates: tuple[Candidate, ...]
    plans: tuple[ImagePlan, ...]
    notes: tuple[str, ...]
    retrieve_seconds: float
    compose_seconds: float


#: Stores what was planned, in the transaction that read which masks are used.
Keep = Callable[[AsyncConnection, Planned], Awaitable[None]]


async def plan_request(
    database: Database,
    request: Request,
    embedder: MiniLM,
    settings: Settings,
    keep: Keep,
    shortlist: Shortlist | None = None,
    asking: Asking | None = None,
    chosen: Chosen = lambda _: None,
) -> Planned:
    """Plans the request's images, has that kept, and returns it with how it came about.

    No transaction is open while an embedding API, reranker or composer think: that may take long.
    Drawing masks and keeping them is one decision, so that two rerolls at once never draw the same.
    `chosen` hears of adapters while a language model still writes.
    """
    began = perf_counter()
    asked = await _ask(request, embedder, settings, asking or Asking(database, settings.embeddings))
    async with database.transaction() as connection:
        sources = await _gather(connection, request, embedder, settings, shortlist, asked)
    found = await rerank(request.prompt, sources.found, settings.reranker)
    sources = replace(sources, found=found)
    composition = await _compose(request, sources, settings, chosen)
    async with database.transaction() as connection:
        used = await answers.used_masks(connection, request.root_id)
        draw = _draw(request, sources.parent, composition, used, settings)
        planned = Planned(
            composition=composition,
            candidates=sources.found.without(request.overrides.drop).candidates,
            plans=plan_images(request, composition, draw.masks, settings.weights),
            notes=(ALL_USED,) if draw.exhausted else (),
            retrieve_seconds=sources.found.seconds,
            compose_seconds=perf_counter() - began - sources.found.seconds,
        )
        await keep(connection, planned)
    return planned


@dataclass(frozen=True, slots=True)
class _Sources:
    """What the database knows that a composition is made of."""

    parent: Answer | None
    pinned: tuple[Adapter, ...] = ()
    found: Retrieval = _NOTHING_RETRIEVED


async def _ask(
    request: Request, embedder: MiniLM, settings: Settings, asking: Asking
) -> Asked | None:
    """The prompt's vectors, where it is another embedder's turn."""
    if request.parent_id or request.overrides.adapters == "none":
        return None
    return await asking.ask(request.prompt, embedder, load_model(settings.composer.weights))


async def _gather(
    connection: AsyncConnection,
    request: Request,
    embedder: MiniLM,
    settings: Settings,
    shortlist: Shortlist | None,
    asked: Asked | None,
) -> _Sources:
    wishes = request.overrides
    pinned = tuple((await catalogue.find_adapters(connection, wishes.pin)).values())
    if request.parent_id:
        return _Sources(await answers.load_answer(connection, request.parent_id), pinned)
    if wishes.adapters == "none":
        return _Sources(None, pinned)
    disliked: tuple[str, ...] = ()
    if not settings.library.use_disliked:
        disliked = await load_disliked(connection, request.asker)
    selection = Selection(
        base=find(settings, request.sampling.checkpoint).family,
        workspace=request.asker.workspace,
        unsafe=wishes.unsafe,
        people=settings.library.real_people,
        remote=settings.library.remote_adapters != "never",
        drop=disliked,
    )
    k = settings.retriever.candidates
    model = load_model(settings.composer.weights)
    found = await retrieve(
        connection, embedder, request.prompt, selection, k, model, shortlist, asked=asked
    )
    return _Sources(None, pinned, found)


async def _compose(
    request: Request, sources: _Sources, settings: Settings, chosen: Chosen
) -> Composition:
    bare = Composition(request.prompt, (), composer="none")
    if sources.parent:  # rerolls and variations keep their parent's tasks
        kept = sources.parent.composition or bare
        revised = request.kind == "revise"
        return revise_composition(kept, request.overrides, sources.pinned) if revised else kept
    if request.overrides.adapters == "none":
        return pin_adapters(bare, sources.pinned)
    name = choose_composer(request.overrides.composer, settings)
    composition = await compose(
        request.prompt, sources.found, name, settings, chosen=chosen, drop=request.overrides.drop
    )
    return pin_adapters(composition, sources.pinned)


def _draw(
    request: Request,
    parent: Answer | None,
    composition: Composition,
    used: Sequence[Mask],
    settings: Settings,
) -> Draw:
    if request.kind == "revise" and parent:
        return Draw(revise_masks(parent.plans, composition, request.overrides), exhausted=False)
    if request.parent_index is not None and parent:
        plan = parent.plans[request.parent_index or 0]
        mask = Mask(frozenset(a.adapter_id for a in plan.adapters))
        return Draw((mask,) * request.image_count, exhausted=False)
    if request.kind == "duel":
        return draw_duel(
            composition, request.seed, request.overrides.against, frozenset(request.overrides.pin)
        )
    return draw_masks(
        composition,
        request.image_count,
        request.seed,
        limit=settings.masks.limit,
        used=used,
        pinned=frozenset(request.overrides.pin),
    )
