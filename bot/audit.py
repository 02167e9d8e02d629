"""The audit log in words, on any platform."""

from collections.abc import Callable, Sequence

from bot.lines import cut
from engine.desk import Change

#: Characters of a value.
VALUE = 60


def change_lines(
    changes: Sequence[Change],
    time: Callable[[Change], str],
    person: Callable[[str], str],
    escape: Callable[[str], str] = str,
) -> list[str]:
    """Returns a line for each change: when, who, and what was and is; operators by their name."""
    return [
        f"{time(one)} {escape(one.user) if one.platform == 'console' else person(one.user)} "
        + escape(in_words(one))
        for one in changes
    ]


def in_words(change: Change) -> str:
    """Returns what was changed, with its values before and after."""
    changed = [
        f"{name} {_value(was)} → {_value(now)}" for name, (was, now) in change.details.items()
    ]
    return " · ".join(changed) or change.action


def _value(value: object) -> str:
    return cut(str(value), VALUE) if value not in (None, "") else "–"
