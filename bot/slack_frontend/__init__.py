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

    Raises `BadSettings` naming what is missing for one workspace, whose token the client or the
    settings have, or for many, which add the app by themselves; and for a token that ends.
    """
    slack = desk.settings.slack
    token = slack.token.get_secret_value()
    client = client or AsyncWebClient(token=token or None, base_url=slack.api_url)
    if client.token and slack.client_id:
        raise BadSettings(
            "slack.token serves one workspace, slack.client_id serves many; set one of them."
        )
    if slack.unfit:
        raise BadSettings(slack.unfit)
    if slack.client_id and slack.missing:
        raise BadSettings(f"Slack needs STYLUS_SLACK__{slack.missing.upper()} beside a client id.")
    if not (client.token or slack.client_id):
        raise BadSettings("Slack needs the bot's token: set STYLUS_SLACK__TOKEN (xoxb-...).")
    return StylusApp(desk, client)
