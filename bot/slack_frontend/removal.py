"""Removal: cancelling and deleting, by the person who asked or an admin of the workspace."""

import contextlib

from bot.slack_frontend.people import PLATFORM
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.sharing import Sharing
from bot.slack_frontend.web import Web
from engine.desk import Desk
from engine.errors import NotAllowed, StylusError
from engine.values import Asker


class Removal:
    """Removes for one workspace."""

    def __init__(self, desk: Desk, web: Web, poster: Poster, sharing: Sharing) -> None:
        self._desk = desk
        self._web = web
        self._poster = poster
        self._sharing = sharing

    async def cancel(self, request_id: str, asker: Asker) -> bool:
        """Cancels a request; returns False where it had ended. Raises `NotAllowed`."""
        try:
            return await self._desk.cancel(request_id, asker)
        except NotAllowed:
            if not await self._web.is_admin(asker.user):
                raise
            return await self._desk.cancel(request_id, asker, moderator=True)

    async def delete(self, request_id: str, asker: Asker) -> None:
        """Deletes an answer's message and files. Raises `NotAllowed`."""
        try:
            await self._desk.check_may_change(request_id, asker)
        except NotAllowed:
            moderator = await self._web.is_admin(asker.user)
            await self._desk.check_may_change(request_id, asker, moderator=moderator)
        request = (await self._desk.answer(request_id)).request
        home = await self._desk.homes.of(request_id)
        for file_id in home.files or await self._sharing.find(request, home):
            await self._sharing.delete(file_id)
        if home.message_id:
            await self._poster.delete(request.asker.channel, home.message_id)

    async def forget(self, asker: Asker) -> tuple[int, int]:
        """Forgets a person, and deletes the messages and files that show what they asked.

        Returns how many requests and how many images are gone.
        """
        done = await self._desk.forgetting.person(PLATFORM, asker.user, asker.workspace)
        for file_id in done.files:
            with contextlib.suppress(StylusError):
                await self._sharing.delete(file_id)
        for channel, ts in done.messages:
            with contextlib.suppress(StylusError):  # it may be gone or out of reach
                for file_id in await self._poster.files_of(channel, ts):
                    await self._sharing.delete(file_id)
                await self._poster.delete(channel, ts)
        return done.requests, done.images
