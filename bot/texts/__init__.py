"""What the bot says, in one file a language."""

from bot.texts.english import ENGLISH
from bot.texts.german import GERMAN
from bot.texts.sentences import said
from bot.texts.texts import Texts

__all__ = ["ENGLISH", "LANGUAGES", "Texts", "said", "texts_for"]

#: By the first part of a locale, such as "en" of "en-US".
LANGUAGES = {"en": ENGLISH, "de": GERMAN}


def texts_for(locale: str) -> Texts:
    """Returns the texts of a locale; English where we do not have its language."""
    return LANGUAGES.get(locale.replace("_", "-").split("-")[0].lower(), ENGLISH)
