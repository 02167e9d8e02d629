"""Jobs become images, in as few batches as agree and fit, each image with its own adapters."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from engine.errors import BadOption, RenderFailed, RequestCancelled, StylusError
from engine.rendering.adapters import SLOT_BYTES, Use, applied, mask_of
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.decode import decode_image
from engine.rendering.denoise import check_sampling, denoise
from engine.rendering.job import Batch, Job, Outcome, RenderedImage
from engine.rendering.layers import layers_of
from engine.rendering.loading import Adapters, Loader
from engine.rendering.lora_cache import LoraCache
from engine.rendering.lora_file import Lora, examine_lora, read_lora
from engine.rendering.memory import DeviceLost, OutOfMemory, Room, mapped, release
from engine.rendering.recognition import recognise
from engine.rendering.recording import Record
from engine.values import ImagePlan

CACHE_BYTES = 2 * 2**30
#: Images that are rendered at once, where memory is not known to be smaller.
MOST_IMAGES = 16


@dataclass(frozen=True, slots=True)
class _Item:
    """One image to render."""

    job: Job
    #: The job's number among its company, and the plan's in the job.
    place: tuple[int, int]
    #: What was asked, and what is left of it without the adapters that cannot be loaded.
    asked: ImagePlan
    plan: ImagePlan
    uses: list[Use]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A job whose adapters are loaded."""

    job: Job
    adapters: Adapters
    items: list[_Item]


#: By the item's place.
_Images = dict[tuple[int, int], Image.Image | RenderFailed]


