"""Shards: which servers a process of the bot looks after, when there are several.

Discord sends a server's events to the shard that follows from the server's id, and everything
else to the first shard.
"""

from collections.abc import Callable, Sequence
from typing import Any

from engine.settings import Discord
from engine.values import Asker


def shard_options(settings: Discord) -> dict[str, Any]:
    """Returns what the library wants to know; without a number of shards it asks Discord."""
    if settings.shards == 1:
        return {}
    return {
        "shard_count": settings.shards or None,
        "shard_ids": list(settings.shard_ids) or None,
    }


def shard_names(settings: Discord) -> Sequence[str]:
    """Returns the names of the shards of this process; none where it serves everybody."""
    return [f"{one}/{settings.shards}" for one in settings.shard_ids]


def shard_finder(settings: Discord) -> Callable[[Asker], str]:
    """Returns what names the shard that hears of somebody."""

    def name(asker: Asker) -> str:
        server = int(asker.workspace) if asker.workspace.isdecimal() else 0
        return f"{(server >> 22) % settings.shards}/{settings.shards}"

    return name


def is_served(settings: Discord) -> Callable[[Asker], bool]:
    """Returns what tells whether this process looks after somebody."""
    names, find = frozenset(shard_names(settings)), shard_finder(settings)
    return lambda asker: not names or find(asker) in names
