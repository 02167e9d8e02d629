"""The checkpoints of one device: loaded when first asked for, the ones used last kept."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from engine.checkpoints import CheckpointSource
from engine.errors import BadLora, StylusError
from engine.rendering.checkpoint import Checkpoint, device_of, load_checkpoint
from engine.rendering.job import Job, Outcome
from engine.rendering.lora_cache import LoraCache
from engine.rendering.memory import (
    DeviceLost,
    OutOfMemory,
    gpu_memory,
    gpu_name,
    mapped,
    release,
)
from engine.rendering.model_files import load_tiny_decoder
from engine.rendering.other_families import SequentialRenderer, is_other, open_other
from engine.rendering.preview import Previewer
from engine.rendering.recording import record_cuda
from engine.rendering.renderer import Renderer
from engine.values import Equipment, ImagePlan


@dataclass(frozen=True, slots=True)
class Limits:
    """What a device is used for: memory in bytes, and the most images in one batch."""

    adapters: int
    slots: int
    checkpoints: int
    images: int
    #: Whether a GPU's steps are recorded and played back.
    graphs: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded checkpoint with all that renders on it."""

    renderer: Renderer | SequentialRenderer
    #: None: this checkpoint has no previews.
    previewer: Previewer | None
    device: torch.device
    #: Memory that its weights take.
    bytes: int


class Pool:
    """Renders on any of the checkpoints, one batch at a time. The first of them is the default."""

    def __init__(
        self,
        sources: Sequence[CheckpointSource],
        limits: Limits,
        drafts: Mapping[str, Path] | None = None,
        decoders: Mapping[str, str] | None = None,
    ) -> None:
        """By the checkpoint's name: `drafts` are the files of the few-step adapters, `decoders`
        the places of tiny ones for previews."""
        self._sources = {source.name: source for source in sources}
        self._limits = limits
        self._drafts = drafts or {}
        self._decoders = decoders or {}
        #: Parsed adapters, for all checkpoints.
        self.cache = LoraCache(limits.adapters)
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def loaded(self) -> list[str]:
        """Names of the checkpoints in memory, the one used last at the end."""
        return list(self._models)

    @property
    def device(self) -> torch.device:
        """Where all of them are."""
        return device_of(next(iter(self._sources.values())).device)

    def equipment(self) -> Equipment:
        """What the device has, and what is in memory. Raises DeviceLost."""
        used, all_ = gpu_memory(self.device) or (0, 0)
        hashes = tuple(dict.fromkeys(sha256 for _, sha256 in self.cache.held()))
        return Equipment(gpu_name(self.device), used, all_, tuple(self.loaded), hashes)

    def model(self, name: str) -> Model:
        """The checkpoint, loaded now where it is not. Raises CheckpointUnavailable."""
        with self._lock:
            if name not in self._models:
                self._models[name] = self._load(self._sources[name])
            self._models.move_to_end(name)
            while len(self._models) > 1 and self._bytes() > self._limits.checkpoints:
                self._models.popitem(last=False)
                release()
            return self._models[name]

    def render(self, jobs: Sequence[Job]) -> list[Outcome]:
        """As `Renderer.render`; a checkpoint that cannot be loaded fails its own jobs only."""
        try:
            model = self.model(jobs[0].sampling.checkpoint)
        except DeviceLost:
            raise
        except StylusError as error:
            return [error] * len(jobs)
        return model.renderer.render(jobs)

    def recognise(
        self, job: Job, plan: ImagePlan, images: Sequence[Image.Image], prompts: Sequence[str]
    ) -> list[int] | None:
        """As `Renderer.recognise`; None where the checkpoint's family cannot tell."""
        renderer = self.model(job.sampling.checkpoint).renderer
        return renderer.recognise(job, plan, images, prompts)

    def warm(self, job: Job) -> None:
        """As `Renderer.warm`, where the job's checkpoint is in memory."""
        model = self._models.get(job.sampling.checkpoint)
        if model is not None:
            model.renderer.warm(job)

    def is_warm(self, job: Job) -> bool:
        """Whether the job's checkpoint and all of its adapters are in memory."""
        model = self._models.get(job.sampling.checkpoint)
        return model is not None and model.renderer.is_warm(job)

    def examine(self, path: Path, title: str) -> tuple[str, str]:
        """Sha256 and base family of a LoRA file that fits one of the checkpoints.

        Raises BadLora with what the default has against it.
        """
        refusals = []
        for name in self._sources:
            try:
                return self.model(name).renderer.examine(path, title)
            except BadLora as error:
                refusals.append(error)
        raise refusals[0]

    def _load(self, source: CheckpointSource) -> Model:
        try:
            with mapped():
                if is_other(source.source):
                    other = open_other(*source)
                    return Model(other, None, other.device, other.bytes)
                checkpoint = load_checkpoint(*source)
                previewer = self._previewer(checkpoint)
        except OutOfMemory as error:
            release(error)
            if not self._spare(0):
                raise OutOfMemory(
                    f"There is too little memory for the checkpoint “{source.name}”: "
                    "choose another one."
                ) from error
            return self._load(source)
        limits = self._limits
        renderer = Renderer(
            checkpoint,
            self.cache,
            limits.slots,
            limits.images,
            draft=self._drafts.get(source.name),
            spare=lambda: self._spare(1),
            record=record_cuda if limits.graphs and checkpoint.device.type == "cuda" else None,
        )
        return Model(renderer, previewer, checkpoint.device, checkpoint.bytes)

    def _previewer(self, checkpoint: Checkpoint) -> Previewer:
        place = self._decoders.get(checkpoint.name)
        if not place:
            return Previewer(checkpoint)
        return Previewer(checkpoint, load_tiny_decoder(checkpoint.name, place, checkpoint.dtype))

    def _spare(self, kept: int) -> bool:
        """Lets go of all but so many checkpoints used last; whether there were others."""
        with self._lock:
            others = list(self._models)[: len(self._models) - kept]
            for name in others:
                del self._models[name]
        release()
        return bool(others)

    def _bytes(self) -> int:
        return sum(model.bytes for model in self._models.values())
