"""The answer: everything known of a request."""

from dataclasses import dataclass

from engine.values.asking import Request
from engine.values.composing import Composition
from engine.values.phase import Phase, Timings
from engine.values.rendering import ImagePlan, Rendering


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything known of a request; complete once its phase is final."""

    request: Request
    phase: Phase
    composition: Composition | None
    plans: tuple[ImagePlan, ...]
    renderings: tuple[Rendering, ...]
    timings: Timings
    #: Sentences worth telling, such as that all masks have been used.
    notes: tuple[str, ...]
    #: Why the request failed, in one sentence.
    failure: str | None
