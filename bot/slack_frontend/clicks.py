"""Clicks: what buttons do, found by the ids that they carry."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.actions import Action, Click, read_click
from bot.adapter_actions import STATUSES
from bot.duel import cast_vote, duel_result
from bot.reply import make_reply
from bot.slack_frontend.additions import Additions
from bot.slack_frontend.admin import Admin
from bot.slack_frontend.background import Background
from bot.slack_frontend.errands import Errands
from bot.slack_frontend.listing import Turning
from bot.slack_frontend.opening import Opener, submit_click
from bot.slack_frontend.people import Place
from bot.slack_frontend.removal import Removal
from bot.slack_frontend.screens import lines_screen, why_screen
from bot.slack_frontend.tasks import Tasks
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.upkeep import Upkeep
from engine.desk import Desk

Handler = Callable[[Place, Click], Awaitable[None]]
ASKING = {Action.REROLL, Action.VARY, Action.UPSCALE, Action.RETRY, Action.COMPARE}
#: What changes something without a request that says so.
CHANGING = {
    Action.VOTE, Action.CANCEL, Action.DELETE, Action.FORGET, Action.APPROVE, Action.REJECT,
    Action.REFINE, *STATUSES,
}  # fmt: skip


class Clicks:
    """Does what a click asks for."""

    def __init__(
        self,
        desk: Desk,
        opener: Opener,
        removal: Removal,
        tasks: Tasks,
        additions: Additions,
        upkeep: Upkeep,
        turning: Turning,
        admin: Admin,
        telling: Telling,
        errands: Errands,
        background: Background,
    ) -> None:
        self._desk = desk
        self._errands = errands
        errands.register("click", self._do)
        self._admin = admin
        self._additions = additions
        self._tasks = tasks
        self._opener = opener
        self._removal = removal
        self._telling = telling
        self._background = background
        self._handlers: dict[Action, Handler] = {
            Action.WHY: self._why,
            Action.VOTE: self._vote,
            Action.RESULT: self._result,
            Action.CANCEL: self._cancel,
            Action.DELETE: self._delete,
            Action.FORGET: self._forget,
            Action.TASKS: self._open_tasks,
            Action.APPROVE: self._decide,
            Action.REJECT: self._decide,
            Action.ADMIN: self._administer,
            Action.EDIT: upkeep.open,
            Action.PAGE: turning.turn,
            Action.FILTER: turning.turn,
            Action.SHOW: turning.show,
            **dict.fromkeys((*STATUSES, Action.REFINE, Action.NEWER), upkeep.act),
        }

    async def handle(self, place: Place, click: Click, ack: AsyncAck) -> None:
        """Answers the click; a refusal is told to the person alone."""
        if click.action in ASKING:
            await self._opener.open(place, partial(submit_click, self._desk, click), ack)
            return
        if click.action in CHANGING:
            await self._errands.want_soon(place, "click", {"click": click.custom_id}, ack)
            return
        await ack()  # Slack hears of it when we return, so the rest is done behind its back
        self._background.start(self._act(place, click))

    async def _do(self, place: Place, details: Mapping[str, Any]) -> None:
        click = read_click(str(details["click"]))
        assert click  # it was stored as one
        await self._handlers[click.action](place, click)

    async def _act(self, place: Place, click: Click) -> None:
        handler = self._handlers.get(click.action)
        async with self._telling.explaining(place):
            if handler is None:
                await self._telling.say(place, (await self._telling.texts(place)).gone)
            else:
                await handler(place, click)

    async def _administer(self, place: Place, click: Click) -> None:
        """The buttons of an admin's Home; who clicks is checked again."""
        command = "lora proposed" if click.request_id == "lora" else "settings"
        await self._admin.command(place, command)

    async def _why(self, place: Place, click: Click) -> None:
        answer = await self._desk.show(click.request_id, place.asker)
        texts = await self._telling.texts(place)
        await self._telling.show(place, why_screen(make_reply(answer, texts), texts))

    async def _vote(self, place: Place, click: Click) -> None:
        texts = await self._telling.texts(place)
        told = await cast_vote(self._desk, click.request_id, click.index or 0, place.asker, texts)
        await self._telling.say(place, told)

    async def _result(self, place: Place, click: Click) -> None:
        texts = await self._telling.texts(place)
        lines = await duel_result(self._desk, click.request_id, place.asker, texts)
        await self._telling.show(place, lines_screen(texts.duel_result, lines))

    async def _cancel(self, place: Place, click: Click) -> None:
        texts = await self._telling.texts(place)
        ended = await self._removal.cancel(click.request_id, place.asker)
        await self._telling.say(place, texts.cancelled_now if ended else texts.ended_already)

    async def _delete(self, place: Place, click: Click) -> None:
        await self._removal.delete(click.request_id, place.asker)
        texts = await self._telling.texts(place)
        await self._telling.say(replace(place, thread=None), texts.deleted)

    async def _forget(self, place: Place, click: Click) -> None:
        requests, images = await self._removal.forget(place.asker)
        forgotten = (await self._telling.texts(place)).forgotten
        await self._telling.say(place, forgotten.format(requests=requests, images=images))

    async def _decide(self, place: Place, click: Click) -> None:
        await self._telling.show(place, await self._additions.decide(place, click))

    async def _open_tasks(self, place: Place, click: Click) -> None:
        await self._tasks.open(place, click)
