"""The connection to Discord: login, gateway, invitation; Discord's refusals as sentences."""

import base64

import aiohttp
import discord

from engine.errors import BadSettings, Unavailable

#: What the bot may do where it is invited, and nothing else.
PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    attach_files=True,
    read_message_history=True,
)


async def log_in(client: discord.Client, token: str) -> None:
    """Logs in. Raises `BadSettings` for a token that is refused, `Unavailable` for silence."""
    try:
        await client.login(token)
    except discord.LoginFailure as error:
        raise BadSettings(
            "Discord refuses the token; copy it again from the developer portal, or reset it "
            "there and set STYLUS_DISCORD__TOKEN."
        ) from error
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        raise Unavailable("Discord does not answer; try again later.") from error


async def stay_connected(client: discord.Client) -> None:
    """Keeps the gateway open, connecting again by itself. Raises `Unavailable` once it cannot."""
    try:
        await client.connect()
    except (discord.ConnectionClosed, discord.GatewayNotFound) as error:
        raise Unavailable(f"Discord closed the connection for good: {error}.") from error


def invite_url(token: str) -> str:
    """Returns the address at which an admin invites the bot, with exactly what it needs.

    A token begins with the bot's id. Raises `BadSettings` for what is no token.
    """
    first = token.partition(".")[0]
    try:
        application = int(base64.b64decode(first + "=" * (-len(first) % 4), validate=True))
    except ValueError:
        raise BadSettings(
            "STYLUS_DISCORD__TOKEN is no bot token; copy it again from the developer portal."
        ) from None
    return discord.utils.oauth_url(
        application, permissions=PERMISSIONS, scopes=("bot", "applications.commands")
    )
