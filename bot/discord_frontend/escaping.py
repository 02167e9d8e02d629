"""People's words inside our messages: shown as they are, never read as mention, markup or link."""

import re

from bot.lines import cut

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
