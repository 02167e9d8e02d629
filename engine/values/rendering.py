"""What is to be rendered, and what was."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedAdapter:
    """One adapter in one image."""

    adapter_id: str
    title: str
    sha256: str | None
    blob: str | None
    weight: float
    #: The weight before the total was capped; None where it was not reduced.
    reduced_from: float | None = None


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """Everything the renderer needs for one image, beside the request's sampling."""

    index: int
    seed: int
    #: The prompt with the trigger words of the adapters that are on.
    prompt: str
    negative: str
    adapters: tuple[PlannedAdapter, ...]


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """What the renderer really loaded."""

    adapter_id: str
    sha256: str
    weight: float
    #: Number of layers that were patched.
    layers: int
    #: The weight before the total was capped; None where it was not reduced.
    reduced_from: float | None = None


@dataclass(frozen=True, slots=True)
class SkippedAdapter:
    """An adapter that could not be loaded, and why, in one sentence."""

    adapter_id: str
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rendering:
    """One finished image."""

    index: int
    seed: int
    width: int
    height: int
    #: Where the PNG is kept in the blob store.
    blob: str
    #: Lower-case hexadecimal hash of the PNG.
    sha256: str
    loaded: tuple[LoadedAdapter, ...]
    skipped: tuple[SkippedAdapter, ...]
    #: Probability that it shows what must not be shown; None where nobody looked.
    unsafe: float | None = None
