"""The form of tasks: ideas, adapters, pins and weights of an answer, to be rendered again."""

import json
from collections.abc import Collection
from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.models.blocks import (
    Block,
    ContextBlock,
    InputBlock,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    StaticMultiSelectElement,
)
from slack_sdk.models.views import View

from bot.actions import Click
from bot.choices import (
    Choices,
    adapters_of,
    as_composed,
    to_overrides,
    weight_of,
    with_adapters,
    with_ideas,
    with_pins,
    with_weight,
)
from bot.lines import cut
from bot.slack_frontend.escaping import plain
from bot.slack_frontend.opening import Entry, Opener
from bot.slack_frontend.people import Place
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.web import Web, ask
from bot.texts import Texts, said
from engine.desk import Desk
from engine.errors import BadOption, UnknownRequest
from engine.values import Composition, Overrides, Request

TASKS_FORM = "stylus_tasks_form"
#: Characters of an option and of a label.
OPTION, LABEL = 75, 200


class Tasks:
    """Opens the form and renders again what was chosen in it."""

    def __init__(self, desk: Desk, web: Web, opener: Opener, telling: Telling) -> None:
        self._desk = desk
        self._web = web
        self._opener = opener
        self._telling = telling

    async def open(self, place: Place, click: Click) -> None:
        """Shows the form. Raises `StylusError`."""
        texts = await self._telling.texts(place)
        composition = (await self._desk.show(click.request_id, place.asker)).composition
        if composition is None or not composition.picks:
            await self._telling.say(place, texts.nothing_to_choose)
            return
        origin = [click.request_id, place.asker.channel, place.thread]
        view = tasks_form(composition, json.dumps(origin), texts)
        await ask(self._web.client.views_open(trigger_id=place.trigger, view=view.to_dict()))

    async def submitted(
        self, place: Place, request_id: str, values: dict[str, Any], ack: AsyncAck
    ) -> None:
        """Makes a request of what was chosen; what is no weight is said at its field.

        Raises `UnknownRequest`.
        """
        texts = await self._telling.texts(place)
        composition = (await self._desk.show(request_id, place.asker)).composition
        if composition is None:  # a form of ours is made of one
            raise UnknownRequest(texts.gone)
        try:
            choices = read_choices(composition, values)
        except _BadField as error:
            await ack(response_action="errors", errors={error.block: said(str(error), texts)})
            return
        change = to_overrides(composition, choices)
        await self._opener.open(place, partial(self._submit, request_id, change), ack)

    async def _submit(self, request_id: str, change: Overrides, entry: Entry) -> Request:
        return await self._desk.revise(request_id, change, entry.asker, entry.origin, entry.home)


class _BadField(BadOption):
    """What was written into one field is no weight."""

    def __init__(self, block: str, sentence: str) -> None:
        super().__init__(sentence)
        self.block = block


def tasks_form(composition: Composition, origin: str, texts: Texts) -> View:
    """Returns the form with everything as it was composed."""
    ideas = {
        n: task.keyword for n, task in enumerate(composition.tasks) if adapters_of(composition, n)
    }
    adapters = {n: pick.title for n, pick in enumerate(composition.picks)}
    blocks: list[Block] = [
        ContextBlock(elements=[plain(texts.tasks_help, 300)]),
        _select("ideas", texts.ideas_on, ideas, ideas),
        _select("adapters", texts.adapters_on, adapters, adapters),
        _select("pins", texts.pinned, adapters, ()),
        *(_weight(n, pick.title, weight_of(pick)) for n, pick in enumerate(composition.picks)),
    ]
    return View(
        type="modal",
        callback_id=TASKS_FORM,
        private_metadata=origin,
        title=PlainTextObject(text=cut(texts.tasks, 24)),
        submit=PlainTextObject(text=cut(texts.render_again, 24)),
        close=PlainTextObject(text=texts.form_close),
        blocks=blocks,
    )


def _select(name: str, label: str, titles: dict[int, str], marked: Collection[int]) -> InputBlock:
    options = {n: Option(value=str(n), text=plain(title, OPTION)) for n, title in titles.items()}
    element = StaticMultiSelectElement(
        action_id=name,
        options=list(options.values()),
        initial_options=[options[n] for n in marked] or None,
    )
    return InputBlock(block_id=name, label=plain(label, LABEL), element=element, optional=True)


def _weight(number: int, title: str, weight: float) -> InputBlock:
    name = f"weight-{number}"
    element = PlainTextInputElement(action_id=name, initial_value=f"{weight:g}", max_length=8)
    return InputBlock(block_id=name, label=plain(title, LABEL), element=element, optional=True)


def read_choices(composition: Composition, values: dict[str, Any]) -> Choices:
    """Returns what was chosen; an idea that is off takes its adapters with it."""
    choices = with_adapters(as_composed(composition), _marked(values, "adapters"))
    ideas = _marked(values, "ideas")
    kept = frozenset(n for n in ideas if adapters_of(composition, n) & choices.on)
    choices = with_pins(with_ideas(composition, choices, kept), _marked(values, "pins"))
    for number, pick in enumerate(composition.picks):
        block = f"weight-{number}"
        text = values.get(block, {}).get(block, {}).get("value")
        if text and text != f"{weight_of(pick):g}":
            try:
                choices = with_weight(choices, number, text)
            except BadOption as error:
                raise _BadField(block, str(error)) from error
    return choices


def _marked(values: dict[str, Any], name: str) -> frozenset[int]:
    chosen = values.get(name, {}).get(name, {}).get("selected_options") or []
    return frozenset(int(option["value"]) for option in chosen)
