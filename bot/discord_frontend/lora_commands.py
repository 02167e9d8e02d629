"""`/stylus lora search` and `info`: the adapters, with how they look."""

import discord
from discord import app_commands, ui

from bot.actions import Button
from bot.adapter_actions import buttons_of
from bot.adapter_card import opinion_of, uses_of
from bot.breakdown import safe_link
from bot.discord_frontend.additions import fact_lines, gallery_of
from bot.discord_frontend.admin import is_admin
from bot.discord_frontend.answers import show, telling, texts_of
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.people import asker_of
from bot.discord_frontend.screens import WORKING, Screen, button_rows, lines_screen
from bot.lines import cut
from bot.pictures import Picture
from bot.texts import Texts, said
from engine.desk import Desk
from engine.errors import StylusError
from engine.values import Adapter


class LoraCommands(app_commands.Group, name="lora"):
    """The adapter library, for everybody."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(description="The adapter library.")
        self._desk = desk

    @app_commands.command()
    @app_commands.describe(text="What the adapter should draw.")
    async def search(self, interaction: discord.Interaction, text: str) -> None:
        """Find adapters by what they draw."""
        async with telling(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            texts = texts_of(interaction)
            found = await self._desk.lookup.search(text, asker_of(interaction))
            lines = [
                f"**{plain(one.title, 60)}** · {one.weight:g} · `{one.id}`\n"
                f"-# {plain(one.description, 100) or texts.no_description}"
                for one in found
            ]
            title = texts.lora_found.format(text=plain(text, 60))
            await show(interaction, lines_screen(title, lines or [texts.lora_none]), private=True)

    @app_commands.command()
    @app_commands.describe(id="The adapter's id, or words of it.")
    async def info(self, interaction: discord.Interaction, id: str) -> None:
        """Show everything known of an adapter."""
        async with telling(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            asker = asker_of(interaction)
            adapter = await self._desk.lookup.find(id.strip(), asker)
            await show(interaction, await info_of(self._desk, interaction, adapter), private=True)

    @info.autocomplete("id")
    async def _ids(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        if not current.strip():
            return []
        try:
            found = await self._desk.lookup.search(current, asker_of(interaction), 25)
        except StylusError:
            return []  # a half-typed word may be no prompt yet
        return [
            app_commands.Choice(name=cut(f"{one.title} · {one.id}", 100), value=one.id)
            for one in found
            if len(one.id) <= 100
        ]


async def info_of(desk: Desk, interaction: discord.Interaction, adapter: Adapter) -> Screen:
    """Returns what is known of an adapter, with what the person may do with it."""
    asker, texts = asker_of(interaction), texts_of(interaction)
    preview = await desk.lookup.preview(adapter.id, asker)
    told = [
        opinion_of(await desk.opinions.of(adapter.id, asker), texts),
        f"-# {uses_of(await desk.lookup.uses(adapter.id, asker), texts)}",
    ]
    buttons = buttons_of(adapter, asker, texts, admin=is_admin(interaction))
    return info_screen(adapter, told, preview, buttons, texts)


def info_screen(
    adapter: Adapter, told: list[str], preview: bytes | None, buttons: list[Button], texts: Texts
) -> Screen:
    """Returns what is known and thought of an adapter, with an image that was made with it."""
    lines = [
        f"### {plain(adapter.title, 200)}",
        plain(adapter.description, 1200),
        *fact_lines(adapter, texts),
        *told,
        safe_link(adapter.link) or "",
        f"-# {said(adapter.status, texts)} · `{adapter.id}`",
    ]
    container = ui.Container[ui.LayoutView](
        ui.TextDisplay("\n".join(line for line in lines if line)), accent_colour=WORKING
    )
    rows = button_rows([buttons] if buttons else [])
    if preview is None:
        return Screen((container, *rows))
    picture = Picture("preview.png", preview, texts.preview_of.format(title=adapter.title))
    container.add_item(gallery_of(picture))
    return Screen((container, *rows), (picture,))
