"""The connection to Slack: Socket Mode, which needs no public address, or HTTP."""

import asyncio
import logging

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.errors import SlackApiError

from bot.slack_frontend.app import StylusApp
from bot.slack_frontend.web import SlackRefused
from engine.errors import BadSettings

#: Where Slack is told to send its requests.
PATH = "/slack/events"


async def check_token(app: StylusApp) -> None:
    """Asks Slack who we are. Raises `BadSettings` for a token that is refused."""
    try:
        await app.web.me()
    except SlackRefused as error:
        raise BadSettings(
            f"Slack does not accept the bot's token ({error.code}); set STYLUS_SLACK__TOKEN to "
            "the one that begins with xoxb- on the app's page “OAuth & Permissions”."
        ) from error


async def stay_connected(app: StylusApp) -> None:
    """Takes events until cancelled. Raises `BadSettings` for settings that do not work."""
    # The libraries speak of every reconnection; what matters reaches us as errors.
    logging.getLogger("slack_bolt").setLevel(logging.ERROR)
    token = app.desk.settings.slack.app_token.get_secret_value()
    await (_stay_in_socket(app, token) if token else _serve(app))


async def _stay_in_socket(app: StylusApp, token: str) -> None:
    handler = AsyncSocketModeHandler(app, token, web_client=app.web.client)
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
    runner = web.AppRunner(app.web_app(path=PATH))
    await runner.setup()
    try:
        await web.TCPSite(runner, host, int(port)).start()
        await asyncio.Event().wait()
    except (OSError, OverflowError) as error:
        raise BadSettings(
            f"Nothing can be taken at {host}:{port} ({error}); change the setting slack.listen."
        ) from error
    finally:
        await runner.cleanup()
        await app.background.finish()
