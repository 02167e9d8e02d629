"""`/stylus show`, `history`, `queue`, `quota`, `cancel`, `help`, `delete-my-data`."""

import discord
from discord import app_commands, ui

from bot.actions import Action, Click
from bot.breakdown import images_said
from bot.discord_frontend.answers import say, show, telling, texts_of
from bot.discord_frontend.delivery import Mailman
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.people import PLATFORM, asker_of, moderates, roles_of
from bot.discord_frontend.screens import COLOURS, Screen, lines_screen, status_screen
from bot.lines import cut
from bot.status import first_status
from bot.texts import said
from engine.desk import Desk
from engine.values import Phase


class OwnCommands(app_commands.Group, name="own"):
    """What somebody wants to know or undo of their own; told to them alone."""

    def __init__(self, desk: Desk, mailman: Mailman) -> None:
        super().__init__()
        self._desk = desk
        self._mailman = mailman

    @app_commands.command()
    @app_commands.describe(id="It stands under each answer.", share="Everybody sees it.")
    async def show(self, interaction: discord.Interaction, id: str, share: bool = False) -> None:
        """Show an answer again, or how far a request is."""
        async with telling(interaction):
            texts = texts_of(interaction)
            answer = await self._desk.show(id.strip(), asker_of(interaction))
            private = not share or (await self._desk.homes.of(answer.request.id)).private
            if not answer.phase.final:
                standings = await self._desk.standings(PLATFORM, answer.request.id)
                screen = status_screen(first_status(answer.request, standings, texts))
                await show(interaction, screen, private=private)
                return
            await interaction.response.defer(ephemeral=private, thinking=True)
            message_id = await show(
                interaction,
                await self._mailman.screen(answer, texts, interaction.filesize_limit),
                private=private,
            )
            if message_id:
                channel = str(interaction.channel_id)
                await self._desk.homes.copy(PLATFORM, channel, message_id, answer.request.id)

    @show.autocomplete("id")
    async def _ids(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        past = await self._desk.history.of(asker_of(interaction), limit=25)
        shown = [(one.request_id, f"{one.request_id} · {one.prompt}") for one in past]
        return [
            app_commands.Choice(name=cut(label, 100), value=request_id)
            for request_id, label in shown
            if current.lower() in label.lower()
        ]

    @app_commands.command()
    @app_commands.describe(search="Only prompts with these words.")
    async def history(self, interaction: discord.Interaction, search: str = "") -> None:
        """List what you asked here."""
        texts = texts_of(interaction)
        past = await self._desk.history.of(asker_of(interaction), search)
        lines = [
            f"`{one.request_id}` <t:{one.created_at.timestamp():.0f}:R> · "
            f"**{plain(one.prompt, 80)}** · {said(one.kind, texts)} · "
            f"{images_said(one.images, texts) if one.images else said(one.phase, texts)}"
            for one in past
        ]
        await show(
            interaction,
            lines_screen(texts.history_title, lines or [texts.history_empty]),
            private=True,
        )

    @app_commands.command()
    async def queue(self, interaction: discord.Interaction) -> None:
        """Show how much is waiting, and who works on it."""
        texts = texts_of(interaction)
        standings = await self._desk.standings(PLATFORM)
        mine = asker_of(interaction)
        lines = [
            texts.queue_open.format(count=len(standings.requests)),
            texts.queue_workers.format(
                engines=standings.workers.get("engine", 0),
                renderers=standings.workers.get("renderer", 0),
            ),
        ]
        lines += [
            f"`{one.request.id}` · {plain(one.request.prompt, 60)} · {said(one.phase, texts)} · "
            + texts.ahead.format(count=one.ahead)
            for one in standings.requests
            if (one.request.asker.workspace, one.request.asker.user) == (mine.workspace, mine.user)
        ]
        await show(interaction, lines_screen(texts.queue_title, lines), private=True)

    @app_commands.command()
    async def quota(self, interaction: discord.Interaction) -> None:
        """Show how many requests you have left."""
        texts, asker = texts_of(interaction), asker_of(interaction)
        rules = await self._desk.workspaces.rules(asker)
        limit = rules.quota(roles_of(interaction))
        used = await self._desk.history.today(asker)
        open_now = len(await self._desk.history.open(asker))
        daily = texts.quota_daily if limit is not None else texts.quota_free
        lines = [
            daily.format(used=used, limit=limit),
            texts.quota_waiting.format(count=open_now, limit=self._desk.settings.limits.waiting),
        ]
        await show(interaction, lines_screen(texts.quota_title, lines), private=True)

    @app_commands.command()
    @app_commands.describe(id="The request; without it, your newest one.")
    async def cancel(self, interaction: discord.Interaction, id: str | None = None) -> None:
        """Cancel a request that is under way."""
        async with telling(interaction):
            texts, asker = texts_of(interaction), asker_of(interaction)
            open_now = await self._desk.history.open(asker)
            request_id = id.strip() if id else (open_now or [""])[-1]
            if not request_id:
                await say(interaction, texts.nothing_open)
                return
            ended = await self._desk.cancel(
                request_id, asker, moderator=await moderates(self._desk, interaction)
            )
            await say(interaction, texts.cancelled_now if ended else texts.ended_already)

    @app_commands.command()
    async def help(self, interaction: discord.Interaction) -> None:
        """Show what there is."""
        texts = texts_of(interaction)
        await show(interaction, lines_screen("Stylus", list(texts.help)), private=True)

    @app_commands.command(name="delete-my-data")
    async def delete_my_data(self, interaction: discord.Interaction) -> None:
        """Remove your prompts, images and thumbs from everywhere."""
        texts = texts_of(interaction)
        button = ui.Button[ui.LayoutView](
            label=texts.forget,
            style=discord.ButtonStyle.danger,
            custom_id=Click(Action.FORGET, "me").custom_id,
        )
        text = ui.TextDisplay[ui.LayoutView](texts.forget_question)
        container = ui.Container[ui.LayoutView](text, accent_colour=COLOURS[Phase.FAILED])
        screen = Screen((container, ui.ActionRow[ui.LayoutView](button)))
        await show(interaction, screen, private=True)
