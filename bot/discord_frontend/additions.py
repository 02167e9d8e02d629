"""LoRAs on their way into the library: how they look, who is told, and the admins' buttons."""

import discord
from discord import ui

from bot.actions import Action, Click
from bot.breakdown import safe_link
from bot.discord_frontend.admin import refuse_others
from bot.discord_frontend.answers import texts_of
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.people import asker_of
from bot.discord_frontend.screens import COLOURS, WORKING, Screen, sentence_screen
from bot.texts import Texts, said, texts_for
from engine.desk import Addition, Desk, title_of
from engine.values import Adapter, Phase


class Announcer:
    """Tells in the channel how a check went; the desk's teller."""

    def __init__(self, bot: discord.Client) -> None:
        self._bot = bot

    async def tell(self, addition: Addition, adapter: Adapter | None) -> str:
        """Posts the card, or the reason, and returns the message's id."""
        channel = self._bot.get_partial_messageable(int(addition.asker.channel))
        workspace = addition.asker.workspace
        guild = self._bot.get_guild(int(workspace)) if workspace.isdecimal() else None
        texts = texts_for(str(guild.preferred_locale) if guild else "")
        screen = addition_screen(addition, adapter, texts)
        try:
            message = await channel.send(view=screen.view(), nonce=addition.id)
        except (discord.NotFound, discord.Forbidden):
            return ""  # nobody can be told there; the admins' list still has it
        return str(message.id)


class Deciding:
    """What the buttons under a proposed LoRA do."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def decide(self, interaction: discord.Interaction, click: Click) -> None:
        """Approves or rejects; the card then says so, and has no buttons any more."""
        refuse_others(interaction)
        decided = await self._desk.additions.decide(
            click.request_id,
            asker_of(interaction),
            approve=click.action is Action.APPROVE,
            allowed=True,
        )
        texts = texts_of(interaction)
        words = texts.lora_decided.format(title=title_of(decided), state=said(decided.state, texts))
        colour = COLOURS[Phase.RENDERED] if decided.state == "approved" else COLOURS[Phase.FAILED]
        screen = sentence_screen(words, colour)
        await interaction.response.edit_message(view=screen.view())


def addition_screen(addition: Addition, adapter: Adapter | None, texts: Texts) -> Screen:
    """Returns the card of a proposed LoRA with its buttons, or why one was refused."""
    title = title_of(addition)
    if adapter is None:
        words = texts.lora_refused.format(title=title, reason=said(addition.sentence or "", texts))
        return sentence_screen(words, COLOURS[Phase.FAILED])
    facts = [
        f"### {plain(texts.lora_proposed.format(title=title), 200)}",
        plain(adapter.description, 1200) or texts.no_description,
        f"**{texts.triggers}** {plain(', '.join(adapter.trigger_words), 300) or texts.none}",
        f"**{texts.weight}** {adapter.weight:g} · **{texts.base}** {plain(adapter.base, 40)}",
        safe_link(adapter.link) or "",
        f"-# {texts.lora_by.format(user=f'<@{addition.asker.user}>')} · `{adapter.id}` · "
        f"sha256 `{(adapter.sha256 or '')[:12]}`",
    ]
    container = ui.Container[ui.LayoutView](
        ui.TextDisplay("\n".join(fact for fact in facts if fact)), accent_colour=WORKING
    )
    row = ui.ActionRow[ui.LayoutView](
        _button(Action.APPROVE, addition.id, texts.lora_approve, discord.ButtonStyle.success),
        _button(Action.REJECT, addition.id, texts.lora_reject, discord.ButtonStyle.danger),
    )
    return Screen((container, row))


def _button(
    action: Action, addition_id: str, label: str, style: discord.ButtonStyle
) -> ui.Button[ui.LayoutView]:
    return ui.Button(label=label, custom_id=Click(action, addition_id).custom_id, style=style)
