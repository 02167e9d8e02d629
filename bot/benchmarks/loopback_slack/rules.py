"""What Slack refuses in a message, a form or a Home, so that the loopback Slack refuses it too.

The limits are those of Slack's reference of blocks, elements, composition objects and views.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from bot.lines import width

#: Characters of a message's text, and its blocks.
MOST_TEXT, MOST_BLOCKS = 40_000, 50
#: Characters of any text that has no limit of its own; none is empty.
MOST_ANY = 3000

_HINT = {"placeholder": 150}
_SELECT = {"options": 100, **_HINT}
_VIEW = {"title": 24, "submit": 24, "close": 24, "private_metadata": 3000, "blocks": 100}
#: By type, how long each text and each list may be; "NAME[]" is each entry of a list.
LIMITS: dict[str, dict[str, int]] = {
    "divider": {},
    "header": {"text": 150},
    "section": {"text": 3000, "fields": 10, "fields[]": 2000},
    "context": {"elements": 10},
    "actions": {"elements": 25},
    "input": {"label": 2000, "hint": 2000},
    "image": {"alt_text": 2000, "title": 2000, "image_url": 3000},
    "button": {"text": 75, "value": 2000, "url": 3000},
    "static_select": _SELECT,
    "multi_static_select": _SELECT,
    "conversations_select": _HINT,
    "multi_conversations_select": _HINT,
    "multi_users_select": _HINT,
    "checkboxes": {"options": 10},
    "number_input": _HINT,
    "plain_text_input": {"initial_value": 3000, **_HINT},
    # An option says no type; nothing else has a value beside a text.
    "option": {"text": 75, "value": 150, "description": 75},
    "modal": {"callback_id": 255, **_VIEW},
    "home": {"callback_id": 255, **_VIEW},
}
#: Of everything that has them.
IDS = {"block_id": 255, "action_id": 255}
#: Texts in which Slack takes no markup.
PLAIN = {"header": "text", "button": "text", "option": "text", "input": "label"}
TEXTS = {"plain_text", "mrkdwn"}


def refuse_message(text: str, blocks: list[dict[str, Any]]) -> str:
    """Returns Slack's word for what is wrong; empty where nothing is."""
    if len(text) > MOST_TEXT:
        return "msg_too_long"
    if not text and not blocks:
        return "no_text"
    return "invalid_blocks" if len(blocks) > MOST_BLOCKS or any(faults(blocks)) else ""


def refuse_view(view: dict[str, Any]) -> str:
    """Returns Slack's word for what is wrong with a form or a Home; empty where nothing is."""
    asks = any(block["type"] == "input" for block in view["blocks"])
    return "invalid_arguments" if (asks and "submit" not in view) or any(faults(view)) else ""


def faults(part: Any) -> Iterator[str]:
    """Yields a line for each rule that blocks or a view break."""
    yield from _repeated(part if isinstance(part, list) else part.get("blocks", []))
    yield from _faults(part)


def _repeated(blocks: list[dict[str, Any]]) -> Iterator[str]:
    """An id stands for one thing."""
    named = [block["block_id"] for block in blocks if "block_id" in block]
    within = [_actions_of(block) for block in blocks]
    for ids in (named, list(chain.from_iterable(within))):
        yield from (f"{one} stands twice" for one in set(ids) if ids.count(one) > 1)


def _actions_of(block: dict[str, Any]) -> list[str]:
    parts = [*block.get("elements", []), block.get("accessory", {}), block.get("element", {})]
    return [part["action_id"] for part in parts if "action_id" in part]


def _faults(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for inner in part:
            yield from _faults(inner)
    elif isinstance(part, dict):
        kind = _kind(part)
        if kind in TEXTS:
            yield from _beyond(kind, part["text"], MOST_ANY)
        else:
            yield from _own(kind, part)
            for name, inner in part.items():
                if name != "slack_file":
                    yield from _faults(inner)


def _kind(part: dict[str, Any]) -> str:
    return str(part.get("type") or ("option" if "value" in part else ""))


def _own(kind: str, part: dict[str, Any]) -> Iterator[str]:
    """The rules of a block, an element, an option or a view itself."""
    limits = LIMITS.get(kind, {})
    if kind and kind not in LIMITS:
        yield f"there is no {kind}"
    if kind == "section" and not ("text" in part or "fields" in part):
        yield "section: nothing in it"
    if part.get(PLAIN.get(kind, ""), {"type": "plain_text"})["type"] != "plain_text":
        yield f"{kind}: no markup is taken there"
    for name, most in (limits | IDS).items():
        listed = name.removesuffix("[]")
        values = part.get(listed, []) if name != listed else [part[name]] if name in part else []
        for value in values:
            yield from _beyond(f"{kind}.{name}", _measured(value), most)
    if kind == "plain_text_input" and "max_length" in part:
        yield from _too_long(part)


def _measured(value: Any) -> Any:
    """What is counted of a text object is its text."""
    return value["text"] if isinstance(value, dict) else value


def _beyond(name: str, value: str | list[Any], most: int) -> Iterator[str]:
    may_be_empty = name.rpartition(".")[2] in ("private_metadata", "initial_value", "blocks")
    size = width(value) if isinstance(value, str) else len(value)
    if size > most or (not size and not may_be_empty):
        yield f"{name}: {size} of at most {most}"


def _too_long(part: dict[str, Any]) -> Iterator[str]:
    most = part["max_length"]
    if not 1 <= most <= MOST_ANY:
        yield f"plain_text_input.max_length: {most} of at most {MOST_ANY}"
    if width(part.get("initial_value", "")) > most:
        yield f"plain_text_input.initial_value: longer than the {most} that it takes"
