"""Names and descriptions of commands in the languages that we have."""

import discord
from discord import app_commands

from bot.texts import LANGUAGES


class CommandTranslator(app_commands.Translator):
    """Looks the English words up in the language's texts; what is not there stays English."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """Returns the words in the locale's language; None leaves them as they are."""
        texts = LANGUAGES.get(locale.value.split("-")[0])
        return texts.commands.get(string.message) if texts else None
