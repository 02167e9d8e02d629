"""Slack: commands, mentions, buttons and reactions become requests; answers become messages.

`create_app(desk)` returns the bolt app. It opens nothing that lives long: the process that runs it
opens the desk, and runs the board and the deliveries beside it.
"""

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack_frontend.app import StylusApp
from engine.desk import Desk

__all__ = ["create_app"]


def create_app(desk: Desk, client: AsyncWebClient | None = None) -> StylusApp:
    """Returns an app that is ready for events; it posts the desk's answers for Slack."""
    token = desk.settings.slack.token.get_secret_value()
    return StylusApp(desk, client or AsyncWebClient(token=token))
