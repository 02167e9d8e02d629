"""`/stylus-admin`: the settings of a server, for those who may manage it.

Discord shows the command to them alone, but a server may change that: it is checked again here.
"""

from typing import Any, cast

import discord
from discord import app_commands

from bot.actions import Action, Click
from bot.audit import change_lines
from bot.discord_frontend.admin_screen import settings_screen
from bot.discord_frontend.answers import show, telling, texts_of
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.people import asker_of, is_admin
from bot.discord_frontend.screens import Screen, lines_screen
from bot.discord_frontend.tasks import number_form, read_form
from bot.texts import Texts
from engine.desk import Change, Desk
from engine.errors import BadOption, NotAllowed
from engine.values import Rules

#: Images a day, and rounds before others, that may be set at most.
MOST_DAILY, MOST_LANE = 100_000, 9


class AdminCommands(app_commands.Group, name="stylus-admin"):
    """A command of its own: Discord's default permissions work on top-level commands only."""

    def __init__(self, desk: Desk, lora: app_commands.Group) -> None:
        super().__init__(
            description="Settings and library of this server.",
            guild_only=True,
            default_permissions=discord.Permissions(manage_guild=True),
            allowed_installs=app_commands.AppInstallationType(guild=True),
        )
        self._desk = desk
        self.add_command(lora)

    @app_commands.command()
    async def settings(self, interaction: discord.Interaction) -> None:
        """Choose channels, quotas, moderators, the gallery and more."""
        async with telling(interaction):
            refuse_others(interaction)
            await show(interaction, await settings_of(self._desk, interaction), private=True)

    @app_commands.command()
    async def audit(self, interaction: discord.Interaction) -> None:
        """Show who changed what."""
        async with telling(interaction):
            refuse_others(interaction)
            texts = texts_of(interaction)
            changes = await self._desk.workspaces.changes(asker_of(interaction), 20)
            lines = change_lines(changes, _when, _mention, lambda words: plain(words, 600))
            screen = lines_screen(texts.audit_title, lines or [texts.audit_empty])
            await show(interaction, screen, private=True)


class Admin:
    """Does what the parts of the screen ask for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def change(self, interaction: discord.Interaction, click: Click) -> None:
        """Changes the rule that the part is about, or asks for a number first."""
        refuse_others(interaction)
        field = click.request_id
        data = cast(dict[str, Any], interaction.data)
        is_form = interaction.type is discord.InteractionType.modal_submit
        if not is_form and (field == "daily" or (field == "quota" and data["values"])):
            name = field if field == "daily" else f"quota-{data['values'][0]}"
            await self._ask_number(interaction, name, texts_of(interaction))
            return
        rules = await self._desk.workspaces.rules(asker_of(interaction))
        changed = _from_form(field, read_form(data), rules) if is_form else None
        await self._desk.workspaces.change(
            asker_of(interaction), **(changed or _from_select(field, data, rules))
        )
        screen = await settings_of(self._desk, interaction)
        await interaction.response.edit_message(view=screen.view())

    async def _ask_number(self, interaction: discord.Interaction, name: str, texts: Texts) -> None:
        click = Click(Action.ADMIN, name)
        lane = {} if name == "daily" else {"lane": texts.lane_field}
        form = number_form(click, texts.set_daily, number=texts.daily_field, **lane)
        await interaction.response.send_modal(form)


async def settings_of(desk: Desk, interaction: discord.Interaction) -> Screen:
    """Returns the screen with the rules as they are now."""
    texts, asker = texts_of(interaction), asker_of(interaction)
    changes = await desk.workspaces.changes(asker, 1)
    last = texts.audit_empty
    if changes:
        last = change_lines([changes[0]], _when, _mention, lambda words: plain(words, 200))[0]
    rules = await desk.workspaces.rules(asker)
    return settings_screen(rules, desk.settings.checkpoint_names, last, texts)


def refuse_others(interaction: discord.Interaction) -> None:
    """Raises `NotAllowed` for people who may not manage the server."""
    if not is_admin(interaction):
        raise NotAllowed(
            "Only people who may manage this server can change its settings; ask one of them."
        )


def _from_select(field: str, data: dict[str, Any], rules: Rules) -> dict[str, Any]:
    """Returns the rule as the select or button has it."""
    values = [str(value) for value in data.get("values", [])]
    one = values[0] if values else None
    changes: dict[str, Any] = {
        "checkpoint": one,
        "images": int(one) if field == "images" and one else None,
        "channels": tuple(values),
        "gallery": one,
        "moderators": one,
        "librarians": tuple(values),
        "unsafe": not rules.unsafe,
        "mentions": not rules.mentions,
        "quota": None,
    }
    if field not in changes:
        raise BadOption(f"There is no setting “{field[:40]}”.")
    return {} if field == "quota" else {field: changes[field]}


def _from_form(field: str, written: dict[str, str], rules: Rules) -> dict[str, Any]:
    """Returns quota and lane as they were written; nothing written takes them away."""
    count = _number(written.get("number", ""), MOST_DAILY)
    if field == "daily":
        return {"daily": count}
    role = field.removeprefix("quota-")
    lane = _number(written.get("lane", ""), MOST_LANE)
    return {
        "quotas": _with(rules.quotas, role, count),
        "lanes": _with(rules.lanes, role, lane or None),
    }


def _with(numbers: dict[str, int], role: str, number: int | None) -> dict[str, int]:
    others = {other: kept for other, kept in numbers.items() if other != role}
    return others if number is None else {**others, role: number}


def _number(text: str, most: int) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal() or int(text) > most:
        raise BadOption(f"“{text[:20]}” is no whole number up to {most}; write one, or nothing.")
    return int(text)


def _when(change: Change) -> str:
    return f"<t:{change.at.timestamp():.0f}:R>"


def _mention(user: str) -> str:
    return f"<@{user}>"
