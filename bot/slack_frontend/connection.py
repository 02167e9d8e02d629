"""The connection to Slack in Socket Mode, which needs no public address."""

import asyncio
import logging

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.errors import SlackApiError

from bot.slack_frontend.app import StylusApp
from bot.slack_frontend.web import SlackRefused
from engine.errors import BadSettings


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
    """Takes events until cancelled. Raises `BadSettings` for an app token that is refused."""
    # The libraries speak of every reconnection; what matters reaches us as errors.
    logging.getLogger("slack_bolt").setLevel(logging.ERROR)
    token = app.desk.settings.slack.app_token.get_secret_value()
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
