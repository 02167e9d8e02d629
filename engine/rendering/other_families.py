"""Checkpoints of other families (SD 3, Flux, ...): diffusers' own pipeline, image after image.

Our batch with an adapter set an image is built for UNets. What has another denoiser goes through
diffusers and PEFT as they are: exact, slower by an adapter switch an image, from words only, with
the family's own scheduler and without previews.
"""

import inspect
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from torch import nn

from engine.errors import BadLora, BadOption, RenderFailed, RequestCancelled, StylusError
from engine.rendering.adapters import check_weight
from engine.rendering.checkpoint import device_of, dtype_of
from engine.rendering.job import Batch, Job, Outcome, RenderedImage
from engine.rendering.memory import DeviceLost, mapped
from engine.rendering.model_files import unavailable
from engine.rendering.safetensors_header import header_of
from engine.values import ImagePlan, LoadedAdapter, PlannedAdapter, SkippedAdapter

#: Pipelines whose parts our own renderer takes; their index names a UNet.
_OURS = "unet"
#: How a file names the first factor of a layer.
_DOWNS = ("lora_A.weight", "lora_down.weight", "lora.down.weight")
#: A pixel of an image, from 0 to 1, that is brighter than anything a failed decoder gives.
_BLACK = 2 / 255


def is_other(source: str) -> bool:
    """Whether the diffusers folder or hub id has no UNet; False for what cannot be read."""
    if Path(source).expanduser().is_file():
        return False
    try:
        index = DiffusionPipeline.load_config(**_place(source))
    except (OSError, ValueError):
        return False  # whoever loads it says what is wrong
    return "_class_name" in index and _OURS not in index


def _place(source: str) -> dict[str, Any]:
    """Where diffusers finds it; a folder is read without any network."""
    folder = Path(source).expanduser()
    local = folder.is_dir()
    return {
        "pretrained_model_name_or_path": str(folder) if local else source,
        "local_files_only": local,
    }


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An adapter's file in the pipeline."""

    name: str
    sha256: str
    layers: int


