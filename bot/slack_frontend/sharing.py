"""Sharing: the images of a request as files of Slack, once, with what they show in words.

Only the last of the three steps is seen by people; the files carry their request in their names,
and by these a share is found again.
"""

import re
from collections.abc import Sequence
from typing import Any

from bot.lines import cut
from bot.pictures import Picture
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.web import SlackRefused, SlackSilent, Web, ask, send_bytes
from engine.desk import NotPosted
from engine.values import Home, Request

#: Characters of an alt text, for people who cannot see the image.
ALT = 1000
TITLE = 100


class Sharing:
    """Shares files for one workspace."""

    def __init__(self, web: Web, poster: Poster) -> None:
        self._web = web
        self._poster = poster

    async def share(
        self, channel: str, thread: str | None, comment: str, pictures: Sequence[Picture]
    ) -> list[str]:
        """Shares the pictures in one message and returns their files' ids.

        Raises `NotPosted` where surely nothing is out, `SlackSilent` where something may be.
        """
        files = [await self._upload(picture) for picture in pictures]

        async def send() -> dict[str, Any]:
            return await ask(
                self._web.hasty_client.files_completeUploadExternal(
                    files=files, channel_id=channel, thread_ts=thread, initial_comment=comment
                )
            )

        await self._poster.turns.take(channel, send)
        return [str(file["id"]) for file in files]

    async def _upload(self, picture: Picture) -> dict[str, str | None]:
        try:
            place = await ask(
                self._web.client.files_getUploadURLExternal(
                    filename=picture.name,
                    length=len(picture.content),
                    alt_txt=cut(picture.alt, ALT),
                )
            )
        except SlackSilent as error:
            raise NotPosted(str(error)) from error
        await send_bytes(str(place["upload_url"]), picture.content)
        return {"id": str(place["file_id"]), "title": cut(picture.alt, TITLE)}

    async def find(self, request: Request, home: Home) -> list[str]:
        """Returns the ids of the request's files that are out already."""
        async for message in self._poster.own_messages(request, home):
            files = message.get("files") or []
            found = [str(f["id"]) for f in files if request_of_file(f) == request.id]
            if found:
                return found
        return []

    async def delete(self, file_id: str) -> None:
        """Deletes a file of ours wherever it is shared; one that is gone is no error."""
        try:
            await ask(self._web.client.files_delete(file=file_id))
        except SlackRefused as error:
            if error.code not in ("file_not_found", "file_deleted"):
                raise

    async def look(self, file_id: str) -> dict[str, Any]:
        """Returns what Slack knows of a file."""
        return dict((await ask(self._web.client.files_info(file=file_id)))["file"])


def request_of_file(file: dict[str, Any]) -> str | None:
    """Returns whose image a file is, by its name; None where it is none of ours."""
    found = re.match(r"stylus-([0-9a-z]{10})-", str(file.get("name", "")))
    return found[1] if found else None


def shares_of(file: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns channel and message id of each share of a file."""
    shares = file.get("shares") or {}
    return [
        (channel, str(one["ts"]))
        for kind in ("public", "private")
        for channel, places in (shares.get(kind) or {}).items()
        for one in places
    ]
