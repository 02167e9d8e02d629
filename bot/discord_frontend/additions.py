"""LoRAs on their way into the library: how they look, who is told, and the admins' buttons."""

import discord
from discord import ui

from bot.actions import Action, Click
from bot.adapter_actions import edit_buttons
from bot.adapter_card import facts_of, measured_of, progress_of, sample_picture
from bot.breakdown import safe_link
from bot.discord_frontend.answers import texts_of
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.people import asker_of, refuse_readers
from bot.discord_frontend.screens import COLOURS, WORKING, Screen, button_rows, sentence_screen
from bot.lines import cut
from bot.pictures import Picture
from bot.texts import Texts, said, texts_for
from engine.desk import Addition, Desk, title_of
from engine.values import Adapter, Phase


class Announcer:
    """Shows in the channel how a LoRA gets on; the desk's teller."""

    def __init__(self, bot: discord.Client) -> None:
        self._bot = bot

    async def tell(self, addition: Addition, adapter: Adapter | None, sample: bytes | None) -> str:
        """Shows progress, the card or a refusal in its message, and returns the message's id.

        A message that somebody has deleted is posted anew once there is something to decide.
        """
        channel = self._bot.get_partial_messageable(int(addition.asker.channel))
        workspace = addition.asker.workspace
        guild = self._bot.get_guild(int(workspace)) if workspace.isdecimal() else None
        texts = texts_for(str(guild.preferred_locale) if guild else "")
        screen = addition_screen(addition, adapter, sample, texts)
        nonce = addition.id
        if addition.message_id:
            if await _change(channel, addition.message_id, screen) or not addition.settled:
                return addition.message_id
            nonce = f"{addition.id}-again"
        try:
            message = await channel.send(view=screen.view(), files=screen.files(), nonce=nonce)
        except (discord.NotFound, discord.Forbidden):
            return ""  # nobody can be told there; the admins' list still has it
        return str(message.id)


async def _change(channel: discord.PartialMessageable, message_id: str, screen: Screen) -> bool:
    """Changes a message of ours; returns False where it is not there any more."""
    try:
        message = channel.get_partial_message(int(message_id))
        await message.edit(view=screen.view(), attachments=screen.files())
    except (discord.NotFound, discord.Forbidden):
        return False
    return True


class Deciding:
    """What the buttons under a proposed LoRA do."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def decide(self, interaction: discord.Interaction, click: Click) -> None:
        """Approves or rejects; the card then says so, and has no buttons any more."""
        await refuse_readers(self._desk, interaction)
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


def addition_screen(
    addition: Addition, adapter: Adapter | None, sample: bytes | None, texts: Texts
) -> Screen:
    """Returns how far a LoRA is, its card with the buttons, or why it was refused."""
    title = title_of(addition)
    if not addition.settled:
        return sentence_screen(progress_of(addition, texts), WORKING)
    if adapter is None:
        words = texts.lora_refused.format(title=title, reason=said(addition.sentence or "", texts))
        return sentence_screen(words, COLOURS[Phase.FAILED])
    by = texts.lora_by.format(user=f"<@{addition.asker.user}>")
    lines = [
        f"### {plain(texts.lora_proposed.format(title=title), 200)}",
        plain(adapter.description, 1200) or texts.no_description,
        *fact_lines(adapter, texts),
        safe_link(adapter.link) or "",
        f"-# {by} · `{adapter.id}` · sha256 `{(adapter.sha256 or '')[:12]}`",
    ]
    container = ui.Container[ui.LayoutView](
        ui.TextDisplay("\n".join(line for line in lines if line)), accent_colour=WORKING
    )
    picture = sample_picture(adapter, sample, texts)
    if picture:
        container.add_item(gallery_of(picture))
    row = ui.ActionRow[ui.LayoutView](
        _button(Action.APPROVE, addition.id, texts.lora_approve, discord.ButtonStyle.success),
        _button(Action.REJECT, addition.id, texts.lora_reject, discord.ButtonStyle.danger),
    )
    edit = button_rows([edit_buttons(adapter, texts)])
    return Screen((container, row, *edit), (picture,) if picture else ())


def fact_lines(adapter: Adapter, texts: Texts) -> list[str]:
    """Returns the facts of a card in Discord's Markdown, and what was measured."""
    facts = [f"**{name}** {plain(words, 300)}" for name, words in facts_of(adapter, texts)]
    return [*facts, *(f"-# {line}" for line in measured_of(adapter, texts))]


def gallery_of(picture: Picture) -> ui.MediaGallery[ui.LayoutView]:
    """Returns a message's own file as an image in it."""
    where = f"attachment://{picture.name}"
    return ui.MediaGallery(discord.MediaGalleryItem(where, description=cut(picture.alt, 1000)))


def _button(
    action: Action, addition_id: str, label: str, style: discord.ButtonStyle
) -> ui.Button[ui.LayoutView]:
    return ui.Button(label=label, custom_id=Click(action, addition_id).custom_id, style=style)
