"""Samples: what an adapter is shown and judged by before anybody approves it."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from engine.community.wording import is_for_adults
from engine.library.cards import Card
from engine.library.controls import Control

#: Images with the adapter, and as many without it.
COUNT = 4
PROMPT_CHARACTERS = 300

_LORA_TAG = re.compile(r"<[^<>]{0,200}>")


@dataclass(frozen=True, slots=True)
class Measured:
    """What the adapter does to images, by our own renders with and without it."""

    #: How far images move: mean difference of a pixel, 0 to 1.
    strength: float
    #: How alike it acts on all of them: 1 where every image moves as far as the others.
    evenness: float
    #: How much more colourful images become, -1 to 1.
    saturation: float
    #: Images with the adapter, and how many of them are black, flat, burnt or missing.
    images: int
    broken: int

    @property
    def breaks_images(self) -> bool:
        """Whether it is of no use at its recommended weight."""
        return 2 * self.broken >= self.images

    @property
    def document(self) -> dict[str, Any]:
        """It as the catalogue keeps it."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Shown:
    """Sample images in one PNG, above without and below with the adapter."""

    sheet: bytes
    measured: Measured
    control: Control
    #: Whether the check on images found any with the adapter that must not be shown.
    unsafe: bool

    @property
    def breaks_images(self) -> bool:
        """Whether nobody should get it unasked: its own images break, or everybody else's do."""
        return self.measured.breaks_images or not self.control.harmless

    @property
    def document(self) -> dict[str, Any]:
        """What was measured, as the catalogue keeps it."""
        return {**self.measured.document, **self.control.document}


def sample_prompts(card: Card) -> list[str]:
    """Returns what samples show: the card's own examples, else its trigger words and title."""
    examples = [" ".join(_LORA_TAG.sub(" ", text).split()) for text in card.example_prompts]
    fit = [text[:PROMPT_CHARACTERS] for text in examples if text and not is_for_adults(text)]
    words = ", ".join([*card.trigger_words[:1], card.title])
    prompts = fit[:COUNT] or [words]
    return [prompts[n % len(prompts)] for n in range(COUNT)]
