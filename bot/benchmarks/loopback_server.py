"""What the loopback Discord tells of its one server, and of who is there."""

from typing import Any

APP, GUILD, CHANNEL, USER = "1000", "2000", "3000", "4000"
#: Where the bot and a person are alone.
DIRECT = "5000"
#: All permissions.
EVERYTHING = str((1 << 53) - 1)

Json = dict[str, Any]


def direct_channel() -> Json:
    """Returns the channel in which the bot and a person are alone."""
    recipients = [person(USER, "ann")]
    return {"id": DIRECT, "type": 1, "last_message_id": None, "recipients": recipients}


def person(user_id: str, name: str, *, bot: bool = False) -> Json:
    """Returns a user."""
    return {
        "id": user_id, "username": name, "discriminator": "0", "global_name": None,
        "avatar": None, "bot": bot,
    }  # fmt: skip


def member(user_id: str = USER) -> Json:
    """Returns somebody of the server."""
    return {
        "user": person(user_id, "ann"), "roles": [], "joined_at": "2024-01-01T00:00:00+00:00",
        "deaf": False, "mute": False, "flags": 0, "permissions": EVERYTHING,
    }  # fmt: skip


def application() -> Json:
    """Returns what the bot may know of itself."""
    return {
        "id": APP, "name": "stylus", "icon": None, "description": "", "bot_public": True,
        "bot_require_code_grant": False, "verify_key": "", "owner": person(USER, "ann"),
        "flags": 0, "rpc_origins": [],
    }  # fmt: skip


def guild() -> Json:
    """Returns the one server."""
    channel = {
        "id": CHANNEL, "type": 0, "name": "art", "position": 0, "permission_overwrites": [],
        "nsfw": False, "guild_id": GUILD,
    }  # fmt: skip
    colours = {"primary_color": 0, "secondary_color": None, "tertiary_color": None}
    everyone = {
        "id": GUILD, "name": "@everyone", "color": 0, "colors": colours, "hoist": False,
        "position": 0, "permissions": EVERYTHING, "managed": False, "mentionable": False,
        "flags": 0,
    }  # fmt: skip
    empty = ("emojis", "features", "threads", "presences", "voice_states", "stickers",
             "stage_instances", "guild_scheduled_events")  # fmt: skip
    levels = ("premium_tier", "verification_level", "default_message_notifications",
              "explicit_content_filter", "mfa_level", "system_channel_flags",
              "nsfw_level")  # fmt: skip
    return {
        "id": GUILD, "name": "Server", "owner_id": USER, "roles": [everyone],
        "channels": [channel], "members": [member()], "member_count": 2, "large": False,
        "unavailable": False, "preferred_locale": "en-US",
        **{name: [] for name in empty}, **dict.fromkeys(levels, 0),
    }  # fmt: skip