class SequentialRenderer:
    """Renders jobs on one pipeline, for one caller at a time, as `Renderer` does."""

    def __init__(self, name: str, pipeline: Any, family: str, device: torch.device) -> None:
        self._name, self._pipeline, self._family, self.device = name, pipeline, family, device
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Memory that the pipeline's weights take."""
        models = [
            part for part in self._pipeline.components.values() if isinstance(part, nn.Module)
        ]
        return sum(weight.nbytes for model in models for weight in model.parameters())

    def warm(self, job: Job) -> None:
        """Nothing: adapters are read when their image's turn comes."""

    def is_warm(self, job: Job) -> bool:
        """Whether the job needs no adapter: none stays in memory."""
        return not any(plan.adapters for plan in job.plans)

    def examine(self, path: Path, title: str) -> tuple[str, str]:
        """Returns sha256 and base family of a LoRA file that fits. Raises `BadLora`."""
        with self._lock, self._nothing_left():
            return self._load(path, title, "examined").sha256, self._family

    def recognise(
        self, _job: Job, _plan: ImagePlan, _images: Sequence[Image.Image], _prompts: Sequence[str]
    ) -> list[int] | None:
        """None: how these pipelines ask their models differs from family to family."""
        return None

    def render(self, jobs: Sequence[Job]) -> list[Outcome]:
        """What becomes of each job; see `Renderer.render`. Raises DeviceLost."""
        with self._lock, torch.no_grad():
            return [self._rendered(job) for job in jobs]

    def _rendered(self, job: Job) -> Outcome:
        try:
            self._check(job)
            with mapped(), self._nothing_left():
                return self._batch(job)
        except DeviceLost:
            raise
        except StylusError as error:
            return error

    def _check(self, job: Job) -> None:
        own = type(self._pipeline.scheduler).__name__.removesuffix("Scheduler")
        if job.start is not None:
            raise BadOption(f"Checkpoint “{self._name}” starts from words only: leave the picture.")
        if job.sampling.draft:
            raise BadOption(f"Checkpoint “{self._name}” has no drafts; ask without a draft.")
        if job.sampling.scheduler != own:
            raise BadOption(
                f"Checkpoint “{self._name}” has a scheduler of its own, {own}, and cannot use "
                f"{job.sampling.scheduler}: set scheduler to {own} for it."
            )

    def _batch(self, job: Job) -> Outcome:
        begun = time.perf_counter()
        loaded = dict(self._adapters(job))
        loading = time.perf_counter() - begun
        images: list[RenderedImage] = []
        failures: list[RenderFailed] = []
        for number, asked in enumerate(job.plans):
            lost = {a.adapter_id for a in asked.adapters if isinstance(loaded[a.adapter_id], str)}
            plan = job.without(asked, lost) if lost else asked
            try:
                image = self._image(job, plan, loaded, number)
            except RenderFailed as error:
                failures.append(error)
            else:
                images.append(RenderedImage(plan, image, *_told(plan, asked, loaded)))
        if failures and not images:
            return failures[0]
        seconds = time.perf_counter() - begun - loading
        return Batch(tuple(images), tuple(map(str, failures)), loading, seconds)

    def _adapters(self, job: Job) -> Iterator[tuple[str, _Loaded | str]]:
        """Each adapter by its id: in the pipeline, or the sentence that says why not."""
        wanted = {one.adapter_id: one for plan in job.plans for one in plan.adapters}
        for number, (key, adapter) in enumerate(wanted.items()):
            try:
                yield key, self._checked(adapter, job.fetch(adapter), f"adapter{number}")
            except StylusError as error:
                yield key, str(error)

    def _checked(self, adapter: PlannedAdapter, file: Path, name: str) -> _Loaded:
        loaded = self._load(file, adapter.title, name)
        if adapter.sha256 not in (None, loaded.sha256):
            self._pipeline.delete_adapters(name)
            raise BadLora(
                f"The file of “{adapter.title}” is not the one that was catalogued: add the "
                "adapter again."
            )
        return loaded

    def _load(self, path: Path, title: str, name: str) -> _Loaded:
        """Raises BadLora for what does not fit whole: diffusers passes over unknown keys."""
        with path.open("rb") as file:
            header = header_of(file, path.stat().st_size, title)
            file.seek(0)
            sha256 = file_digest(file, "sha256").hexdigest()
        try:
            self._pipeline.load_lora_weights(
                str(path.parent), weight_name=path.name, adapter_name=name
            )
        except Exception as error:
            # diffusers and PEFT raise whatever a key leads them to; all of it means the same.
            raise self._unfit(title) from error
        layers = _layers(self._pipeline, name)
        # Where layers were joined in training, one of the file becomes several, never the reverse.
        if not layers or layers < sum(key.endswith(_DOWNS) for key in header.tensors):
            raise self._unfit(title)
        return _Loaded(name, sha256, layers)

    def _unfit(self, title: str) -> BadLora:
        return BadLora(
            f"“{title}” does not fit checkpoint “{self._name}” ({self._family}): choose a LoRA "
            "made for it."
        )

    def _image(
        self, job: Job, plan: ImagePlan, loaded: Mapping[str, _Loaded | str], number: int
    ) -> Image.Image:
        self._use(plan, loaded)
        sampling, count = job.sampling, len(job.plans)

        def on_step(_pipe: Any, step: int, _timestep: Any, tensors: dict[str, Any]) -> Any:
            job.on_step(number * sampling.steps + step + 1, count * sampling.steps)
            if job.cancelled():
                raise RequestCancelled("The request was cancelled.")
            return tensors

        if job.cancelled():
            raise RequestCancelled("The request was cancelled.")
        options = {
            "prompt": plan.prompt,
            "negative_prompt": plan.negative,
            "width": sampling.width,
            "height": sampling.height,
            "num_inference_steps": sampling.steps,
            "guidance_scale": sampling.guidance,
            "generator": torch.Generator(self.device).manual_seed(plan.seed),
            "output_type": "np",
            "callback_on_step_end": on_step,
        }
        taken = inspect.signature(self._pipeline.__call__).parameters
        try:
            made = self._pipeline(**{key: value for key, value in options.items() if key in taken})
        except ValueError as error:
            raise BadOption(f"Checkpoint “{self._name}” cannot render this: {error}.") from error
        return _picture(np.asarray(made.images[0]), plan.index)

    def _use(self, plan: ImagePlan, loaded: Mapping[str, _Loaded | str]) -> None:
        weights: dict[str, float] = {}
        for adapter in plan.adapters:
            check_weight(adapter.weight, adapter.title)
            one = loaded[adapter.adapter_id]
            if isinstance(one, _Loaded):
                weights[one.name] = adapter.weight
        if weights:
            self._pipeline.enable_lora()
            self._pipeline.set_adapters(list(weights), list(weights.values()))
        elif any(isinstance(one, _Loaded) for one in loaded.values()):
            self._pipeline.disable_lora()

    @contextmanager
    def _nothing_left(self) -> Iterator[None]:
        """The pipeline is without adapters once the context is left, in whatever way."""
        try:
            yield
        finally:
            if hasattr(self._pipeline, "unload_lora_weights"):  # some take no adapters
                self._pipeline.unload_lora_weights()


