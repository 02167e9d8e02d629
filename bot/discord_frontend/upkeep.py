"""The buttons under an adapter's card: forms to edit it, and what else admins do with it."""

from typing import Any, cast

import discord
from discord import ui

from bot.actions import Click
from bot.adapter_actions import act
from bot.adapter_form import PARTS, Field, fields_of, read_changes
from bot.discord_frontend.additions import addition_screen
from bot.discord_frontend.answers import say, texts_of
from bot.discord_frontend.people import asker_of, keeps_library, refuse_readers
from bot.discord_frontend.screens import Screen
from bot.discord_frontend.tasks import read_form
from bot.lines import cut
from engine.desk import Desk
from engine.errors import BadOption
from engine.values import Adapter


class UpkeepClicks:
    """Does what the buttons say, for those who may manage the server."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def act(self, interaction: discord.Interaction, click: Click) -> None:
        """Switches on or off, removes, refines, or looks for a newer version."""
        await refuse_readers(self._desk, interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        asker, texts = asker_of(interaction), texts_of(interaction)
        await say(interaction, await act(self._desk, click, asker, texts, admin=True))

    async def edit(self, interaction: discord.Interaction, click: Click) -> None:
        """Opens the form, or saves what was written into it."""
        await refuse_readers(self._desk, interaction)
        adapter = await self._desk.lookup.find_by_handle(click.request_id, asker_of(interaction))
        number = click.index or 0
        if number >= len(PARTS):
            raise BadOption("That button is of an older version; ask for the adapter again.")
        if interaction.type is discord.InteractionType.modal_submit:
            await self._save(interaction, adapter, number)
            return
        fields = fields_of(adapter, PARTS[number], texts_of(interaction))
        await interaction.response.send_modal(edit_form(click, adapter.title, fields))

    async def _save(self, interaction: discord.Interaction, adapter: Adapter, number: int) -> None:
        texts = texts_of(interaction)
        written = read_form(cast(dict[str, Any], interaction.data))
        changes, notes = read_changes(adapter, PARTS[number], written, texts)
        saved = await self._desk.upkeep.edit(
            adapter.id,
            changes,
            notes,
            asker_of(interaction),
            allowed=await keeps_library(self._desk, interaction),
        )
        card = await self._card(interaction, saved)
        if card:
            await interaction.response.edit_message(view=card.view(), attachments=card.files())
        else:
            await say(interaction, texts.lora_saved.format(title=saved.title))

    async def _card(self, interaction: discord.Interaction, adapter: Adapter) -> Screen | None:
        """The card that waits for a decision, where the form was opened from it."""
        addition = await self._desk.additions.of_adapter(adapter.id)
        here = interaction.message and str(interaction.message.id)
        if addition is None or addition.message_id != here:
            return None
        sample = await self._desk.additions.sample(adapter)
        return addition_screen(addition, adapter, sample, texts_of(interaction))


def edit_form(click: Click, title: str, fields: list[Field]) -> ui.Modal:
    """Returns a form with what is known. Stopped: its answer is understood by its id."""
    form = ui.Modal(title=cut(title, 45), custom_id=click.custom_id)
    for field in fields:
        box = ui.TextInput[ui.Modal](
            custom_id=field.name,
            default=field.value or None,
            max_length=field.most,
            required=field.needed,
            style=discord.TextStyle.paragraph if field.long else discord.TextStyle.short,
        )
        form.add_item(ui.Label(text=cut(field.label, 45), component=box))
    form.stop()
    return form
