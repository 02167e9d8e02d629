"""People's words in Slack's messages: shown as they are, never read as mention, markup or link.

In blocks they stand in `plain_text`, which Slack does not read; only the line that notifications
show has to be escaped.
"""

import re

from slack_sdk.models.blocks import MarkdownTextObject, PlainTextObject

from bot.lines import cut


def escape(text: str) -> str:
    """Returns the text for a place that understands markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str, limit: int) -> PlainTextObject:
    """Returns people's words for a block, in one line of at most so many characters."""
    return PlainTextObject(text=cut(text, limit) or "–", emoji=False)


def ours(text: str) -> MarkdownTextObject:
    """Returns words of our own for a block, with markup; nobody else's may be in it."""
    return MarkdownTextObject(text=text)


def read_text(text: str) -> str:
    """Returns what a person wrote, of what Slack made of it: links and mentions as their words."""
    shown = re.sub(r"<([^<>|]*)\|([^<>]*)>", r"\2", text)
    bare = re.sub(r"<(?:mailto:)?([^<>]*)>", r"\1", shown)
    return bare.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def without_mention(text: str, user: str) -> str:
    """Returns the text without the first mention of the user."""
    return re.sub(rf"<@{re.escape(user)}(\|[^>]*)?>", " ", text, count=1).strip()
