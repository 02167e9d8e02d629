"""How requests come in: everything that a frontend may ask for becomes a stored request.

Each way in stores the request and enqueues it in one transaction. `origin` is the platform's id
of the event that asked; an event that comes twice gives the request of its first coming.
"""

import asyncio
from dataclasses import dataclass, replace

from engine.checkpoints import find
from engine.community.duels import IMAGES
from engine.community.workspaces import load_rules
from engine.composer import choose_composer
from engine.library import catalogue
from engine.png import SOURCES, Recipe
from engine.processes.queue import COMPOSE_QUEUE, Queue
from engine.requests import answers, ledger
from engine.requests.access import refuse_outsider
from engine.requests.admission import (
    admit,
    check_strength,
    descend,
    enlarge,
    once_more,
    refuse_failed,
    rendering_of,
    revise,
)
from engine.requests.allowance import check_allowance, line_up
from engine.requests.gate import pass_gate
from engine.requests.homes import Homes, store_home
from engine.requests.line import place_of
from engine.requests.pictures import Canvas, inpainting_canvas, translation_canvas
from engine.requests.wishes import check_wishes
from engine.settings import Settings
from engine.storage.blobs import BlobStore
from engine.storage.database import Database
from engine.values import Answer, Ask, Asker, Home, Kind, Overrides, Rendering, Request, Source