def open_other(name: str, source: str, device: str, dtype: str) -> SequentialRenderer:
    """The pipeline at `source`; the arguments are `load_checkpoint`'s. Raises
    CheckpointUnavailable and BadSettings."""
    place = device_of(device)
    kind: Any = DiffusionPipeline
    try:
        index = kind.load_config(**_place(source))
        # Parts that a folder leaves out on purpose, such as SD 3's largest text encoder.
        without = {part: None for part, told in index.items() if told == [None, None]}
        pipeline = kind.from_pretrained(
            **_place(source), **without, dtype=dtype_of(dtype, place), use_safetensors=True
        )
    except Exception as error:
        # Libraries, a hub client and anybody's files: whatever they raise means the same.
        raise unavailable(name, source, error) from error
    pipeline.to(place)  # what lacks here is memory, not a file
    pipeline.set_progress_bar_config(disable=True)
    family = type(pipeline).__name__.removesuffix("Pipeline").lower()
    return SequentialRenderer(name, pipeline, _FAMILIES.get(family, family), place)


#: What adapters of these pipelines are catalogued as; others go by the pipeline's name.
_FAMILIES = {"stablediffusion3": "sd3"}


def _told(
    plan: ImagePlan, asked: ImagePlan, loaded: Mapping[str, _Loaded | str]
) -> tuple[tuple[LoadedAdapter, ...], tuple[SkippedAdapter, ...]]:
    """What was loaded for an image, and what was not and why."""
    used, skipped = [], []
    for adapter in plan.adapters:
        one = loaded[adapter.adapter_id]
        if isinstance(one, _Loaded):
            used.append(
                LoadedAdapter(
                    adapter.adapter_id,
                    one.sha256,
                    adapter.weight,
                    one.layers,
                    adapter.reduced_from,
                )
            )
    for adapter in asked.adapters:
        one = loaded[adapter.adapter_id]
        if isinstance(one, str):
            skipped.append(SkippedAdapter(adapter.adapter_id, adapter.title, one))
    return tuple(used), tuple(skipped)


def _picture(pixels: np.ndarray, index: int) -> Image.Image:
    """`pixels` are (height, width, 3), from 0 to 1."""
    if not np.isfinite(pixels).all() or float(pixels.max()) < _BLACK:
        raise RenderFailed(f"Image {index + 1} came out black or broken: try another seed.")
    return Image.fromarray((pixels * 255).round().astype(np.uint8))


def _layers(pipeline: Any, name: str) -> int:
    """How many layers have the adapter."""
    models = [part for part in pipeline.components.values() if isinstance(part, nn.Module)]
    end = f"lora_A.{name}.weight"
    return sum(key.endswith(end) for model in models for key, _ in model.named_parameters())
