"""`/stylus lora search` and `info`: the adapters, with how they look."""

import discord
from discord import app_commands

from bot.discord_frontend.adapter_screen import info_of
from bot.discord_frontend.answers import show, telling
from bot.discord_frontend.listing import first_page
from bot.discord_frontend.people import asker_of
from bot.lines import cut
from engine.desk import Desk
from engine.errors import StylusError


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
            listing = await self._desk.listings.open(asker_of(interaction), text)
            await show(
                interaction, await first_page(self._desk, interaction, listing), private=True
            )

    @app_commands.command(name="list")
    async def list_(self, interaction: discord.Interaction) -> None:
        """Look through the library."""
        async with telling(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            listing = await self._desk.listings.open(asker_of(interaction))
            await show(
                interaction, await first_page(self._desk, interaction, listing), private=True
            )

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
        return await offer_adapters(self._desk, interaction, current)


async def offer_adapters(
    desk: Desk, interaction: discord.Interaction, current: str
) -> list[app_commands.Choice[str]]:
    """Returns the adapters that somebody may mean by what they have typed so far."""
    if not current.strip():
        return []
    try:
        found = await desk.lookup.search(current, asker_of(interaction), 25)
    except StylusError:
        return []  # a half-typed word may be no prompt yet
    return [
        app_commands.Choice(name=cut(f"{one.title} · {one.id}", 100), value=one.id)
        for one in found
        if len(one.id) <= 100
    ]
