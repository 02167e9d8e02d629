"""How an ask's images are made: what the asker says, then the checkpoint, then the settings."""

from typing import TypeVar

from engine.checkpoints import find
from engine.errors import BadOption
from engine.settings import Settings
from engine.values import Ask, Sampling

#: Widths and heights are multiples of this: latents are an eighth of it, halved three times.
SIZE_STEP = 64
#: The scheduler that few-step adapters are made for, and what they stand: more burns the image.
DRAFT_SCHEDULER = "LCM"
DRAFT_STEPS = 8
DRAFT_GUIDANCE = 2.0


def sampling_of(ask: Ask, settings: Settings) -> Sampling:
    """Returns the sampling. Raises `BadInput` naming the option and what it may be."""
    chosen = find(settings, ask.checkpoint)
    usual, side = chosen.sampling, settings.limits.side
    if ask.draft and not chosen.draft:
        raise BadOption(
            f"Checkpoint “{chosen.name}” has no adapter for drafts; ask without a draft, or have "
            "the operator set one."
        )
    if ask.draft and ask.scheduler not in (None, DRAFT_SCHEDULER):
        raise BadOption(f"A draft is made with the scheduler {DRAFT_SCHEDULER}; leave it out.")
    quick = settings.draft
    steps, guidance = (quick.steps, quick.guidance) if ask.draft else (usual.steps, usual.guidance)
    return Sampling(
        checkpoint=chosen.name,
        width=_side("width", given(ask.width, usual.width), side),
        height=_side("height", given(ask.height, usual.height), side),
        scheduler=DRAFT_SCHEDULER if ask.draft else ask.scheduler or usual.scheduler,
        steps=within("steps", given(ask.steps, steps), 1, DRAFT_STEPS if ask.draft else 150),
        guidance=_guidance(given(ask.guidance, guidance), DRAFT_GUIDANCE if ask.draft else 30),
        draft=ask.draft,
    )


_T = TypeVar("_T")


def given(value: _T | None, default: _T) -> _T:
    """Returns the value, or the default where there is none."""
    return default if value is None else value


def within(name: str, value: int, least: int, most: int) -> int:
    """Returns the value. Raises `BadOption` where it is out of range."""
    if not least <= value <= most:
        raise BadOption(f"{name} is {value}; it may be {least} to {most}.")
    return value


def _side(name: str, value: int, most: int) -> int:
    if value % SIZE_STEP or not SIZE_STEP <= value <= most:
        raise BadOption(f"{name} is {value}; it may be a multiple of {SIZE_STEP} up to {most}.")
    return value


def _guidance(value: float, most: float) -> float:
    if not 1 <= value <= most:  # also refuses what is no number
        raise BadOption(f"guidance is {value}; it may be 1 to {most:g}.")
    return value
