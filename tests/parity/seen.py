"""What people see of an answer, read off the terminal, Discord and Slack alike."""

import io
import re
from dataclasses import dataclass
from typing import Any

import discord
from rich.console import Console

from bot.console.show import print_reply
from bot.reply import make_reply
from engine.values import Answer
from tests.discord.conftest import ids_of as discord_ids
from tests.discord.conftest import words_of as discord_words
from tests.slack.conftest import ids_of as slack_ids
from tests.slack.conftest import words_of as slack_words


@dataclass(frozen=True)
class Seen:
    """An answer without any platform's looks."""

    prompt: str
    #: Words, adapter, and its weight in each image; None where it is off.
    rows: tuple[tuple[str, str, tuple[str | None, ...]], ...]
    remarks: frozenset[str]


def on_terminal(answer: Answer) -> Seen:
    """Returns what `stylus prompt` prints."""
    out = io.StringIO()
    print_reply(Console(file=out, width=300), make_reply(answer), answer.timings, [])
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    images = len(answer.renderings)
    table = [[cell.strip() for cell in line.split("│")] for line in lines if "│" in line]
    rows = tuple(
        (row[0], row[1], tuple(None if cell == "off" else cell for cell in row[2 : 2 + images]))
        for row in table
        if row[0] != "words"
    )
    remarks = frozenset(line.removeprefix("• ") for line in lines if line.startswith("• "))
    return Seen(lines[0].strip("“”"), rows, remarks)


def on_discord(message: discord.Message, images: int) -> Seen:
    """Returns what a message on Discord shows."""
    lines = [bare(line) for line in discord_words(message).splitlines()]
    pairs = [line.split(" → ") for line in lines if " → " in line]
    rows = tuple(_row(words, adapter, images) for words, adapter in pairs)
    raw = discord_words(message).splitlines()
    small = [bare(line.removeprefix("-# ")) for line in raw if line.startswith("-# ")]
    return Seen(lines[0], rows, frozenset(line for line in small if " · " not in line))


def on_slack(message: dict[str, Any], images: int) -> Seen:
    """Returns what a message on Slack shows."""
    blocks = message["blocks"]
    fields = [field["text"] for block in blocks for field in block.get("fields", [])]
    pairs = zip(fields[::2], fields[1::2], strict=True)
    context = [e["text"] for b in blocks[2:] if b["type"] == "context" for e in b["elements"]]
    remarks = frozenset(line for text in context for line in text.splitlines())
    return Seen(blocks[0]["text"]["text"], tuple(_row(*p, images) for p in pairs), remarks)


def actions_on_discord(message: discord.Message) -> list[str]:
    return discord_ids(message)


def actions_on_slack(message: dict[str, Any]) -> list[str]:
    return slack_ids(message)


def summary_on_discord(message: discord.Message) -> str:
    """Returns the line under the prompt."""
    return bare(discord_words(message).splitlines()[1].removeprefix("-# "))


def summary_on_slack(message: dict[str, Any]) -> str:
    return slack_words(message).splitlines()[1].replace("`", "")


def bare(line: str) -> str:
    """Returns a line of Discord's without markup."""
    return re.sub(r"\\(.)", r"\1", line).replace("**", "").replace("`", "").removeprefix("### ")


def _row(words: str, adapter: str, images: int) -> tuple[str, str, tuple[str | None, ...]]:
    title, *uses = adapter.split(" · ")
    weights: list[str | None] = [None] * images
    for use in uses:
        found = re.fullmatch(r"([\d.]+) in (all images|images ([\d, ]+))", use)
        assert found, use
        numbers = range(1, images + 1) if found[3] is None else map(int, found[3].split(", "))
        for number in numbers:
            weights[number - 1] = found[1]
    return words, title, tuple(weights)
