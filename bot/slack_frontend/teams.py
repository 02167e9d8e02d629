"""Teams: which workspace is served with which token.

With a token in the settings there is one workspace. Without, each that has added the app has a
token of its own in the database.
"""

import asyncio
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack_frontend.team import Team
from bot.slack_frontend.web import SlackRefused, Web
from engine.desk import Desk, Installation, Unsealable

log = structlog.get_logger(part="slack")

#: Seconds for which a workspace's token is not looked up again: everybody's every click needs it.
REMEMBERED = 5.0
#: Seconds that a look-up may keep people waiting who were served before: Slack's patience is short.
PATIENCE = 0.25


@dataclass(frozen=True, slots=True)
class _Known:
    until: float
    installation: Installation
    team: Team


class Teams:
    """The teams of one app."""

    def __init__(self, desk: Desk, client: AsyncWebClient, make: Callable[[Web], Team]) -> None:
        self._desk = desk
        self._client = client
        self._make = make
        self._only = make(Web(client)) if client.token else None
        self._known: dict[str, _Known] = {}
        self._looking: dict[str, asyncio.Task[_Known | None]] = {}

    async def of(self, workspace: str) -> Team:
        """Returns the team of a workspace.

        Raises `SlackRefused` where the app is not installed there, or its token cannot be opened.
        """
        if self._only:
            return self._only
        known = self._known.get(workspace)
        if known and monotonic() < known.until:
            return known.team
        looking = self._looking.get(workspace)
        if looking is None:
            looking = self._looking[workspace] = asyncio.create_task(self._look(workspace))
            looking.add_done_callback(lambda _: self._looking.pop(workspace, None))
        await asyncio.wait({looking}, timeout=PATIENCE if known else None)
        if known and not looking.done():
            return known.team  # what it finds is there the next time
        found = looking.result()
        if found is None:
            raise SlackRefused("not_installed")
        return found.team

    async def _look(self, workspace: str) -> _Known | None:
        found, known = await self._find(workspace), self._known.pop(workspace, None)
        if found is None:
            return None
        same = known is not None and known.installation == found
        team = known.team if known and same else self._make(self._web(found))
        fresh = self._known[workspace] = _Known(monotonic() + REMEMBERED, found, team)
        return fresh

    async def _find(self, workspace: str) -> Installation | None:
        try:
            return await self._desk.installations.find(installed_for(workspace))
        except Unsealable as error:  # other workspaces have to be served all the same
            log.error("a workspace cannot be served", reason=str(error))
            return None

    def _web(self, installation: Installation) -> Web:
        client = copy(self._client)
        client.token = installation.token.get_secret_value()
        return Web(client, {"user_id": installation.bot_user, "bot_id": installation.bot_id})

    async def join(self, installation: Installation) -> None:
        """A workspace has added the app. Raises `BadSettings`."""
        await self._desk.installations.keep(installation)
        self._known.clear()

    async def renew(self, old: Installation, new: Installation) -> bool:
        """A workspace has its next tokens; returns False where others came meanwhile."""
        renewed = await self._desk.installations.renew(old, new)
        self._known.clear()
        return renewed

    async def leave(self, workspace: str, happened: datetime) -> bool:
        """A workspace has removed the app at that time; returns whether that is news."""
        if self._only:
            return False
        left = await self._desk.installations.drop(workspace, happened)
        self._known.clear()
        return left


def installed_for(workspace: str) -> list[str]:
    """Returns where the token for a workspace may be kept: its own, or the one with which its
    whole organisation has added the app."""
    enterprise, _, team = workspace.partition(":")
    return [workspace, f"{enterprise}:"] if enterprise and team else [workspace]
