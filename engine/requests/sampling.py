"""How an ask's images are made: what the asker says, then the checkpoint, then the settings."""

from dataclasses import dataclass
from typing import TypeVar

from engine.checkpoints import find
from engine.errors import BadOption
from engine.settings import Settings
from engine.settings_rendering import Draft
from engine.values import Ask, Sampling

#: Widths and heights are multiples of this: latents are an eighth of it, halved three times.
SIZE_STEP = 64


@dataclass(frozen=True, slots=True)
class Range:
    """What images are made with, and the least and most that may be asked for."""

    scheduler: str
    steps: int
    guidance: float
    step_range: tuple[int, int] = (1, 150)
    most_guidance: float = 30.0


def sampling_of(ask: Ask, settings: Settings) -> Sampling:
    """Returns the sampling. Raises `BadInput` naming the option and what it may be."""
    chosen = find(settings, ask.checkpoint)
    usual, side = chosen.sampling, settings.limits.side
    if ask.draft and not chosen.draft:
        raise BadOption(
            f"Checkpoint “{chosen.name}” has no adapter for drafts; ask without a draft, or have "
            "the operator set one."
        )
    made = Range(usual.scheduler, usual.steps, usual.guidance)
    if ask.draft:
        made = _draft(chosen.draft_steps, settings.draft)
        if ask.scheduler not in (None, made.scheduler):
            raise BadOption(f"A draft is made with the scheduler {made.scheduler}; leave it out.")
    return Sampling(
        checkpoint=chosen.name,
        width=_side("width", given(ask.width, usual.width), side),
        height=_side("height", given(ask.height, usual.height), side),
        scheduler=ask.scheduler or made.scheduler,
        steps=within("steps", given(ask.steps, made.steps), *made.step_range),
        guidance=_guidance(given(ask.guidance, made.guidance), made.most_guidance),
        draft=ask.draft,
    )


def _draft(steps: int, quick: Draft) -> Range:
    """What few-step adapters are made for, and what they stand: more burns the image.

    Those of the Lightning kind (`steps`) were taught for exactly so many, with guidance in them.
    """
    if steps:
        return Range("EulerTrailing", steps, 1.0, (steps, steps), 1.0)
    return Range("LCM", quick.steps, quick.guidance, (1, 8), 2.0)


_T = TypeVar("_T")


def given(value: _T | None, default: _T) -> _T:
    """Returns the value, or the default where there is none."""
    return default if value is None else value


def within(name: str, value: int, least: int, most: int) -> int:
    """Returns the value. Raises `BadOption` where it is out of range."""
    if not least <= value <= most:
        if least == most:
            raise BadOption(f"{name} is {value}; it may be {most} only.")
        raise BadOption(f"{name} is {value}; it may be {least} to {most}.")
    return value


def _side(name: str, value: int, most: int) -> int:
    if value % SIZE_STEP or not SIZE_STEP <= value <= most:
        raise BadOption(f"{name} is {value}; it may be a multiple of {SIZE_STEP} up to {most}.")
    return value


def _guidance(value: float, most: float) -> float:
    if not 1 <= value <= most:  # also refuses what is no number
        if most == 1:
            raise BadOption(f"guidance is {value}; it may be 1 only.")
        raise BadOption(f"guidance is {value}; it may be 1 to {most:g}.")
    return value
