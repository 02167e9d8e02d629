"""Publishing: Discord's list of our commands is replaced only where it differs from ours."""

from typing import Any

import structlog
from discord.ext import commands

from bot.discord_frontend.translation import CommandTranslator

log = structlog.get_logger(part="discord")

#: What Discord adds to a command, or fills in where we say nothing.
_THEIRS = {
    "id", "application_id", "version", "guild_id", "dm_permission", "default_permission",
    "name_localized", "description_localized",
}  # fmt: skip


async def publish_commands(bot: commands.Bot) -> bool:
    """Publishes the commands where they have changed; returns whether it did.

    Discord takes 200 new commands a day; a bot that is restarted often must not use them up.
    """
    translator = CommandTranslator()
    await bot.tree.set_translator(translator)
    ours = [await c.get_translated_payload(bot.tree, translator) for c in bot.tree.get_commands()]
    theirs = await bot.http.get_global_commands(bot.application_id)  # type: ignore[arg-type]
    if _canonical(ours) == _canonical(theirs):
        return False
    await bot.tree.sync()
    log.info("commands published", count=len(ours))
    return True


def _canonical(found: Any) -> Any:
    """Returns the same value for commands that mean the same."""
    if isinstance(found, dict):
        kept = {k: _canonical(v) for k, v in found.items() if k not in _THEIRS}
        return {k: v for k, v in kept.items() if v not in (None, False, [], {}, "", "0")}
    if isinstance(found, list | tuple):
        values = [_canonical(value) for value in found]
        named = all(isinstance(value, dict) and "name" in value for value in values)
        return sorted(values, key=lambda value: str(value["name"])) if named else values
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else found
