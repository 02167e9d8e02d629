"""The connection to Slack: Socket Mode, which needs no public address, or HTTP."""

import asyncio
import logging

import structlog
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.errors import SlackApiError

from bot.slack_frontend.app import StylusApp
from bot.slack_frontend.manifest import EVENTS_PATH
from bot.slack_frontend.web import SlackRefused
from engine.errors import BadSettings

log = structlog.get_logger(part="slack")


async def check_tokens(app: StylusApp) -> None:
    """Asks Slack who we are, or where there are many workspaces seals their tokens with the key
    that counts now and renews those that end. Raises `BadSettings` for a token that is refused or
    cannot be opened."""
    if app.oauth_flow:
        await app.desk.installations.reseal()
        await app.renewing.renew_due()
        return
    try:
        await (await app.teams.of("")).web.me()
    except SlackRefused as error:
        raise BadSettings(
            f"Slack does not accept the bot's token ({error.code}); set STYLUS_SLACK__TOKEN to "
            "the one that begins with xoxb- on the app's page “OAuth & Permissions”."
        ) from error


async def stay_connected(app: StylusApp) -> None:
    """Takes events until cancelled. Raises `BadSettings` for settings that do not work."""
    # The libraries speak of every reconnection; what matters reaches us as errors.
    logging.getLogger("slack_bolt").setLevel(logging.ERROR)
    slack = app.desk.settings.slack
    token = "" if slack.client_id else slack.app_token.get_secret_value()
    await (_stay_in_socket(app, token) if token else _serve(app))


async def _stay_in_socket(app: StylusApp, token: str) -> None:
    handler = AsyncSocketModeHandler(app, token, web_client=app.client)
    try:
        await handler.connect_async()  # type: ignore[no-untyped-call]
        await asyncio.Event().wait()
    except SlackApiError as error:
        raise BadSettings(
            f"Slack does not accept the app's token ({error.response.get('error')}); set "
            "STYLUS_SLACK__APP_TOKEN to the one that begins with xapp- and may open connections."
        ) from error
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
        await app.background.finish()


async def _serve(app: StylusApp) -> None:
    """Takes signed requests; the library refuses all others, and those older than 5 minutes."""
    host, _, port = app.desk.settings.slack.listen.rpartition(":")
    # Without a log of accesses: the address to which people come back has a secret in it.
    runner = web.AppRunner(app.web_app(path=EVENTS_PATH), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, int(port)).start()
        taken = runner.addresses[0][1]  # port 0 is whichever is free
        log.info("listening", address=f"{host}:{taken}")
        await (app.renewing.run() if app.oauth_flow else asyncio.Event().wait())
    except (OSError, OverflowError) as error:
        raise BadSettings(
            f"Nothing can be taken at {host}:{port} ({error}); change the setting slack.listen."
        ) from error
    finally:
        await runner.cleanup()
        await app.background.finish()
