"""Clicks: what buttons do, found by the ids that they carry."""

from collections.abc import Awaitable, Callable
from functools import partial

import discord

from bot.actions import Action, Click
from bot.adapter_actions import STATUSES
from bot.discord_frontend.additions import Deciding
from bot.discord_frontend.admin import Admin
from bot.discord_frontend.answers import open_request, say, show, texts_of
from bot.discord_frontend.choosing import Choosing
from bot.discord_frontend.errands import begin_errand
from bot.discord_frontend.escaping import plain
from bot.discord_frontend.listing import Turning
from bot.discord_frontend.people import PLATFORM, Entry, asker_of, moderates
from bot.discord_frontend.screens import lines_screen
from bot.discord_frontend.upkeep import UpkeepClicks
from bot.discord_frontend.why import why_screen
from bot.duel import cast_vote, duel_result
from bot.following import follow_up
from bot.reply import make_reply
from engine.desk import ERASE, Desk
from engine.errors import StylusError
from engine.values import Request

Handler = Callable[[discord.Interaction, Click], Awaitable[None]]


class Clicks:
    """Does what a click asks for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        choosing, upkeep, turning = Choosing(desk), UpkeepClicks(desk), Turning(desk)
        self._handlers: dict[Action, Handler] = {
            Action.REROLL: self._ask,
            Action.VARY: self._ask,
            Action.UPSCALE: self._ask,
            Action.RETRY: self._ask,
            Action.WHY: self._why,
            Action.VOTE: self._vote,
            Action.RESULT: self._result,
            Action.CANCEL: self._cancel,
            Action.DELETE: self._delete,
            Action.FORGET: self._forget,
            Action.ADMIN: Admin(desk).change,
            Action.APPROVE: Deciding(desk).decide,
            Action.REJECT: Deciding(desk).decide,
            Action.EDIT: upkeep.edit,
            **dict.fromkeys((*STATUSES, Action.REFINE, Action.NEWER), upkeep.act),
            Action.PAGE: turning.turn,
            Action.FILTER: turning.turn,
            Action.SHOW: turning.show,
            Action.TASKS: choosing.open,
            Action.COMPARE: choosing.compare,
            Action.IDEAS: choosing.change,
            Action.ADAPTERS: choosing.change,
            Action.PINS: choosing.change,
            Action.WEIGHTS: choosing.ask_weight,
            Action.WEIGH: choosing.weigh,
            Action.RENDER: choosing.render,
        }

    async def handle(self, interaction: discord.Interaction, click: Click) -> None:
        """Answers the click; a refusal is told to the person alone."""
        handler = self._handlers.get(click.action)
        if handler is None:
            await say(interaction, texts_of(interaction).gone)
            return
        try:
            await handler(interaction, click)
        except StylusError as error:
            await say(interaction, str(error))

    async def _ask(self, interaction: discord.Interaction, click: Click) -> None:
        parent = await self._desk.homes.of(click.request_id)
        submit = partial(self._submit, click)
        await open_request(self._desk, interaction, submit, private=parent.private)

    async def _submit(self, click: Click, entry: Entry) -> Request:
        return await follow_up(self._desk, click, entry.asker, entry.origin, entry.home)

    async def _why(self, interaction: discord.Interaction, click: Click) -> None:
        answer = await self._desk.show(click.request_id, asker_of(interaction))
        texts = texts_of(interaction)
        await show(interaction, why_screen(make_reply(answer, texts), texts), private=True)

    async def _vote(self, interaction: discord.Interaction, click: Click) -> None:
        asker, texts = asker_of(interaction), texts_of(interaction)
        told = await cast_vote(self._desk, click.request_id, click.index or 0, asker, texts)
        await say(interaction, told)

    async def _result(self, interaction: discord.Interaction, click: Click) -> None:
        texts = texts_of(interaction)
        lines = await duel_result(self._desk, click.request_id, asker_of(interaction), texts)
        screen = lines_screen(texts.duel_result, [plain(line, 300) for line in lines])
        await show(interaction, screen, private=True)

    async def _cancel(self, interaction: discord.Interaction, click: Click) -> None:
        ended = await self._desk.cancel(
            click.request_id,
            asker_of(interaction),
            moderator=await moderates(self._desk, interaction),
        )
        texts = texts_of(interaction)
        await say(interaction, texts.cancelled_now if ended else texts.ended_already)

    async def _delete(self, interaction: discord.Interaction, click: Click) -> None:
        await self._desk.check_may_change(
            click.request_id,
            asker_of(interaction),
            moderator=await moderates(self._desk, interaction),
        )
        details = {"message": str(interaction.message.id) if interaction.message else None}
        await begin_errand(self._desk, interaction, ERASE, details, thinking=False)

    async def _forget(self, interaction: discord.Interaction, click: Click) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        done = await self._desk.forgetting.person(PLATFORM, str(interaction.user.id))
        for errand in done.errands:
            await self._desk.errands.do(PLATFORM, errand)
        texts = texts_of(interaction)
        await say(interaction, texts.forgotten.format(requests=done.requests, images=done.images))
