"""People's words inside our messages: shown as they are, never read as mention, markup or link."""

import re

#: Everything that begins or ends some markup. A colon and a dot end addresses too, so that no
#: address is made a link; full words stay readable since Discord hides the backslash.
_MARKUP = re.compile(r"([\\*_~`|<>\[\]()#:./\-])")
#: What separates the sign from a name, so that it is no mention.
_NOTHING = "\u200b"


def plain(text: str, limit: int) -> str:
    """Returns the text for a place that understands markup, in one line.

    Cut before it is escaped, so that no backslash is left alone at the end; `limit` counts the
    characters that people see.
    """
    return _MARKUP.sub(r"\\\1", cut(text, limit)).replace("@", f"@{_NOTHING}")


def cut(text: str, limit: int) -> str:
    """Returns the text in one line of at most so many characters, for places without markup."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def join_lines(lines: list[str], limit: int, more: str) -> str:
    """Returns as many whole lines as fit, and `more` in the place of the others."""
    kept: list[str] = []
    room = limit - len(more) - 1
    for line in lines:
        if len(line) + 1 > room:
            return "\n".join([*kept, more])
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept)