class Renderer:
    """Renders on one checkpoint, for one caller at a time: other threads wait."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        cache: LoraCache | None = None,
        slot_bytes: int = SLOT_BYTES,
        images: int = MOST_IMAGES,
        *,
        draft: Path | None = None,
        spare: Callable[[], bool] = bool,
        record: Record | None = None,
    ) -> None:
        """`draft` is the file of the few-step adapter that drafts are made with. `spare` is asked
        for memory before a batch is split, and says whether there was any. With `record` the steps
        of a batch are recorded and played back.
        """
        self._checkpoint = checkpoint
        self.layers = layers_of(checkpoint)
        self._loader = Loader(self.layers, LoraCache(CACHE_BYTES) if cache is None else cache)
        self._draft_file = draft
        self._draft_lora: Lora | None = None
        self._spare = spare
        self._record = record
        self._slot_bytes = slot_bytes
        self._room = Room(images)
        # Adapters patch the model that all batches share.
        self._lock = threading.Lock()

    def examine(self, path: Path, title: str) -> tuple[str, str]:
        """Returns sha256 and base family of a LoRA file that fits. Raises `BadLora`."""
        return examine_lora(path, self.layers, title), self._checkpoint.family

    def warm(self, job: Job) -> None:
        """Reads the job's adapters while others are rendered; see `Loader.warm`."""
        self._loader.warm(job)

    def is_warm(self, job: Job) -> bool:
        """See `Loader.is_warm`."""
        return self._loader.is_warm(job)

    def render(self, jobs: Sequence[Job]) -> list[Outcome]:
        """What becomes of each job; all have the same `company`.

        An adapter that cannot be loaded is skipped with the reason, an image that comes out
        broken fails alone, and a job that is cancelled or wrong in itself stops no other.
        Raises DeviceLost.
        """
        with self._lock, torch.inference_mode():
            prepared = [self._prepare(job, number) for number, job in enumerate(jobs)]
            fine = [one for one in prepared if isinstance(one, _Prepared)]
            begun = time.perf_counter()
            images: _Images | StylusError
            try:
                images = self._images([item for one in fine for item in one.items])
            except DeviceLost:
                raise
            except StylusError as error:
                images = error
            seconds = time.perf_counter() - begun
            return [_outcome(one, images, seconds) for one in prepared]

    def recognise(
        self, job: Job, plan: ImagePlan, images: Sequence[Image.Image], prompts: Sequence[str]
    ) -> list[int]:
        """Which of the prompts each image shows, by the checkpoint with the plan's adapters on.

        `job` says where they are. Raises a StylusError.
        """
        with self._lock, torch.inference_mode(), mapped():
            uses = self._loader.load(job).uses(plan)
            with applied(self.layers, [uses], self._slot_bytes):
                return recognise(self._checkpoint, images, prompts, job.sampling)

    def _prepare(self, job: Job, number: int) -> _Prepared | StylusError:
        if job.cancelled():
            return _cancelled()
        try:
            check_sampling(self._checkpoint, job.sampling)
            with mapped():
                draft = self._draft() if job.sampling.draft else []
            adapters = self._loader.load(job)
            plans = [_possible(job, plan, adapters) for plan in job.plans]
            items = [
                _Item(job, (number, index), asked, plan, [*adapters.uses(plan), *draft])
                for index, (asked, plan) in enumerate(zip(job.plans, plans, strict=True))
            ]
        except DeviceLost:
            raise
        except StylusError as error:
            return error
        return _Prepared(job, adapters, items)

    def _draft(self) -> list[Use]:
        name = self._checkpoint.name
        if self._draft_file is None:
            raise BadOption(f"Checkpoint “{name}” has no adapter for drafts; ask without a draft.")
        if self._draft_lora is None:
            title = f"the adapter for drafts of {name}"
            self._draft_lora = read_lora(self._draft_file, self.layers, title)
        return [Use(self._draft_lora, 1.0)]

    def _images(self, items: Sequence[_Item]) -> _Images:
        """Every item's image, in as many batches as memory asks for."""
        images: _Images = {}
        # Images with the same adapters beside each other share what is computed for them.
        waiting = sorted(items, key=lambda item: mask_of(item.uses))
        while waiting:
            count = self._room.images(waiting[0].job.sampling)
            before = len(images) // count
            progress = (before, before + math.ceil(len(waiting) / count))
            try:
                with mapped():
                    images.update(self._batch(waiting[:count], progress))
            except OutOfMemory as error:
                release(error)
                if not self._spare():
                    self._room.shrink(waiting[0].job.sampling, len(waiting[:count]))
            else:
                waiting = waiting[count:]
        return images

    def _batch(self, items: Sequence[_Item], progress: tuple[int, int]) -> _Images:
        """`progress`: how many batches are done, and how many there are in all."""
        jobs = list({item.place[0]: item.job for item in items}.values())
        before, all_ = progress
        placed = sorted(range(len(items)), key=lambda row: items[row].place)
        rows = [[row for row in placed if items[row].job is job] for job in jobs]
        # Taken to the device once: at every step it would have to wait for that.
        own = [torch.tensor(numbers, device=self.layers.device) for numbers in rows]

        def on_step(done: int, steps: int, latents: Tensor) -> None:
            for job, numbers in zip(jobs, own, strict=True):
                job.on_step(before * steps + done, all_ * steps)
                job.on_latents(latents.index_select(0, numbers))

        with applied(self.layers, [item.uses for item in items], self._slot_bytes):
            latents = denoise(
                self._checkpoint,
                items[0].job.sampling,
                [item.plan for item in items],
                on_step,
                lambda: all(job.cancelled() for job in jobs),
                [item.job.start for item in items if item.job.start],
                self._record,
            )
        return {
            item.place: self._decoded(item, latents[row : row + 1])
            for row, item in enumerate(items)
        }

    def _decoded(self, item: _Item, latents: Tensor) -> Image.Image | RenderFailed:
        try:
            image = decode_image(self._checkpoint, latents, item.plan.index)
        except RenderFailed as error:
            return error
        return item.job.start.finish(image) if item.job.start else image


def _outcome(
    one: _Prepared | StylusError, images: _Images | StylusError, seconds: float
) -> Outcome:
    if isinstance(one, StylusError):
        return one
    if one.job.cancelled():
        return _cancelled()
    if isinstance(images, StylusError):
        return images
    finished: list[RenderedImage] = []
    failures: list[RenderFailed] = []
    for item in one.items:
        image, plan = images[item.place], item.plan
        if isinstance(image, RenderFailed):
            failures.append(image)
            continue
        loaded, skipped = one.adapters.loaded(plan), one.adapters.skipped(item.asked)
        finished.append(RenderedImage(plan, image, loaded, skipped))
    if failures and not finished:
        return failures[0]
    return Batch(tuple(finished), tuple(map(str, failures)), one.adapters.seconds, seconds)


def _possible(job: Job, plan: ImagePlan, adapters: Adapters) -> ImagePlan:
    """The plan without what cannot be loaded."""
    lost = adapters.lost & {adapter.adapter_id for adapter in plan.adapters}
    return job.without(plan, lost) if lost else plan


def _cancelled() -> RequestCancelled:
    return RequestCancelled("The request was cancelled.")
