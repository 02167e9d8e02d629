"""Installing: workspaces add the app at `/slack/install`, and take it away in Slack.

Slack sends an admin who allows it back to us with a code, and for the code gives the token.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

import structlog
from pydantic import SecretStr
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.error import BoltError
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.installation_store.models.installation import Installation as Installed
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack_frontend.manifest import INSTALL, REDIRECT, SCOPES
from bot.slack_frontend.people import PLATFORM, workspace_of
from bot.slack_frontend.teams import Teams
from bot.slack_frontend.web import SlackRefused
from engine.desk import Desk, Installation, Unsealable
from engine.errors import StylusError
from engine.settings import Slack
from engine.values import Asker

log = structlog.get_logger(part="slack")

#: Seconds within which somebody must have allowed it, in the browser in which they began.
STATE_LIVES = 600
STATE = "state of an installation"

Join = Callable[[Installation], Awaitable[None]]


def install_flow(desk: Desk, client: AsyncWebClient, join: Join) -> AsyncOAuthFlow:
    """Returns the pages that lead to Slack and back."""
    ours = desk.settings.slack
    asking = quiet_client(client)
    return AsyncOAuthFlow(
        client=asking,
        logger=asking.logger,
        settings=AsyncOAuthSettings(
            client_id=ours.client_id,
            client_secret=ours.client_secret.get_secret_value(),
            scopes=sorted(SCOPES),
            user_scopes=[],
            redirect_uri=f"{ours.public_url}{REDIRECT}",
            install_path=INSTALL,
            install_page_rendering_enabled=False,
            redirect_uri_path=REDIRECT,
            authorization_url=authorization_url(ours),
            installation_store=_Store(desk, join),
            state_store=_States(desk),
            state_expiration_seconds=STATE_LIVES,
        ),
    )


def quiet_client(client: AsyncWebClient) -> AsyncWebClient:
    """Returns a client for calls whose answers have tokens in them: others write those down."""
    quiet = logging.getLogger("stylus.installing")
    quiet.setLevel(logging.WARNING)
    return AsyncWebClient(base_url=client.base_url, proxy=client.proxy, logger=quiet)


def authorization_url(settings: Slack) -> str:
    """Returns where admins allow the app; GovSlack has a place of its own."""
    return f"{settings.api_url.removesuffix('api/')}oauth/v2/authorize"


class _Store(AsyncInstallationStore):
    """Only takes: `Teams` looks tokens up."""

    def __init__(self, desk: Desk, join: Join) -> None:
        self._desk = desk
        self._join = join

    async def async_save(self, installation: Installed) -> None:
        """Keeps what Slack has given. Raises `BoltError`, of which the library makes a page."""
        whole = installation.is_enterprise_install
        team = "" if whole else installation.team_id or ""
        workspace = f"{installation.enterprise_id or ''}:{team}"
        name = installation.enterprise_name if whole else installation.team_name
        try:
            await self._join(
                Installation(
                    workspace=workspace,
                    name=name or "",
                    bot_user=installation.bot_user_id or "",
                    bot_id=installation.bot_id or "",
                    token=SecretStr(installation.bot_token or ""),
                    refresh=SecretStr(installation.bot_refresh_token or ""),
                    expires_at=_moment(installation.bot_token_expires_at),
                )
            )
            by = Asker(PLATFORM, workspace, "", installation.user_id)
            await self._desk.workspaces.note(by, "installed")
        except StylusError as error:
            raise BoltError(str(error)) from error


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


class _States(AsyncOAuthStateStore):
    """States that nobody can make up, each good once and for some minutes, in any process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def async_issue(self, *args: Any, **kwargs: Any) -> str:
        """Returns a new state."""
        return self._desk.installations.sealing.seal(token_urlsafe(16), STATE).decode()

    async def async_consume(self, state: str) -> bool:
        """Returns whether it is one of ours, fresh and used for the first time."""
        try:
            self._desk.installations.sealing.open(state.encode(), STATE, STATE_LIVES)
        except Unsealable:
            return False
        used = f"state {sha256(state.encode()).hexdigest()}"
        return await self._desk.events.first(PLATFORM, used)


class Authorize(AsyncAuthorize):
    """Tells the library who we are in the workspace that an event comes from."""

    def __init__(self, teams: Teams) -> None:
        self._teams = teams

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        **actor: str | None,
    ) -> AuthorizeResult | None:
        """Returns that, or None where we are nobody; what cannot be known now is raised, so that
        Slack sends the event again."""
        try:
            web = (await self._teams.of(workspace_of(context))).web
            me = await web.identity()
        except SlackRefused as error:
            log.warning("an event of a workspace that is not served", reason=str(error))
            return None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            user_id=user_id,
            bot_user_id=str(me["user_id"]),
            bot_id=str(me.get("bot_id") or ""),
            bot_token=web.client.token,
        )
