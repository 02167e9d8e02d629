"""Discord and Slack over the same desk."""

from tests.discord.conftest import discord_server, simcord_bot
from tests.slack.conftest import slack, workspace

__all__ = ["discord_server", "simcord_bot", "slack", "workspace"]
