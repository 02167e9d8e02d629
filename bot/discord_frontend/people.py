"""People and places of Discord, as the desk knows them."""

from dataclasses import dataclass

import discord

from bot.discord_frontend.delivery import TOKEN_LIFE
from engine.desk import Desk
from engine.errors import NotAllowed
from engine.values import Asker, Home, Rules

PLATFORM = "discord"


def asker_of(interaction: discord.Interaction) -> Asker:
    """Returns who asked and where. A place that the bot is no member of is the person's own."""
    here = is_member(interaction)
    workspace = str(interaction.guild_id) if here else own_place(interaction.user.id)
    channel, user = str(interaction.channel_id), str(interaction.user.id)
    return Asker(PLATFORM, workspace, channel, user, roles_of(interaction))


def is_member(interaction: discord.Interaction) -> bool:
    """Whether the bot itself is in the server that the interaction comes from."""
    guild = interaction.guild_id
    return guild is not None and interaction.client.get_guild(guild) is not None


def own_place(user_id: int) -> str:
    """Returns the workspace that a person has alone: direct messages, and places without us."""
    return f"dm:{user_id}"


def home_of(interaction: discord.Interaction, *, private: bool) -> Home:
    """Returns where the answer to an interaction is shown."""
    message = interaction.message
    return Home(
        private=private,
        direct=_is_direct(interaction),
        reply_to=str(message.id) if message and not message.flags.ephemeral else None,
        token=interaction.token,
        token_until=interaction.created_at + TOKEN_LIFE,
        locale=str(interaction.locale),
        file_limit=interaction.filesize_limit,
    )


def _is_direct(interaction: discord.Interaction) -> bool:
    """Whether the bot could post in the channel without the interaction."""
    if interaction.guild_id:
        return is_member(interaction) and interaction.app_permissions.view_channel
    return interaction.context.dm_channel if interaction.context else True


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who may ask here and now, and what the place allows."""

    asker: Asker
    #: The event that asks.
    origin: str
    home: Home
    rules: Rules
    #: Whether the rules allow unsafe adapters in this very channel.
    unsafe: bool


async def enter(desk: Desk, interaction: discord.Interaction, *, private: bool) -> Entry:
    """Returns who asks and under which rules. Raises `NotAllowed`."""
    asker = asker_of(interaction)
    rules = await desk.workspaces.admit(asker, channels_of(interaction))
    home = home_of(interaction, private=private)
    unsafe = rules.unsafe and is_age_restricted(interaction)
    return Entry(asker, str(interaction.id), home, rules, unsafe)


def channels_of(interaction: discord.Interaction) -> set[str]:
    """Returns the ids of the channel and of the channel that a thread belongs to."""
    found = {interaction.channel_id, getattr(interaction.channel, "parent_id", None)}
    return {str(one) for one in found if one}


def roles_of(interaction: discord.Interaction) -> frozenset[str]:
    """Returns the ids of the person's roles in the server."""
    return frozenset(str(role.id) for role in getattr(interaction.user, "roles", []))


def is_age_restricted(interaction: discord.Interaction) -> bool:
    """Whether Discord lets adults only into the channel."""
    is_nsfw = getattr(interaction.channel, "is_nsfw", None)
    return bool(interaction.guild_id and is_nsfw and is_nsfw())


async def moderates(desk: Desk, interaction: discord.Interaction) -> bool:
    """Whether the person may tidy up: by Discord's own permission, or by the chosen role."""
    if is_moderator(interaction):
        return True
    rules = await desk.workspaces.rules(asker_of(interaction))
    return rules.moderators in roles_of(interaction)


async def keeps_library(desk: Desk, interaction: discord.Interaction) -> bool:
    """Whether the person looks after the server's library: an admin, or one of a chosen role."""
    if is_admin(interaction):
        return True
    asker = asker_of(interaction)
    return is_member(interaction) and (await desk.workspaces.rules(asker)).keeps_library(asker)


async def refuse_readers(desk: Desk, interaction: discord.Interaction) -> None:
    """Raises `NotAllowed` for people who do not look after the library."""
    if not await keeps_library(desk, interaction):
        raise NotAllowed("Only those who look after the library here can do that; ask one of them.")


def is_admin(interaction: discord.Interaction) -> bool:
    """Whether the person may manage the server."""
    return bool(interaction.guild_id) and interaction.permissions.manage_guild


def is_moderator(interaction: discord.Interaction) -> bool:
    """Whether the person may tidy up after others in this channel."""
    return bool(interaction.guild_id) and interaction.permissions.manage_messages
