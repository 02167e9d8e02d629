"""Choosing: what the selects and the button on the screen of tasks do."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import discord

from bot.actions import Action, Click
from bot.choices import (
    Choices,
    as_composed,
    to_overrides,
    with_adapters,
    with_ideas,
    with_pins,
    with_weight,
)
from bot.discord_frontend.answers import open_request, say, show, texts_of
from bot.discord_frontend.people import Entry, asker_of
from bot.discord_frontend.tasks import read_choices, read_form, tasks_screen, weight_form
from engine.desk import Desk
from engine.values import Composition, Overrides, Request

#: Returns the choices after a select; the numbers are its values.
Change = Callable[[Composition, Choices, frozenset[int]], Choices]

CHANGES: dict[Action, Change] = {
    Action.IDEAS: with_ideas,
    Action.ADAPTERS: lambda _, choices, chosen: with_adapters(choices, chosen),
    Action.PINS: lambda _, choices, chosen: with_pins(choices, chosen),
}


class Choosing:
    """Shows the screen of tasks, keeps it up to date, and renders again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open(self, interaction: discord.Interaction, click: Click) -> None:
        """Shows the selects to the person alone."""
        composition = await self._composition(interaction, click)
        texts = texts_of(interaction)
        if not composition.picks:
            await say(interaction, texts.nothing_to_choose)
            return
        choices = as_composed(composition)
        screen = tasks_screen(click.request_id, composition, choices, texts)
        await show(interaction, screen, private=True)

    async def change(self, interaction: discord.Interaction, click: Click) -> None:
        """Marks what was chosen in the message."""
        composition, choices = await self._read(interaction, click)
        chosen = frozenset(map(int, _values(interaction)))
        await self._mark(
            interaction, click, composition, CHANGES[click.action](composition, choices, chosen)
        )

    async def ask_weight(self, interaction: discord.Interaction, click: Click) -> None:
        """Opens the form for the adapter that was chosen."""
        composition = await self._composition(interaction, click)
        adapter = int(_values(interaction)[0])
        title = composition.picks[adapter].title
        form = weight_form(click.request_id, adapter, title, texts_of(interaction))
        await interaction.response.send_modal(form)

    async def weigh(self, interaction: discord.Interaction, click: Click) -> None:
        """Marks the weight that was written into the form."""
        composition, choices = await self._read(interaction, click)
        text = read_form(cast(dict[str, Any], interaction.data)).get("number", "")
        choices = with_weight(choices, click.index or 0, text)
        await self._mark(interaction, click, composition, choices)

    async def render(self, interaction: discord.Interaction, click: Click) -> None:
        """Makes a request of the choices."""
        composition, choices = await self._read(interaction, click)
        change = to_overrides(composition, choices)
        await self.revise(interaction, click, change)

    async def compare(self, interaction: discord.Interaction, click: Click) -> None:
        """The same seeds without any adapter."""
        await self.revise(interaction, click, Overrides(adapters="none"))

    async def revise(
        self, interaction: discord.Interaction, click: Click, change: Overrides
    ) -> None:
        """Opens a request with the change."""
        parent = await self._desk.homes.of(click.request_id)
        submit = partial(self._submit, click.request_id, change)
        await open_request(self._desk, interaction, submit, private=parent.private)

    async def _submit(self, request_id: str, change: Overrides, entry: Entry) -> Request:
        return await self._desk.revise(request_id, change, entry.asker, entry.origin, entry.home)

    async def _composition(self, interaction: discord.Interaction, click: Click) -> Composition:
        answer = await self._desk.show(click.request_id, asker_of(interaction))
        return answer.composition or Composition(answer.request.prompt, (), "none")

    async def _read(
        self, interaction: discord.Interaction, click: Click
    ) -> tuple[Composition, Choices]:
        composition = await self._composition(interaction, click)
        assert interaction.message  # a component or its form always stands in one
        return composition, read_choices(interaction.message, composition)

    async def _mark(
        self,
        interaction: discord.Interaction,
        click: Click,
        composition: Composition,
        choices: Choices,
    ) -> None:
        screen = tasks_screen(click.request_id, composition, choices, texts_of(interaction))
        await interaction.response.edit_message(view=screen.view())


def _values(interaction: discord.Interaction) -> list[str]:
    return list(cast(dict[str, Any], interaction.data).get("values", []))
