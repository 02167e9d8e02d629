"""The forms in which admins edit an adapter's card: its words, and how it is used.

Two of them, since Discord's forms hold five fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bot.lines import cut
from bot.texts import Texts, said
from bot.weights import read_span, read_weight, write_span
from engine.errors import BadOption
from engine.values import Adapter

Part = Literal["words", "use"]
PARTS: tuple[Part, ...] = ("words", "use")
#: Characters of a text that is edited; Slack takes 3000, Discord 4000.
LONG, SHORT = 2000, 200


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    name: str
    label: str
    #: What stands in it when it is opened.
    value: str
    most: int = SHORT
    needed: bool = False

    @property
    def long(self) -> bool:
        """Whether it has several lines."""
        return self.most > SHORT


def fields_of(adapter: Adapter, part: Part, texts: Texts) -> list[Field]:
    """Returns the fields of a form, with what is known now."""
    if part == "use":
        return [
            Field("weight", texts.weight, f"{adapter.weight:g}", 8, needed=True),
            Field("range", texts.lora_range, write_span(adapter.weight_low, adapter.weight_high)),
            Field("rating", texts.lora_rating_field, said(adapter.rating, texts), 20, needed=True),
        ]
    return [
        Field("title", texts.lora_title, cut(adapter.title, SHORT), SHORT, needed=True),
        Field("description", texts.lora_description, cut(adapter.description, LONG), LONG),
        Field("triggers", texts.triggers, cut(", ".join(adapter.trigger_words), LONG), LONG),
        Field("tags", texts.tags, cut(", ".join(adapter.tags), LONG), LONG),
        Field("notes", texts.lora_notes, cut(adapter.notes, 1000), 1000),
    ]


def read_changes(
    adapter: Adapter, part: Part, written: Mapping[str, str], texts: Texts
) -> tuple[dict[str, Any], str | None]:
    """Returns the fields of the card that were changed, and the notes if they were.

    What stands as it stood is no change: an author's words stay the author's. Raises `BadOption`.
    """
    shown = {field.name: field.value for field in fields_of(adapter, part, texts)}
    fresh = {
        name: text.strip()
        for name, text in written.items()
        if name in shown and text.strip() != shown[name].strip()
    }
    notes = fresh.pop("notes", None)
    changes: dict[str, Any] = {}
    for name, text in fresh.items():
        changes |= _change(name, text, texts)
    return changes, notes


def _change(name: str, text: str, texts: Texts) -> dict[str, Any]:
    match name:
        case "weight":
            return {"weight": read_weight(text)}
        case "range":
            span = read_span(text)
            return {"weight_range": list(span) if span else None}
        case "rating":
            return {"nsfw": _is_unsafe(text, texts)}
        case "triggers":
            return {"trigger_words": _labels(text)}
        case "tags":
            return {"tags": _labels(text)}
    return {name: text}


def _is_unsafe(text: str, texts: Texts) -> bool:
    for rating in ("safe", "unsafe"):
        if text.casefold() in (rating, said(rating, texts).casefold()):
            return rating == "unsafe"
    raise BadOption(f"“{text[:20]}” is no rating; write safe or unsafe.")


def _labels(text: str) -> list[str]:
    return [label for one in text.replace("\n", ",").split(",") if (label := one.strip())]
