"""The engine process: takes requests off the compose queue and leaves plans to render."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from engine.composing import llm_composer
from engine.errors import EmbedderUnavailable
from engine.library.addition_fetch import fetch_addition
from engine.library.on_demand import OnDemand
from engine.library.refining import Refining, refine_again
from engine.method import Planned, plan_request
from engine.operations.log import get_log
from engine.operations.metrics import count_stages, watch_cache
from engine.plan import PLANS
from engine.processes.duel_ending import keep_ending_duels
from engine.processes.expiry import keep_expiring
from engine.processes.jobs import run_stage
from engine.processes.process import Post, open_post, work
from engine.processes.queue import COMPOSE_QUEUE, LIBRARY_QUEUE, UNTIL_DONE, render_queue
from engine.processes.rescue import keep_rescuing
from engine.requests import ledger
from engine.requests.ledger import Claim
from engine.requests.line import place_of
from engine.requests.progress import publish
from engine.retrieving import search_index
from engine.retrieving.asking import Asking, configured_embedder
from engine.retrieving.embedder import load_embedder
from engine.retrieving.shortlist import Nearby
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.values import Adapter, Phase, Progress

#: Requests composed at once; the work is short and mostly waiting for Postgres or the LLM.
CONCURRENCY = 4
#: When the most downloaded adapters are fetched, where the settings want it.
PREFETCH = "*/10 * * * *"
#: When cards get the configured embedder's vectors, where those are missing.
EMBEDDING = "* * * * *"
#: Places beside those for one download, one card to be refined, and one embedding by each embedder.
LIBRARY_JOBS = 4

log = get_log("engine")


async def run_engine(settings: Settings, *, tied: bool = False) -> None:
    """Runs the engine until it is told to stop. Raises `Unavailable`."""
    load_embedder()
    watch_cache("language model", llm_composer.MEMORY)
    async with open_post(settings) as post:
        nearby = Nearby(post.database)
        nearby.look()
        asking = Asking(post.database, settings.embeddings)
        on_demand = OnDemand(post.database, BlobStore(settings), settings.library)

        @post.queue.app.task(name="compose", queue=COMPOSE_QUEUE)
        async def compose(request_id: str) -> None:
            plan = partial(compose_request, nearby, asking, on_demand)
            await run_stage(post, request_id, Phase.QUEUED, Phase.COMPOSING, plan)

        @post.queue.app.task(name="fetch", queue=LIBRARY_QUEUE)
        async def fetch(addition_id: str) -> None:
            await fetch_addition(post, BlobStore(settings), addition_id)

        @post.queue.app.task(name="refine", queue=LIBRARY_QUEUE)
        async def refine(adapter_id: str) -> None:
            refining = Refining(settings, post.database, BlobStore(settings))
            await refine_again(refining, adapter_id)
            async with post.database.transaction() as connection:
                await post.queue.defer_embedding(connection)

        register_embedding(post)
        if settings.embeddings.kind != "local":
            _register_embedding_anew(post)

        if settings.library.remote_adapters == "prefetch":

            @post.queue.app.periodic(cron=PREFETCH)
            @post.queue.app.task(name="prefetch", queue=LIBRARY_QUEUE, queueing_lock="prefetch")
            async def prefetch(timestamp: int) -> None:
                await on_demand.prefetch()

        await work(
            post,
            "engine",
            [COMPOSE_QUEUE, LIBRARY_QUEUE],
            device="cpu",
            concurrency=CONCURRENCY + LIBRARY_JOBS,
            tied=tied,
            beside=[keep_rescuing(post), keep_expiring(post), keep_ending_duels(post)],
        )


def register_embedding(post: Post) -> None:
    """Has new and changed cards embedded; what is broken off, by a stop too, goes on by itself."""

    @post.queue.app.task(name="embed", queue=LIBRARY_QUEUE, retry=UNTIL_DONE)
    async def embed() -> None:
        await search_index.embed_pending(post.database, load_embedder())


def _register_embedding_anew(post: Post) -> None:
    """Has the vectors of the configured embedder made in the background, until none is missing."""
    embedder = configured_embedder(post.settings.embeddings, patient=True)

    @post.queue.app.periodic(cron=EMBEDDING)
    @post.queue.app.task(
        name="embed_again", queue=LIBRARY_QUEUE, lock="embed_again", queueing_lock="embed_again"
    )
    async def embed_again(timestamp: int) -> None:
        def tell(left: int) -> None:
            if left:
                log.info("cards are embedded anew", embedder=embedder.name, left=left)

        try:
            done = await search_index.embed_pending(post.database, embedder, tell)
            if done:
                log.info("no card waits for its vectors", embedder=embedder.name, embedded=done)
        except EmbedderUnavailable as error:
            log.warning("cards wait for their vectors", reason=str(error))


async def compose_request(
    nearby: Nearby, asking: Asking, on_demand: OnDemand, post: Post, claimed: Claim
) -> None:
    """Makes the plans, stores them and enqueues their rendering in one transaction."""
    request = claimed.request

    async def keep(connection: AsyncConnection, planned: Planned) -> None:
        stored = await ledger.store_plan(
            connection,
            claimed,
            planned.composition,
            planned.candidates,
            planned.plans,
            notes=planned.notes,
            retrieve_seconds=planned.retrieve_seconds,
            compose_seconds=planned.compose_seconds,
        )
        if stored:
            queue = render_queue(request.sampling.checkpoint, PLANS)
            place = await place_of(connection, request.id)
            await post.queue.defer(connection, "render", queue, request.id, place.priority)
            await publish(connection, Progress(request.id, Phase.PLANNED))
            count_stages(retrieve=planned.retrieve_seconds, compose=planned.compose_seconds)

    def fetch_ahead(adapters: Sequence[Adapter]) -> None:
        on_demand.begin([one.id for one in adapters if one.blob is None])

    await plan_request(
        post.database,
        request,
        load_embedder(),
        post.settings,
        keep,
        nearby.look(),
        asking,
        fetch_ahead,
    )
