"""Reactions: what an emoji on any message of ours does, however old the message is.

The event says which message in which channel and no more; our own table knows the request. All
that is asked for is stored before Slack has its acknowledgement, and done after it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from bot.actions import Action, Click
from bot.slack_frontend.errands import Errands
from bot.slack_frontend.opening import Opener, submit_click
from bot.slack_frontend.people import PLATFORM, Place
from engine.desk import Desk
from engine.errors import StylusError
from engine.settings import Slack

log = structlog.get_logger(part="slack")

Handler = Callable[[str, Place], Awaitable[None]]


class Reactions:
    """Does what reactions ask for."""

    def __init__(self, desk: Desk, opener: Opener, errands: Errands) -> None:
        self._desk = desk
        self._opener = opener
        self._errands = errands
        self._actions = read_names(desk.settings.slack)
        self._handlers: dict[Action, Handler] = {
            Action.CANCEL: self._cancel,
            Action.STAR: self._star,
            Action.GOOD: partial(self._judge, 1),
            Action.BAD: partial(self._judge, -1),
            Action.MAIL: self._mail,
        }

    async def added(self, place: Place, event: dict[str, Any]) -> None:
        """Does what the reaction asks for, unless it is known already or not for us."""
        action = self._actions.get(bare(str(event["reaction"])))
        request_id = await self._find(event)
        if action is None or request_id is None:
            return
        if action is Action.REROLL:
            await self._reroll(request_id, place)
        else:
            await self._quietly(request_id, self._handlers[action](request_id, place))

    async def _quietly(self, request_id: str, work: Awaitable[None]) -> None:
        """A channel is no place for refusals."""
        try:
            await work
        except StylusError as error:
            log.info("a reaction did nothing", request=request_id, reason=str(error))

    async def removed(self, place: Place, event: dict[str, Any]) -> None:
        """A thumb that is taken away counts no more."""
        action = self._actions.get(bare(str(event["reaction"])))
        request_id = await self._find(event)
        if request_id and action in (Action.GOOD, Action.BAD):
            verdict = 1 if action is Action.GOOD else -1
            await self._desk.feedback.withdraw(request_id, place.asker.user, verdict)

    async def _find(self, event: dict[str, Any]) -> str | None:
        item = event["item"]
        if item.get("type") != "message":
            return None
        return await self._desk.homes.find(PLATFORM, str(item["channel"]), str(item["ts"]))

    async def _reroll(self, request_id: str, place: Place) -> None:
        parent = await self._desk.homes.of(request_id)
        where = (await self._desk.answer(request_id)).request.asker.channel
        thread = parent.reply_to if where == place.asker.channel else None
        submit = partial(submit_click, self._desk, Click(Action.REROLL, request_id))
        await self._opener.open_event(replace(place, thread=thread), submit)

    async def _cancel(self, request_id: str, place: Place) -> None:
        """Whether it ends a request or deletes an answer is settled now: done a second time, the
        one must not become the other."""
        ended = (await self._desk.answer(request_id)).phase.final
        click = Click(Action.DELETE if ended else Action.CANCEL, request_id)
        await self._errands.want(place, "click", {"click": click.custom_id}, quiet=True)

    async def _star(self, request_id: str, place: Place) -> None:
        """The first star shows the answer in the gallery, if it has images and is not private."""
        answer = await self._desk.show(request_id, place.asker)
        await self._desk.feedback.star(request_id, place.asker.user)
        gallery = (await self._desk.workspaces.rules(place.asker)).gallery
        adults = answer.request.overrides.unsafe  # what was made among them stays there
        kept = adults or (await self._desk.homes.of(request_id)).private
        if gallery and answer.renderings and not kept:
            await self._desk.copies.want(answer.request, "gallery", gallery, place.origin)

    async def _judge(self, verdict: int, request_id: str, place: Place) -> None:
        answer = await self._desk.show(request_id, place.asker)
        await self._desk.feedback.judge(answer, place.asker.user, verdict, place.origin)

    async def _mail(self, request_id: str, place: Place) -> None:
        request = (await self._desk.show(request_id, place.asker)).request
        await self._desk.copies.want(request, "mail", place.asker.user, place.origin)


def read_names(chosen: Slack) -> dict[str, Action]:
    """Returns what each reaction of the settings does."""
    return {
        chosen.reroll: Action.REROLL,
        chosen.cancel: Action.CANCEL,
        chosen.star: Action.STAR,
        chosen.good: Action.GOOD,
        chosen.bad: Action.BAD,
        chosen.mail: Action.MAIL,
    }


def bare(reaction: str) -> str:
    """Returns the reaction's name without the skin tone."""
    return reaction.split("::")[0]
