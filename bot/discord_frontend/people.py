"""People and places of Discord, as the desk knows them."""

import discord

from bot.discord_frontend.delivery import TOKEN_LIFE
from engine.values import Asker, Home

PLATFORM = "discord"


def asker_of(interaction: discord.Interaction) -> Asker:
    """Returns who asked and where. A place that the bot is no member of is the person's own."""
    here = is_member(interaction)
    workspace = str(interaction.guild_id) if here else own_place(interaction.user.id)
    return Asker(PLATFORM, workspace, str(interaction.channel_id), str(interaction.user.id))


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
    )


def _is_direct(interaction: discord.Interaction) -> bool:
    """Whether the bot could post in the channel without the interaction."""
    if interaction.guild_id:
        return is_member(interaction) and interaction.app_permissions.view_channel
    return interaction.context.dm_channel if interaction.context else True


def is_moderator(interaction: discord.Interaction) -> bool:
    """Whether the person may tidy up after others in this channel."""
    return bool(interaction.guild_id) and interaction.permissions.manage_messages
