"""The form of a workspace's settings."""

from typing import Any

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    ConversationFilter,
    ConversationMultiSelectElement,
    ConversationSelectElement,
    InputBlock,
    NumberInputElement,
    Option,
    PlainTextObject,
    StaticSelectElement,
    UserMultiSelectElement,
)
from slack_sdk.models.views import View

from bot.slack_frontend.escaping import plain
from bot.texts import Texts
from engine.values import Rules

RULES_FORM = "stylus_rules_form"
#: Images a day that may be set at most.
MOST_DAILY = 100_000
LABEL = 200
#: Entries of a select.
OPTIONS = 100


def rules_form(rules: Rules, checkpoints: list[str], channel: str, texts: Texts) -> View:
    """Returns the form with the rules as they are now."""
    only_channels = ConversationFilter(include=["public", "private"])
    names = {name: Option(value=name, text=plain(name, 75)) for name in checkpoints[:OPTIONS]}
    switches = {
        "mentions": Option(value="mentions", text=plain(texts.switch_mentions, 75)),
        "unsafe": Option(value="unsafe", text=plain(texts.switch_unsafe, 75)),
    }
    on = [option for name, option in switches.items() if getattr(rules, name)]
    blocks: list[Block] = [
        _input(
            "checkpoint",
            texts.set_checkpoint,
            StaticSelectElement(
                options=list(names.values()), initial_option=names.get(rules.checkpoint or "")
            ),
        ),
        _input("images", texts.set_images, _whole(1, 8, rules.images)),
        _input("daily", texts.set_daily_all, _whole(0, MOST_DAILY, rules.daily)),
        _input(
            "channels",
            texts.set_channels,
            ConversationMultiSelectElement(
                initial_conversations=list(rules.channels) or None, filter=only_channels
            ),
        ),
        _input(
            "gallery",
            texts.set_gallery,
            ConversationSelectElement(initial_conversation=rules.gallery, filter=only_channels),
        ),
        _input(
            "librarians",
            texts.set_librarians,
            UserMultiSelectElement(initial_users=list(rules.librarians) or None),
        ),
        _input(
            "switches",
            texts.switches,
            CheckboxesElement(options=list(switches.values()), initial_options=on or None),
        ),
    ]
    return View(
        type="modal",
        callback_id=RULES_FORM,
        private_metadata=channel,
        title=PlainTextObject(text="Stylus"),
        submit=PlainTextObject(text=texts.form_save),
        close=PlainTextObject(text=texts.form_close),
        blocks=blocks,
    )


def read_rules(values: dict[str, Any]) -> dict[str, Any]:
    """Returns the rules as they were chosen."""
    state = {name: block[name] for name, block in values.items()}
    checkpoint = state["checkpoint"].get("selected_option") or {}
    marked = {option["value"] for option in state["switches"].get("selected_options") or []}
    return {
        "checkpoint": checkpoint.get("value"),
        "images": _number(state["images"].get("value")),
        "daily": _number(state["daily"].get("value")),
        "channels": tuple(state["channels"].get("selected_conversations") or ()),
        "gallery": state["gallery"].get("selected_conversation"),
        "librarians": tuple(state["librarians"].get("selected_users") or ()),
        "mentions": "mentions" in marked,
        "unsafe": "unsafe" in marked,
    }


def _input(name: str, label: str, element: Any) -> InputBlock:
    element.action_id = name
    return InputBlock(block_id=name, label=plain(label, LABEL), element=element, optional=True)


def _whole(least: int, most: int, now: int | None) -> NumberInputElement:
    return NumberInputElement(
        is_decimal_allowed=False,
        min_value=str(least),
        max_value=str(most),
        initial_value=None if now is None else str(now),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text else None
