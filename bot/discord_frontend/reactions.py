"""Reactions: what an emoji on any message of ours does, however old the message is.

The event says which message in which channel and no more; our own table knows the request. Discord
waits for no acknowledgement; what is to be posted or deleted is stored first all the same.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import discord
import structlog

from bot.actions import Action
from bot.board import Board
from bot.discord_frontend.people import PLATFORM, own_place
from bot.discord_frontend.posting import Poster
from bot.discord_frontend.screens import status_screen
from bot.status import first_status
from bot.texts import texts_for
from engine.desk import ERASE, Desk
from engine.errors import StylusError
from engine.settings import Discord
from engine.values import Asker, Home

log = structlog.get_logger(part="discord")

#: Emoji come with or without this sign, which only asks for colours.
_VARIATION = "\ufe0f"

Payload = discord.RawReactionActionEvent
Handler = Callable[[str, Asker, Payload], Awaitable[None]]


class Reactions:
    """Does what reactions ask for."""

    def __init__(self, desk: Desk, bot: discord.Client, poster: Poster, board: Board) -> None:
        self._desk = desk
        self._board = board
        self._bot = bot
        self._poster = poster
        self._actions = read_emoji(desk.settings.discord)
        self._handlers: dict[Action, Handler] = {
            Action.REROLL: self._reroll,
            Action.CANCEL: self._cancel,
            Action.STAR: self._star,
            Action.GOOD: partial(self._judge, 1),
            Action.BAD: partial(self._judge, -1),
            Action.MAIL: self._mail,
        }

    async def added(self, payload: Payload) -> None:
        """Does what the reaction asks for, unless it is known already or not for us."""
        action = self._actions.get(bare(str(payload.emoji)))
        own = self._bot.user is not None and payload.user_id == self._bot.user.id
        if action is None or own or (payload.member is not None and payload.member.bot):
            return
        place = (PLATFORM, str(payload.channel_id), str(payload.message_id))
        request_id = await self._desk.homes.find(*place)
        if request_id is None:
            return
        try:
            await self._handlers[action](
                request_id, await self._asker(request_id, payload), payload
            )
        except (StylusError, discord.HTTPException) as error:
            # Nobody can be answered alone here, and a channel is no place for refusals.
            log.info("a reaction did nothing", request=request_id, reason=str(error))

    async def removed(self, payload: Payload) -> None:
        """Lets the same reaction count once more; a thumb that is taken away counts no more."""
        action = self._actions.get(bare(str(payload.emoji)))
        if action is None:
            return
        place = (PLATFORM, str(payload.channel_id), str(payload.message_id))
        request_id = await self._desk.homes.find(*place)
        if request_id and action in (Action.GOOD, Action.BAD):
            verdict = 1 if action is Action.GOOD else -1
            await self._desk.feedback.withdraw(request_id, str(payload.user_id), verdict)
        await self._desk.events.forget(PLATFORM, event_id(payload))

    async def _asker(self, request_id: str, payload: Payload) -> Asker:
        """In direct messages the person may have a copy of what was asked in a server."""
        user, channel = str(payload.user_id), str(payload.channel_id)
        if payload.guild_id:
            roles = frozenset(str(role.id) for role in getattr(payload.member, "roles", []))
            return Asker(PLATFORM, str(payload.guild_id), channel, user, roles)
        owner = (await self._desk.answer(request_id)).request.asker
        workspace = owner.workspace if owner.user == user else own_place(payload.user_id)
        return Asker(PLATFORM, workspace, channel, user)

    async def _reroll(self, request_id: str, asker: Asker, payload: Payload) -> None:
        if not await self._desk.events.first(PLATFORM, event_id(payload)):
            return
        await self._desk.workspaces.admit(asker, {asker.channel})
        parent = await self._desk.homes.of(request_id)
        home = Home(
            private=parent.private and payload.guild_id is not None,
            reply_to=str(payload.message_id),
            locale=parent.locale,
            file_limit=parent.file_limit,
        )
        request = await self._desk.reroll(request_id, asker, None, home)
        async with self._board.opening(request.id):
            standings = await self._desk.standings(PLATFORM, request.id)
            screen = status_screen(first_status(request, standings, texts_for(home.locale)))
            message_id = await self._poster.post(request, home, screen)
            await self._desk.homes.settle(request.id, message_id)

    async def _cancel(self, request_id: str, asker: Asker, payload: Payload) -> None:
        """Ends a request, or deletes an answer; an event that comes again does not do the other."""
        answer = await self._desk.answer(request_id)
        moderator = self._moderates(payload)
        if not answer.phase.final:
            if await self._desk.events.first(PLATFORM, event_id(payload)):
                await self._desk.cancel(request_id, asker, moderator=moderator)
            return
        await self._desk.check_may_change(request_id, asker, moderator=moderator)
        details = {"message": str(payload.message_id)}
        stored = await self._desk.errands.want(asker, event_id(payload), ERASE, details)
        if stored is not None:
            await self._desk.errands.do(PLATFORM, stored)

    async def _star(self, request_id: str, asker: Asker, payload: Payload) -> None:
        """The first star shows the answer in the gallery, if it has images and is not private."""
        answer = await self._desk.show(request_id, asker)
        await self._desk.feedback.star(request_id, asker.user)
        gallery = (await self._desk.workspaces.rules(asker)).gallery
        adults = answer.request.overrides.unsafe  # what was made among them stays there
        kept = adults or (await self._desk.homes.of(request_id)).private
        if gallery and answer.renderings and not kept:
            await self._desk.copies.want(answer.request, "gallery", gallery, event_id(payload))

    async def _judge(self, verdict: int, request_id: str, asker: Asker, payload: Payload) -> None:
        answer = await self._desk.show(request_id, asker)
        await self._desk.feedback.judge(answer, asker.user, verdict, event_id(payload))

    async def _mail(self, request_id: str, asker: Asker, payload: Payload) -> None:
        request = (await self._desk.show(request_id, asker)).request
        await self._desk.copies.want(request, "mail", asker.user, event_id(payload))

    def _moderates(self, payload: Payload) -> bool:
        guild = self._bot.get_guild(payload.guild_id) if payload.guild_id else None
        channel = guild.get_channel_or_thread(payload.channel_id) if guild else None
        if payload.member is None or channel is None:
            return False
        return channel.permissions_for(payload.member).manage_messages


def read_emoji(chosen: Discord) -> dict[str, Action]:
    """Returns what each emoji of the settings does."""
    return {
        bare(chosen.reroll): Action.REROLL,
        bare(chosen.cancel): Action.CANCEL,
        bare(chosen.star): Action.STAR,
        bare(chosen.good): Action.GOOD,
        bare(chosen.bad): Action.BAD,
        bare(chosen.mail): Action.MAIL,
    }


def bare(emoji: str) -> str:
    """Returns the emoji without the sign that only asks for colours."""
    return emoji.replace(_VARIATION, "")


def event_id(payload: Payload) -> str:
    """Returns what is the same when Discord sends the event again."""
    return f"{payload.message_id}:{payload.user_id}:{bare(str(payload.emoji))}"
