"""One batch from plans to images, each with its own adapters."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from engine.errors import BadLora, StylusError
from engine.rendering.adapters import Use, applied, check_weight, mask_of
from engine.rendering.checkpoint import Checkpoint
from engine.rendering.decode import decode_images
from engine.rendering.denoise import check_sampling, denoise
from engine.rendering.layers import layers_of
from engine.rendering.lora_cache import LoraCache
from engine.rendering.lora_file import Lora, read_lora
from engine.rendering.start import Start
from engine.values import ImagePlan, LoadedAdapter, PlannedAdapter, Sampling, SkippedAdapter

CACHE_BYTES = 2 * 2**30

#: An adapter's factors, or the sentence that says why it is skipped.
_Loaded = Lora | str


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """One image, with what was really loaded for it."""

    index: int
    seed: int
    image: Image.Image
    loaded: tuple[LoadedAdapter, ...]
    skipped: tuple[SkippedAdapter, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """The images in the order of the plans, and how long it took."""

    images: tuple[RenderedImage, ...]
    #: Seconds to fetch and parse adapters.
    load_seconds: float
    #: Seconds to encode, denoise and decode.
    render_seconds: float


class Renderer:
    """Renders on one checkpoint, one batch at a time: other threads wait."""

    def __init__(self, checkpoint: Checkpoint, cache_bytes: int = CACHE_BYTES) -> None:
        self._checkpoint = checkpoint
        self._layers = layers_of(checkpoint)
        self._cache = LoraCache(cache_bytes)
        # Adapters patch the model that all batches share.
        self._lock = threading.Lock()

    def examine(self, path: Path, title: str) -> tuple[str, str]:
        """Returns sha256 and base family of a LoRA file that fits. Raises `BadLora`."""
        return read_lora(path, self._layers, title).sha256, self._checkpoint.family

    def render(
        self,
        sampling: Sampling,
        plans: Sequence[ImagePlan],
        fetch: Callable[[PlannedAdapter], Path],
        on_step: Callable[[int, int], None],
        cancelled: Callable[[], bool],
        start: Start | None = None,
    ) -> Batch:
        """All images of the plans, in one batch, from one picture where there is a start.

        `fetch` gives an adapter's file or raises a StylusError; an adapter that cannot be
        loaded is skipped with the reason. `on_step` is told the steps done and all steps;
        `cancelled` is asked before each. Raises BadOption, RequestCancelled and RenderFailed.
        """
        check_sampling(self._checkpoint, sampling)
        with self._lock:
            return self._batch(sampling, plans, fetch, on_step, cancelled, start)

    def _batch(
        self,
        sampling: Sampling,
        plans: Sequence[ImagePlan],
        fetch: Callable[[PlannedAdapter], Path],
        on_step: Callable[[int, int], None],
        cancelled: Callable[[], bool],
        start: Start | None,
    ) -> Batch:
        adapters = {adapter.adapter_id: adapter for plan in plans for adapter in plan.adapters}
        begun = time.perf_counter()
        loras = {key: self._load(adapter, fetch) for key, adapter in adapters.items()}
        loaded = time.perf_counter()
        images = self._images(sampling, plans, loras, on_step, cancelled, start)
        finished = tuple(
            _rendered(plan, image, loras) for plan, image in zip(plans, images, strict=True)
        )
        return Batch(finished, loaded - begun, time.perf_counter() - loaded)

    def _images(
        self,
        sampling: Sampling,
        plans: Sequence[ImagePlan],
        loras: Mapping[str, _Loaded],
        on_step: Callable[[int, int], None],
        cancelled: Callable[[], bool],
        start: Start | None,
    ) -> list[Image.Image]:
        uses = [_uses(plan, loras) for plan in plans]
        # Images with the same adapters beside each other share what is computed for them.
        order = sorted(range(len(plans)), key=lambda index: mask_of(uses[index]))
        with torch.inference_mode():
            with applied(self._layers, [uses[index] for index in order]):
                own = [plans[index] for index in order]
                starts = [start] * len(own) if start else []
                latents = denoise(self._checkpoint, sampling, own, on_step, cancelled, starts)
            images = decode_images(self._checkpoint, latents)
            images = [start.finish(image) for image in images] if start else images
        return [image for _, image in sorted(zip(order, images, strict=True), key=_first)]

    def _load(self, adapter: PlannedAdapter, fetch: Callable[[PlannedAdapter], Path]) -> _Loaded:
        """The adapter's factors, or the sentence that says why there are none."""
        try:
            # Asked even for an adapter that is in memory: it may have been disabled since.
            file = fetch(adapter)
            kept = self._cache.get(adapter.sha256) if adapter.sha256 else None
            if kept is not None:
                return kept
            lora = read_lora(file, self._layers, adapter.title)
            _check_hash(lora, adapter)
        except StylusError as error:
            return str(error)
        self._cache.put(lora)
        return lora


def _first(pair: tuple[int, Image.Image]) -> int:
    return pair[0]


def _check_hash(lora: Lora, adapter: PlannedAdapter) -> None:
    if adapter.sha256 is not None and adapter.sha256 != lora.sha256:
        raise BadLora(
            f"The file of “{adapter.title}” is not the one that was catalogued (its sha256 is "
            f"{lora.sha256[:12]} and not {adapter.sha256[:12]}): add the adapter again."
        )


def _uses(plan: ImagePlan, loras: Mapping[str, _Loaded]) -> list[Use]:
    uses = []
    for adapter in plan.adapters:
        check_weight(adapter.weight, adapter.title)
        lora = loras[adapter.adapter_id]
        if isinstance(lora, Lora):
            uses.append(Use(lora, adapter.weight))
    return uses


def _rendered(plan: ImagePlan, image: Image.Image, loras: Mapping[str, _Loaded]) -> RenderedImage:
    loaded: list[LoadedAdapter] = []
    skipped: list[SkippedAdapter] = []
    for adapter in plan.adapters:
        lora = loras[adapter.adapter_id]
        if isinstance(lora, Lora):
            loaded.append(
                LoadedAdapter(adapter.adapter_id, lora.sha256, adapter.weight, len(lora.layers))
            )
        else:
            skipped.append(SkippedAdapter(adapter.adapter_id, adapter.title, lora))
    return RenderedImage(plan.index, plan.seed, image, tuple(loaded), tuple(skipped))
