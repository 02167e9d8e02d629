"""What the renderer is given, and what it gives back, for one request."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from torch import Tensor

from engine.errors import StylusError
from engine.rendering.start import Start
from engine.values import ImagePlan, LoadedAdapter, PlannedAdapter, Sampling, SkippedAdapter


def _untold(_done: int, _all: int) -> None:
    pass


def _unseen(_latents: Tensor) -> None:
    pass


def _only_without(plan: ImagePlan, lost: Collection[str]) -> ImagePlan:
    left = tuple(adapter for adapter in plan.adapters if adapter.adapter_id not in lost)
    return replace(plan, adapters=left)


@dataclass(frozen=True, slots=True)
class Job:
    """The images of one request. The callbacks are called from the thread that renders."""

    sampling: Sampling
    plans: Sequence[ImagePlan]
    #: An adapter's file; raises a StylusError where it cannot be used.
    fetch: Callable[[PlannedAdapter], Path]
    #: Told after every step: the steps done, and all steps.
    on_step: Callable[[int, int], None] = _untold
    #: Told after every step: the latents of the job's images so far, in the order of the plans.
    on_latents: Callable[[Tensor], None] = _unseen
    #: The plan of an image without the adapters of these ids, which are not to be had.
    without: Callable[[ImagePlan, Collection[str]], ImagePlan] = _only_without
    #: Asked before every step.
    cancelled: Callable[[], bool] = bool
    #: The picture that the images start from.
    start: Start | None = None
    #: Jobs share no batch where they have different words here.
    alone: str = ""

    @property
    def company(self) -> tuple[Sampling, float | None, str]:
        """Jobs that agree in this can go through the denoiser together."""
        return self.sampling, self.start.strength if self.start else None, self.alone


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """One image, with what was really loaded for it."""

    #: As it was rendered: without what was skipped.
    plan: ImagePlan
    image: Image.Image
    loaded: tuple[LoadedAdapter, ...]
    skipped: tuple[SkippedAdapter, ...]

    @property
    def index(self) -> int:
        """Which image of the request it is."""
        return self.plan.index


@dataclass(frozen=True, slots=True)
class Batch:
    """A job's images in the order of its plans, and how long they took."""

    images: tuple[RenderedImage, ...]
    #: A sentence for each image that came out broken.
    failures: tuple[str, ...]
    #: Seconds to fetch and parse adapters.
    load_seconds: float
    #: Seconds to encode, denoise and decode, with all that was rendered together.
    render_seconds: float


#: A job that failed gives its error; it hurts no other.
Outcome = Batch | StylusError
