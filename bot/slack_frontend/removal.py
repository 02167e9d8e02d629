"""Removal: cancelling and deleting, by the person who asked or an admin of the workspace."""

from collections.abc import Mapping
from typing import Any

from bot.slack_frontend.people import PLATFORM, Place
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.sharing import Sharing
from bot.slack_frontend.web import Web
from engine.desk import Desk
from engine.errors import NotAllowed
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
        """Forgets a person, and deletes the messages and files that show what they asked; what
        cannot be deleted now is deleted later.

        Returns how many requests and how many images are gone.
        """
        done = await self._desk.forgetting.person(PLATFORM, asker.user, asker.workspace)
        for errand in done.errands:
            await self._desk.errands.do(PLATFORM, errand)
        return done.requests, done.images

    async def erase(self, place: Place, details: Mapping[str, Any]) -> None:
        """Deletes a message of ours with its files, or files alone."""
        channel, ts = place.asker.channel, details.get("message")
        files = await self._poster.files_of(channel, str(ts)) if ts else details["files"]
        for file_id in files:
            await self._sharing.delete(str(file_id))
        if ts:
            await self._poster.delete(channel, str(ts))
