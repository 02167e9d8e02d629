"""The form for a prompt: `/stylus` alone opens it, and so does the global shortcut."""

from dataclasses import replace
from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    ConversationSelectElement,
    InputBlock,
    NumberInputElement,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.sizes import read_size
from bot.slack_frontend.flags import to_ask, within
from bot.slack_frontend.opening import Entry, Opener, alone
from bot.slack_frontend.people import Place
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.web import Web, ask
from bot.texts import Texts
from engine.desk import Desk
from engine.errors import BadOption, StylusError
from engine.values import Ask, Asker, Request

PROMPT_FORM = "stylus_prompt_form"


class Forms:
    """Opens the form and takes what was written into it."""

    def __init__(self, desk: Desk, web: Web, opener: Opener, telling: Telling) -> None:
        self._desk = desk
        self._web = web
        self._opener = opener
        self._telling = telling

    async def open_prompt(self, place: Place) -> None:
        """Shows the form; Slack allows it for some seconds after a command or a click."""
        texts = await self._telling.texts(place)
        view = prompt_form(texts, self._desk.settings.limits.images)
        try:
            await ask(self._web.client.views_open(trigger_id=place.trigger, view=view.to_dict()))
        except StylusError as error:
            await self._telling.say(place, str(error))

    async def submitted(self, place: Place, values: dict[str, Any], ack: AsyncAck) -> None:
        """Makes a request of what was written."""
        await self._opener.open(place, partial(self._submit, values), ack)

    async def _submit(self, values: dict[str, Any], entry: Entry) -> Request:
        if values.get("private", {}).get("private", {}).get("selected_options"):
            entry = await alone(self._web, entry)
        written = read_form(values, entry.asker)
        return await self._desk.submit(within(written, entry.rules), entry.origin, entry.home)


def read_form(values: dict[str, Any], asker: Asker) -> Ask:
    """Returns what a person asks for. Raises `BadOption`."""
    flags = _text(values, "more") or ""
    more = to_ask(flags, asker)
    if more.prompt:
        raise BadOption(f"“{flags}” has words beside options; write them into the prompt.")
    width, height = read_size(_text(values, "size"))
    without = _chosen(values, "adapters") == "none"
    return replace(
        more,
        prompt=_text(values, "prompt") or "",
        negative=_text(values, "negative") or more.negative,
        images=_number(values, "images") or more.images,
        seed=more.seed if _number(values, "seed") is None else _number(values, "seed"),
        width=width or more.width,
        height=height or more.height,
        overrides=replace(more.overrides, adapters="none") if without else more.overrides,
    )


def prompt_form(texts: Texts, most_images: int) -> View:
    """Returns the form."""
    blocks: list[Block] = [
        _input("prompt", texts.form_prompt, PlainTextInputElement(multiline=True), needed=True),
        _input("images", texts.form_images, _whole(1, most_images)),
        _input("size", texts.form_size, PlainTextInputElement(max_length=20)),
        _input("seed", texts.form_seed, _whole(0, 2**32 - 1)),
        _input("negative", texts.form_negative, PlainTextInputElement()),
        _input("adapters", texts.form_adapters, _adapters(texts)),
        _input("more", texts.form_more, PlainTextInputElement(max_length=500)),
        _input("private", texts.form_private, _private(texts)),
        _input("channel", texts.form_channel, _channel(), needed=True),
    ]
    return View(
        type="modal",
        callback_id=PROMPT_FORM,
        title=PlainTextObject(text="Stylus"),
        submit=PlainTextObject(text=texts.form_submit),
        close=PlainTextObject(text=texts.form_close),
        blocks=blocks,
    )


def _input(name: str, label: str, element: Any, *, needed: bool = False) -> InputBlock:
    element.action_id = name
    return InputBlock(
        block_id=name, label=PlainTextObject(text=label), element=element, optional=not needed
    )


def _whole(least: int, most: int) -> NumberInputElement:
    return NumberInputElement(is_decimal_allowed=False, min_value=str(least), max_value=str(most))


def _adapters(texts: Texts) -> StaticSelectElement:
    options = [
        Option(value="auto", text=PlainTextObject(text=texts.form_adapters_auto)),
        Option(value="none", text=PlainTextObject(text=texts.form_adapters_none)),
    ]
    return StaticSelectElement(options=options, initial_option=options[0])


def _private(texts: Texts) -> CheckboxesElement:
    option = Option(value="private", text=PlainTextObject(text=texts.form_private_option))
    return CheckboxesElement(options=[option])


def _channel() -> ConversationSelectElement:
    # It also gives us the address at which the person can be told something.
    return ConversationSelectElement(
        default_to_current_conversation=True, response_url_enabled=True
    )


def _text(values: dict[str, Any], name: str) -> str | None:
    return values.get(name, {}).get(name, {}).get("value") or None


def _number(values: dict[str, Any], name: str) -> int | None:
    text = _text(values, name)
    return int(text) if text else None


def _chosen(values: dict[str, Any], name: str) -> str | None:
    option = values.get(name, {}).get(name, {}).get("selected_option") or {}
    return option.get("value")


def channel_of(values: dict[str, Any]) -> str:
    """Returns the channel that was chosen for the answer."""
    return str(values["channel"]["channel"].get("selected_conversation") or "")
