"""Statuses: how far a request is, in its message, as long as Slack has room for that."""

import asyncio

import structlog

from bot.slack_frontend.posting import Poster
from bot.slack_frontend.screens import status_screen
from bot.slack_frontend.web import SlackBusy
from bot.status import Status
from engine.errors import StylusError
from engine.values import Standing

log = structlog.get_logger(part="slack")


class Statuses:
    """Shows them in one workspace."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster
        self._pause_until = 0.0

    async def show(self, standing: Standing, status: Status) -> None:
        """Changes the message; one that is not there yet, or out of reach, is left alone.

        While Slack asks for a pause none is changed: answers need the room.
        """
        now = asyncio.get_running_loop().time()
        if now < self._pause_until:
            return
        screen = status_screen(status)
        try:
            await self._poster.change(standing.request, standing.home, screen, hasty=True)
        except SlackBusy as error:
            self._pause_until = now + error.pause
        except StylusError as error:
            log.info("a status was not shown", request=status.request_id, reason=str(error))
