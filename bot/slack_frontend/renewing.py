"""Renewing: tokens of workspaces that end after some hours are exchanged for new ones in time.

Apps choose that in Slack (“token rotation”); what Slack then gives has an end and a second token,
which buys the next pair once.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack_frontend.teams import Teams
from bot.slack_frontend.web import ask
from engine.desk import Desk, Installation
from engine.errors import StylusError, Unavailable

log = structlog.get_logger(part="slack")

#: How long before its end a token is renewed: Slack may be out of reach for a while.
AHEAD = timedelta(hours=2)
#: Seconds between two looks.
LOOK = 300.0


class Renewing:
    """Made by the app where workspaces add it by themselves."""

    def __init__(self, desk: Desk, client: AsyncWebClient, teams: Teams) -> None:
        """`client` has no token, and writes nothing down: Slack's answers have tokens in them."""
        self._desk = desk
        self._client = client
        self._teams = teams

    async def run(self) -> None:
        """Renews until cancelled."""
        while True:
            try:
                await self.renew_due()
            except Unavailable as error:
                log.warning("tokens were not looked at", reason=str(error))
            await asyncio.sleep(LOOK)

    async def renew_due(self) -> int:
        """Renews what ends soon and returns how many that were; one that fails is tried again.

        Raises `DatabaseUnavailable` and `Unsealable`.
        """
        renewed = 0
        for old in await self._desk.installations.ending(datetime.now(UTC) + AHEAD):
            try:
                new = await self._exchange(old)
            except StylusError as error:
                log.warning("a token was not renewed", workspace=old.workspace, reason=str(error))
                continue
            renewed += await self._teams.renew(old, new)
        return renewed

    async def _exchange(self, old: Installation) -> Installation:
        """Returns the installation with its next tokens. Raises what `ask` raises."""
        ours, began = self._desk.settings.slack, datetime.now(UTC)
        given = await ask(
            self._client.oauth_v2_access(
                client_id=ours.client_id,
                client_secret=ours.client_secret.get_secret_value(),
                grant_type="refresh_token",
                refresh_token=old.refresh.get_secret_value(),
            )
        )
        return replace(
            old,
            token=SecretStr(given["access_token"]),
            refresh=SecretStr(given["refresh_token"]),
            expires_at=began + timedelta(seconds=int(given["expires_in"])),
        )
