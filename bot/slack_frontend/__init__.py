"""Slack: commands, mentions, buttons and reactions become requests; answers become messages.

`create_app(desk)` returns the bolt app. It opens nothing that lives long: the process that runs it
opens the desk, and runs the board and the deliveries beside it.
"""

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack_frontend.app import StylusApp
from engine.desk import Desk
from engine.errors import BadSettings

__all__ = ["create_app"]


def create_app(desk: Desk, client: AsyncWebClient | None = None) -> StylusApp:
    """Returns an app that is ready for events; it posts the desk's answers for Slack.

    Raises `BadSettings` where there is neither a client with a token nor a token.
    """
    slack = desk.settings.slack
    token = slack.token.get_secret_value()
    if not (token if client is None else client.token):
        raise BadSettings("Slack needs the bot's token: set STYLUS_SLACK__TOKEN (xoxb-...).")
    return StylusApp(desk, client or AsyncWebClient(token=token, base_url=slack.api_url))
