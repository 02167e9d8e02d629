"""What Slack refuses in a message, so that the loopback Slack refuses it too."""

from typing import Any

MOST_BLOCKS = 50
TYPES = {"header", "section", "context", "actions", "divider", "image", "input"}


def refuse_message(text: str, blocks: list[dict[str, Any]], *, most: int = MOST_BLOCKS) -> str:
    """Returns Slack's word for what is wrong; empty where nothing is."""
    if len(text) > 40_000:
        return "msg_too_long"
    if not text and not blocks:
        return "no_text"
    if len(blocks) > most:
        return "invalid_blocks"
    ids = [e.get("action_id") for block in blocks for e in block.get("elements", [])]
    named = [action_id for action_id in ids if action_id]
    if len(named) != len(set(named)):
        return "invalid_blocks"
    return "" if all(_is_right(block) for block in blocks) else "invalid_blocks"


def refuse_view(view: dict[str, Any]) -> str:
    """Returns Slack's word for what is wrong with a form or a Home; empty where nothing is."""
    titles = [view[name]["text"] for name in ("title", "submit", "close") if name in view]
    ids = [block.get("block_id") for block in view["blocks"] if block["type"] == "input"]
    wrong = (
        any(len(title) > 24 for title in titles)
        or len(view["blocks"]) > 100
        or len(ids) != len(set(ids))
        or len(view.get("private_metadata", "")) > 3000
        or (bool(ids) and "submit" not in view)
        or not all(map(_is_right, view["blocks"]))
    )
    return "invalid_arguments" if wrong else ""


def _is_right(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    if kind not in TYPES or len(block.get("block_id", "")) > 255:
        return False
    if kind == "header":
        return block["text"]["type"] == "plain_text" and _fits(block["text"], 150)
    if kind == "section":
        fields = block.get("fields", [])
        text = block.get("text")
        return (
            bool(text or fields)
            and (text is None or _fits(text, 3000))
            and len(fields) <= 10
            and all(_fits(field, 2000) for field in fields)
        )
    if kind == "context":
        return 1 <= len(block["elements"]) <= 10 and all(_fits(e, 3000) for e in block["elements"])
    if kind == "input":
        options = block["element"].get("options") or [{"text": block["label"]}]
        fit = all(
            _fits(option["text"], 2000 if "value" not in option else 75) for option in options
        )
        return _fits(block["label"], 2000) and 1 <= len(options) <= 100 and fit
    if kind == "actions":
        return 1 <= len(block["elements"]) <= 25 and all(map(_is_element, block["elements"]))
    return True


def _is_element(element: dict[str, Any]) -> bool:
    if element["type"] != "button":
        return bool(element.get("action_id"))
    return (
        _fits(element["text"], 75)
        and element["text"]["type"] == "plain_text"
        and 1 <= len(element["action_id"]) <= 255
        and len(element.get("value", "")) <= 2000
        and element.get("style", "primary") in ("primary", "danger")
    )


def _fits(text: dict[str, Any], most: int) -> bool:
    return text["type"] in ("plain_text", "mrkdwn") and 1 <= len(text["text"]) <= most
