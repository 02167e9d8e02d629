"""An adapter's card with its buttons: forms to edit it, and what else admins do with it."""

import json
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    InputBlock,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.actions import Click, read_click
from bot.adapter_actions import act, buttons_of
from bot.adapter_card import opinion_of, uses_of
from bot.adapter_form import PARTS, Field, fields_of, read_changes
from bot.breakdown import safe_link
from bot.lines import cut
from bot.slack_frontend.additions import Additions, fact_lines
from bot.slack_frontend.escaping import ours, plain
from bot.slack_frontend.librarians import keeps_library, refuse_readers
from bot.slack_frontend.people import Place
from bot.slack_frontend.screens import Screen, button, lines_screen
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.web import Web, ask
from bot.texts import Texts, said
from engine.desk import Desk
from engine.errors import BadOption
from engine.values import Adapter

EDIT_FORM = "stylus_edit_form"
LABEL = 200


class Upkeep:
    """Shows adapters of one workspace, and lets its admins look after them."""

    def __init__(self, desk: Desk, web: Web, additions: Additions, telling: Telling) -> None:
        self._desk = desk
        self._web = web
        self._additions = additions
        self._telling = telling

    async def info(self, place: Place, adapter_id: str) -> Screen:
        """Returns what is known of an adapter, with what the person may do with it."""
        return await self.card(place, await self._desk.lookup.find(adapter_id, place.asker))

    async def card(self, place: Place, adapter: Adapter) -> Screen:
        """The same for an adapter at hand."""
        asker, texts = place.asker, await self._telling.texts(place)
        told = [
            opinion_of(await self._desk.opinions.of(adapter.id, asker), texts),
            uses_of(await self._desk.lookup.uses(adapter.id, asker), texts),
        ]
        admin = await keeps_library(self._desk, self._web, asker)
        buttons = buttons_of(adapter, asker, texts, admin=admin)
        screen = info_screen(adapter, told, texts)
        rows = (ActionsBlock(elements=[button(one) for one in buttons]),) if buttons else ()
        return Screen((*screen.blocks, *rows), screen.text)

    async def act(self, place: Place, click: Click) -> None:
        """Switches on or off, removes, refines, or looks for a newer version."""
        admin = await keeps_library(self._desk, self._web, place.asker)
        texts = await self._telling.texts(place)
        await self._telling.say(
            place, await act(self._desk, click, place.asker, texts, admin=admin)
        )

    async def open(self, place: Place, click: Click) -> None:
        """Shows the form. Raises `StylusError`."""
        await refuse_readers(self._desk, self._web, place.asker)
        if (click.index or 0) >= len(PARTS):
            raise BadOption("That button is of an older version; ask for the adapter again.")
        adapter = await self._desk.lookup.find_by_handle(click.request_id, place.asker)
        texts = await self._telling.texts(place)
        fields = fields_of(adapter, PARTS[click.index or 0], texts)
        origin = json.dumps([click.custom_id, place.asker.channel, place.thread])
        view = edit_form(adapter.title, fields, origin, texts)
        await ask(self._web.client.views_open(trigger_id=place.trigger, view=view.to_dict()))

    async def save(
        self, place: Place, custom_id: str, values: dict[str, Any], ack: AsyncAck
    ) -> None:
        """Saves what was written; what cannot be is said in the form. Raises `StylusError`."""
        click = read_click(custom_id)
        assert click  # a form of ours carries one
        texts = await self._telling.texts(place)
        adapter = await self._desk.lookup.find_by_handle(click.request_id, place.asker)
        written = {name: str(block[name].get("value") or "") for name, block in values.items()}
        try:
            changes, notes = read_changes(adapter, PARTS[click.index or 0], written, texts)
            admin = await keeps_library(self._desk, self._web, place.asker)
            saved = await self._desk.upkeep.edit(
                adapter.id, changes, notes, place.asker, allowed=admin
            )
        except BadOption as error:
            first = next(iter(values))
            await ack(response_action="errors", errors={first: said(str(error), texts)})
            return
        await ack()
        await self._additions.show_again(saved)
        await self._telling.say(place, texts.lora_saved.format(title=saved.title))


def info_screen(adapter: Adapter, told: list[str], texts: Texts) -> Screen:
    """Returns what is known and thought of an adapter."""
    facts = [
        adapter.description or texts.no_description,
        *fact_lines(adapter, texts),
        *told,
        said(adapter.status, texts),
        adapter.id,
    ]
    screen = lines_screen(adapter.title, [fact for fact in facts if fact])
    link = safe_link(adapter.link)
    linked = (SectionBlock(text=ours(f"<{link}>")),) if link else ()
    return Screen((*screen.blocks, *linked), screen.text)


def edit_form(title: str, fields: list[Field], origin: str, texts: Texts) -> View:
    """Returns a form with what is known."""
    blocks: list[Block] = [
        InputBlock(
            block_id=field.name,
            label=plain(field.label, LABEL),
            optional=not field.needed,
            element=PlainTextInputElement(
                action_id=field.name,
                initial_value=field.value or None,
                max_length=field.most,
                multiline=field.long,
            ),
        )
        for field in fields
    ]
    return View(
        type="modal",
        callback_id=EDIT_FORM,
        private_metadata=origin,
        title=PlainTextObject(text=cut(title, 24)),
        submit=PlainTextObject(text=texts.form_save),
        close=PlainTextObject(text=texts.form_close),
        blocks=blocks,
    )
