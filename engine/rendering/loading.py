"""The adapters of a job: fetched and parsed, or skipped with the reason."""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import BadLora, StylusError
from engine.rendering.adapters import Use, check_weight
from engine.rendering.job import Job
from engine.rendering.layers import Layers
from engine.rendering.lora_cache import LoraCache
from engine.rendering.lora_file import Lora, read_lora
from engine.rendering.memory import DeviceLost, mapped
from engine.values import ImagePlan, LoadedAdapter, PlannedAdapter, SkippedAdapter

#: An adapter's factors, or the sentence that says why it is skipped.
Loaded = Lora | str


@dataclass(frozen=True, slots=True)
class Adapters:
    """What became of a job's adapters, by id."""

    loras: Mapping[str, Loaded]
    seconds: float

    @property
    def lost(self) -> frozenset[str]:
        """Ids of what cannot be loaded."""
        return frozenset(key for key, lora in self.loras.items() if isinstance(lora, str))

    def uses(self, plan: ImagePlan) -> list[Use]:
        """What an image goes through. Raises BadOption for a weight that nobody means."""
        uses = []
        for adapter in plan.adapters:
            check_weight(adapter.weight, adapter.title)
            lora = self.loras[adapter.adapter_id]
            if isinstance(lora, Lora):
                uses.append(Use(lora, adapter.weight))
        return uses

    def loaded(self, plan: ImagePlan) -> tuple[LoadedAdapter, ...]:
        """What was really loaded for an image."""
        pairs = [(adapter, self.loras[adapter.adapter_id]) for adapter in plan.adapters]
        return tuple(
            LoadedAdapter(
                adapter.adapter_id,
                lora.sha256,
                adapter.weight,
                len(lora.layers),
                adapter.reduced_from,
            )
            for adapter, lora in pairs
            if isinstance(lora, Lora)
        )

    def skipped(self, plan: ImagePlan) -> tuple[SkippedAdapter, ...]:
        """What was not, and why."""
        pairs = [(adapter, self.loras[adapter.adapter_id]) for adapter in plan.adapters]
        return tuple(
            SkippedAdapter(adapter.adapter_id, adapter.title, reason)
            for adapter, reason in pairs
            if isinstance(reason, str)
        )


class Loader:
    """Loads adapters for one checkpoint, those used lately from memory. Any thread may ask."""

    def __init__(self, layers: Layers, cache: LoraCache) -> None:
        self._layers = layers
        self._cache = cache
        self._reading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def load(self, job: Job) -> Adapters:
        """All adapters of the job's plans. Never raises for a file; raises DeviceLost."""
        begun = time.perf_counter()
        loras = {key: self._load(adapter, job) for key, adapter in _wanted(job).items()}
        return Adapters(loras, time.perf_counter() - begun)

    def warm(self, job: Job) -> None:
        """Reads the job's adapters into memory, so that `load` finds them there.

        Stops early where the job is cancelled; what cannot be read is left for `load` to tell.
        """
        for adapter in _wanted(job).values():
            if job.cancelled():
                return
            if adapter.sha256:
                with contextlib.suppress(DeviceLost):
                    self._load(adapter, job)

    def is_warm(self, job: Job) -> bool:
        """Whether all adapters of the job's plans are in memory."""
        hashes = [adapter.sha256 for adapter in _wanted(job).values()]
        return all(sha and (self._layers.checkpoint, sha) in self._cache for sha in hashes)

    def _load(self, adapter: PlannedAdapter, job: Job) -> Loaded:
        try:
            # Asked even for an adapter that is in memory: it may have been disabled since.
            file = job.fetch(adapter)
            with mapped():  # memory is pinned by the GPU's driver, which may lack some, or be gone
                return self._read(adapter, file)
        except DeviceLost:
            raise
        except StylusError as error:
            return str(error)

    def _read(self, adapter: PlannedAdapter, file: Path) -> Lora:
        if adapter.sha256 is None:
            return read_lora(file, self._layers, adapter.title)
        with self._reading[adapter.sha256]:  # the second who wants it waits and finds it
            return self._kept(adapter, adapter.sha256, file)

    def _kept(self, adapter: PlannedAdapter, sha256: str, file: Path) -> Lora:
        key = (self._layers.checkpoint, sha256)
        kept = self._cache.get(key)
        if kept is None:
            kept = read_lora(file, self._layers, adapter.title)
            _check_hash(kept, adapter)
            self._cache.put(key, kept)
        return kept


def _wanted(job: Job) -> dict[str, PlannedAdapter]:
    return {adapter.adapter_id: adapter for plan in job.plans for adapter in plan.adapters}


def _check_hash(lora: Lora, adapter: PlannedAdapter) -> None:
    if adapter.sha256 is not None and adapter.sha256 != lora.sha256:
        raise BadLora(
            f"The file of “{adapter.title}” is not the one that was catalogued (its sha256 is "
            f"{lora.sha256[:12]} and not {adapter.sha256[:12]}): add the adapter again."
        )
