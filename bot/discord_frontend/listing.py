"""A page of the library, with selects for filters and for one adapter, and buttons to turn it."""

from collections.abc import Sequence
from typing import Any, cast

import discord
from discord import ui

from bot.actions import Action, Click
from bot.discord_frontend.adapter_screen import info_of
from bot.discord_frontend.answers import show, texts_of
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.people import asker_of, keeps_library
from bot.discord_frontend.screens import WORKING, Screen, button_rows
from bot.lines import cut
from bot.listing import (
    Option,
    about,
    adapter_options,
    filter_options,
    title_of,
    turn,
    turning_buttons,
)
from bot.texts import Texts
from engine.desk import Desk, Listing, Page


async def first_page(desk: Desk, interaction: discord.Interaction, listing: Listing) -> Screen:
    """Returns where somebody begins to look through a listing."""
    asker = asker_of(interaction)
    admin = await keeps_library(desk, interaction)
    page = await desk.lookup.page(listing, 0, asker, admin=admin)
    return page_screen(page, texts_of(interaction))


class Turning:
    """Does what the parts of a page ask for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def turn(self, interaction: discord.Interaction, click: Click) -> None:
        """Shows another page, or other filters, in the same message."""
        chosen = _values(interaction)
        asker = asker_of(interaction)
        admin = await keeps_library(self._desk, interaction)
        page = await turn(self._desk, click, chosen, asker, admin=admin)
        screen = page_screen(page, texts_of(interaction))
        await interaction.response.edit_message(view=screen.view())

    async def show(self, interaction: discord.Interaction, click: Click) -> None:
        """Shows the adapter that was chosen."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        handle = (_values(interaction) or [""])[0]
        adapter = await self._desk.lookup.find_by_handle(handle, asker_of(interaction))
        await show(interaction, await info_of(self._desk, interaction, adapter), private=True)


def _values(interaction: discord.Interaction) -> list[str]:
    return list(cast(dict[str, Any], interaction.data).get("values", []))


def page_screen(page: Page, texts: Texts) -> Screen:
    """Returns how a page looks."""
    lines = [
        f"**{plain(one.title, 60)}** · {plain(about(one, texts), 80)} · `{one.id}`\n"
        f"-# {plain(one.description, 100) or texts.no_description}"
        for one in page.adapters
    ]
    body = "\n".join(lines) or texts.lora_none
    container = ui.Container[ui.LayoutView](
        ui.TextDisplay(f"### {plain(title_of(page, texts), 100)}\n{body}"),
        accent_colour=WORKING,
    )
    filters = filter_options(page, texts)
    container.add_item(_select(Action.FILTER, page, texts.lora_filters, filters, len(filters)))
    if page.adapters:
        shown = adapter_options(page)
        container.add_item(_select(Action.SHOW, page, texts.lora_show, shown, 1))
    buttons = turning_buttons(page, texts)
    return Screen((container, *button_rows([buttons] if buttons else [])))


def _select(
    action: Action, page: Page, hint: str, options: Sequence[Option], most: int
) -> ui.ActionRow[ui.LayoutView]:
    select = ui.Select[ui.LayoutView](
        custom_id=Click(action, page.listing.id).custom_id,
        placeholder=cut(hint, 150),
        min_values=0,
        max_values=most,
        options=[
            discord.SelectOption(label=one.label, value=one.value, default=one.chosen)
            for one in options
        ],
    )
    return ui.ActionRow(select)