@dataclass(frozen=True, slots=True)
class Intake:
    """The part of a desk that takes requests."""

    settings: Settings
    database: Database
    queue: Queue
    store: BlobStore
    homes: Homes

    async def submit(
        self, ask: Ask, origin: str | None = None, home: Home | None = None
    ) -> Request:
        """Stores a request and enqueues it in one transaction.

        `origin` is the platform's id of the event that asked; an event that comes twice
        gives the request of its first coming. `home` is where a chat shows it.
        Raises `BadInput`.
        """
        return await self._enqueue(await self._admit(ask, "prompt"), origin, home)

    async def duel(self, ask: Ask, origin: str | None = None, home: Home | None = None) -> Request:
        """Two images of the prompt and one seed, with the best adapters and with none.

        Raises `BadInput`.
        """
        request = await self._admit(replace(ask, images=IMAGES), "duel")
        return await self._enqueue(request, origin, home)

    async def _admit(self, ask: Ask, kind: Kind) -> Request:
        request = admit(ask, self.settings, kind)
        choose_composer(request.overrides.composer, self.settings)
        wishes = request.overrides
        if wishes.pin or wishes.drop or wishes.weights:
            async with self.database.transaction() as connection:
                await check_wishes(connection, request, self.settings)
        return request

    async def translate(
        self,
        image: bytes,
        ask: Ask,
        strength: float | None = None,
        origin: str | None = None,
        home: Home | None = None,
    ) -> Request:
        """Image to image: the picture as the prompt says, the more so the higher the strength.

        `image` is a PNG, JPEG or WebP file. Without a size in the ask, the picture's shape
        is kept. Raises `BadInput`, with a sentence also for what is no picture or too large.
        """
        canvas = await asyncio.to_thread(translation_canvas, image, ask, self.settings)
        return await self._begin("translate", canvas, ask, strength, origin, home)

    async def inpaint(
        self,
        image: bytes,
        mask: bytes | None,
        ask: Ask,
        strength: float | None = None,
        origin: str | None = None,
        home: Home | None = None,
    ) -> Request:
        """Paints anew what is white in the mask; all other pixels stay exactly as they are.

        The mask has the picture's size; without one, the picture's transparent part is painted.
        Raises `BadInput`.
        """
        canvas = await asyncio.to_thread(inpainting_canvas, image, mask, ask, self.settings)
        return await self._begin("inpaint", canvas, ask, strength, origin, home)

    async def _begin(
        self,
        kind: Kind,
        canvas: Canvas,
        ask: Ask,
        strength: float | None,
        origin: str | None,
        home: Home | None,
    ) -> Request:
        chosen = check_strength(kind, strength)
        sized = replace(ask, width=canvas.width, height=canvas.height)
        request = await self._admit(sized, kind)
        source = await asyncio.to_thread(self._keep, canvas.image, canvas.mask, chosen)
        return await self._enqueue(replace(request, source=source), origin, home)

    def _keep(self, image: bytes, mask: bytes | None, strength: float) -> Source:
        painted = None if mask is None else self.store.put(SOURCES, mask, ".png")
        return Source(self.store.put(SOURCES, image, ".png"), strength, painted)

    async def upscale(
        self,
        request_id: str,
        index: int,
        asker: Asker,
        factor: int = 2,
        strength: float | None = None,
        origin: str | None = None,
        home: Home | None = None,
    ) -> Request:
        """One image of a request, larger and with details of that size; same seed and adapters."""
        parent = await self.show(request_id, asker)
        request = enlarge(parent, asker, index, factor, self.settings)
        chosen = check_strength("upscale", strength)
        content = await self.image(rendering_of(parent, index))
        source = await asyncio.to_thread(self._keep, content, None, chosen)
        return await self._enqueue(replace(request, source=source), origin, home)

    async def repeat(self, recipe: Recipe, asker: Asker) -> Request:
        """Enqueues the image of a recipe once more. Raises `BadInput` for what is gone."""
        hashes = [adapter.sha256 for adapter in recipe.adapters]
        async with self.database.transaction() as connection:
            found = await catalogue.find_by_sha256(connection, hashes)
        weights = {found[a.sha256].id: a.weight for a in recipe.adapters}
        overrides = Overrides(adapters="none", pin=tuple(weights), weights=weights)
        sampling = recipe.sampling
        ask = Ask(
            asker=asker,
            prompt=recipe.prompt,
            negative=recipe.negative,
            images=1,
            seed=recipe.seed,
            width=sampling.width,
            height=sampling.height,
            checkpoint=sampling.checkpoint,
            scheduler=sampling.scheduler,
            steps=sampling.steps,
            guidance=sampling.guidance,
            draft=sampling.draft,
            overrides=overrides,
        )
        if recipe.source is None:
            return await self.submit(ask)
        for key in filter(None, (recipe.source.image, recipe.source.mask)):
            await asyncio.to_thread(self.store.read, key)  # refused now rather than later
        request = await self._admit(ask, "inpaint" if recipe.source.mask else "translate")
        return await self._enqueue(replace(request, source=recipe.source), None)

    async def reroll(
        self, request_id: str, asker: Asker, origin: str | None = None, home: Home | None = None
    ) -> Request:
        """The same tasks with masks that no request of its line has used, and new seeds."""
        parent = await self.show(request_id, asker)
        return await self._enqueue(descend(parent, "reroll", asker), origin, home)

    async def vary(
        self,
        request_id: str,
        index: int,
        asker: Asker,
        origin: str | None = None,
        home: Home | None = None,
    ) -> Request:
        """The mask of one image with new seeds."""
        parent = await self.show(request_id, asker)
        refuse_failed(parent)
        return await self._enqueue(descend(parent, "vary", asker, index), origin, home)

    async def revise(
        self,
        request_id: str,
        change: Overrides,
        asker: Asker,
        origin: str | None = None,
        home: Home | None = None,
    ) -> Request:
        """The same tasks and seeds with other adapters or weights; "none" compares with none."""
        request = revise(await self.show(request_id, asker), change, asker)
        async with self.database.transaction() as connection:
            await check_wishes(connection, request, self.settings)
        return await self._enqueue(request, origin, home)

    async def retry(
        self, request_id: str, asker: Asker, origin: str | None = None, home: Home | None = None
    ) -> Request:
        """The same request once more."""
        failed = (await self.show(request_id, asker)).request
        return await self._enqueue(once_more(failed, asker), origin, home)

    async def _enqueue(
        self, request: Request, origin: str | None, home: Home | None = None
    ) -> Request:
        find(self.settings, request.sampling.checkpoint)  # nobody renders one that is gone
        asker = request.asker
        async with self.database.transaction() as connection:
            await line_up(connection, asker)
            rules = await load_rules(connection, asker)
            request = pass_gate(request, rules, self.settings.moderation)
            lane = rules.lane(asker.roles)
            if not await ledger.store_request(connection, request, origin, lane):
                return await answers.load_by_origin(connection, asker.platform, origin)
            if home:
                await store_home(connection, request.id, home)
            quota = rules.quota(asker.roles)
            await check_allowance(connection, request, quota, self.settings.limits)
            place = await place_of(connection, request.id)
            await self.queue.defer(connection, "compose", COMPOSE_QUEUE, request.id, place.priority)
        return request

    async def answer(self, request_id: str) -> Answer:
        """Returns everything known of a request. Raises `UnknownRequest`."""
        async with self.database.transaction() as connection:
            return await answers.load_answer(connection, request_id)

    async def show(self, request_id: str, asker: Asker) -> Answer:
        """Returns what the asker may see of a request. Raises `UnknownRequest`."""
        answer = await self.answer(request_id)
        refuse_outsider(answer.request, await self.homes.of(request_id), asker)
        return answer

    async def image(self, rendering: Rendering) -> bytes:
        """Returns the PNG of a rendering. Raises `StorageUnavailable`."""
        return await asyncio.to_thread(self.store.read, rendering.blob)
