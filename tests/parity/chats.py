"""A person on Discord and a person in Slack who do the same, and what each gets to see."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import discord

from bot.benchmarks.loopback_slack.workspace import ADMIN, ANN, ART, BOB, DM, Json
from engine.desk import Desk
from engine.values import Progress, Request
from tests.discord.conftest import Server, walk
from tests.slack.conftest import Workspace

SLACK_PEOPLE = {"ann": ANN, "bob": BOB, "admin": ADMIN}
#: What Discord's commands call what stands after the command's name in Slack.
OPTIONS = {
    "show": "id", "history": "search", "cancel": "id", "duel": "text", "prompt": "text",
    "lora search": "text", "lora info": "id",
}  # fmt: skip
#: What Discord wants as a number.
NUMBERS: dict[str, type] = {"images": int, "seed": int, "steps": int, "guidance": float}


@dataclass(frozen=True)
class Shown:
    """What somebody sees, without any platform's looks: phrases, and what can be pressed."""

    phrases: tuple[str, ...]
    buttons: tuple[str, ...] = ()


class Chat(Protocol):
    """One platform with its people in one channel."""

    name: str
    desk: Desk

    async def do(self, command: str, words: str = "", who: str = "ann", **options: str) -> Shown:
        """Gives a command; returns what the person alone is told."""

    async def press(self, button: str, request: Request, who: str = "ann") -> Shown:
        """Presses a button of the request's message; returns what the person alone is told."""

    async def react(self, emoji: str, request: Request) -> None:
        """Puts a reaction on the request's message."""

    async def revise(self, request: Request, pins: list[int], weight: str) -> None:
        """Keeps these adapters alone, in every image, and gives the first a weight."""

    async def forget(self) -> Shown:
        """Asks for everything to be forgotten; returns the question, then what is told."""

    async def newest(self) -> Request:
        """Returns the request that was stored last."""

    async def refresh(self, news: Progress | None = None) -> None:
        """Brings all messages up to date."""

    def of(self, request: Request) -> Shown | None:
        """Returns the request's message; None where there is none."""

    def copies(self, request: Request) -> int:
        """Returns how many messages with images Ann has directly."""


class OnDiscord:
    """A server."""

    name = "discord"

    def __init__(self, server: Server) -> None:
        self._server = server
        self.desk = server.desk

    async def do(self, command: str, words: str = "", who: str = "ann", **options: str) -> Shown:
        typed = {name: NUMBERS.get(name, str)(one) for name, one in options.items()}
        given: dict[str, Any] = {OPTIONS[command]: words, **typed} if words else typed
        before = self._server.seen()
        done = await self._who(who).slash(self._server.channel, f"stylus {command}", **given)
        shown = done.followups[-1] if done.followups else done.response
        return on_discord(shown) if shown and shown.id not in self._server.seen() - before else NONE

    async def press(self, button: str, request: Request, who: str = "ann") -> Shown:
        message = self._message(request)
        assert message
        before = self._server.seen()
        done = await self._who(who).click(message, custom_id=button)
        shown = done.followups[-1] if done.followups else done.response
        return on_discord(shown) if shown and shown.id not in self._server.seen() - before else NONE

    async def react(self, emoji: str, request: Request) -> None:
        message = self._message(request)
        assert message
        await self._server.ann.react(message, emoji)

    async def revise(self, request: Request, pins: list[int], weight: str) -> None:
        ann, message = self._server.ann, self._message(request)
        assert message
        screen = (await ann.click(message, custom_id=f"stylus:tasks:{request.id}")).response
        assert screen
        chosen = [str(one) for one in pins]
        for part in ("adapters", "pins"):
            await ann.select(screen, chosen, custom_id=f"stylus:{part}:{request.id}")
        form = await ann.select(screen, chosen[:1], custom_id=f"stylus:weights:{request.id}")
        await ann.submit_modal(form, {"number": weight})
        await ann.click(screen, custom_id=f"stylus:render:{request.id}")

    async def forget(self) -> Shown:
        ann = self._server.ann
        asked = (await ann.slash(self._server.channel, "stylus delete-my-data")).response
        assert asked
        question = on_discord(asked)
        done = await ann.click(asked, custom_id="stylus:forget:me")
        told = on_discord(done.followups[-1] if done.followups else done.response)
        return Shown(question.phrases + told.phrases, question.buttons)

    async def newest(self) -> Request:
        return await self._server.newest()

    async def refresh(self, news: Progress | None = None) -> None:
        if news:
            self._server.bot.board.hear(news)
        await self._server.bot.board.refresh()

    def of(self, request: Request) -> Shown | None:
        message = self._message(request)
        return on_discord(message) if message else None

    def copies(self, request: Request) -> int:
        sent = [one.path for one in self._server.env.http_requests if one.method == "POST"]
        private = [path for path in sent if path.startswith("/channels/")]
        return len([path for path in private if str(self._server.channel.id) not in path])

    def _message(self, request: Request) -> discord.Message | None:
        """The newest with a button for the request."""
        history = sorted(self._server.channel.history(), key=lambda one: one.id)
        ours = [m for m in history if f":{request.id}" in repr(list(parts_of(m)))]
        return ours[-1] if ours else None

    def _who(self, who: str) -> Any:
        return self._server.ann if who == "ann" else self._server.bob


class OnSlack:
    """A workspace."""

    name = "slack"

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.desk = workspace.desk

    async def do(self, command: str, words: str = "", who: str = "ann", **options: str) -> Shown:
        flags = "".join(f" --{name} {value}" for name, value in options.items())
        before = len(self._workspace.slack.whispers)
        await self._workspace.slack.slash(f"{command} {words}{flags}", user=SLACK_PEOPLE[who])
        return await self._told(before)

    async def press(self, button: str, request: Request, who: str = "ann") -> Shown:
        message, before = self._message(request), len(self._workspace.slack.whispers)
        assert message
        await self._workspace.slack.click(button, message, SLACK_PEOPLE[who])
        return await self._told(before)

    async def react(self, emoji: str, request: Request) -> None:
        message = self._message(request)
        assert message
        names = {"🔁": "repeat", "✉️": "email", "👍": "+1"}
        await self._workspace.slack.react(message, names[emoji], ANN)
        await self._workspace.settled()

    async def revise(self, request: Request, pins: list[int], weight: str) -> None:
        await self.press(f"stylus:tasks:{request.id}", request)
        marked = {"selected_options": [{"value": str(one)} for one in pins]}
        form = {"ideas": {"selected_options": [{"value": "0"}, {"value": "1"}]}}
        values = {
            **form,
            "adapters": marked,
            "pins": marked,
            f"weight-{pins[0]}": {"value": weight},
        }
        await self._workspace.slack.send_form(values)
        await self._workspace.settled()

    async def forget(self) -> Shown:
        question = await self.do("delete-my-data")
        root, before = self._workspace.root, len(self._workspace.slack.whispers)
        await self._workspace.slack.click("stylus:forget:me", root, ANN)
        return Shown(question.phrases + (await self._told(before)).phrases, question.buttons)

    async def newest(self) -> Request:
        return await self._workspace.newest()

    async def refresh(self, news: Progress | None = None) -> None:
        if news:
            self._workspace.app.board.hear(news)
        await self._workspace.app.board.refresh()

    def of(self, request: Request) -> Shown | None:
        message = self._message(request)
        return on_slack(message["blocks"]) if message else None

    def copies(self, request: Request) -> int:
        return len([m for m in self._workspace.slack.messages(DM) if "files" in m])

    def _message(self, request: Request) -> Json | None:
        messages = self._workspace.slack.messages(ART)
        ours = [m for m in messages if f":{request.id}" in repr(m.get("blocks"))]
        return ours[-1] if ours else None

    async def _told(self, before: int) -> Shown:
        await self._workspace.settled()
        told = self._workspace.slack.whispers[before:]
        return on_slack(told[-1]["blocks"]) if told else NONE


NONE = Shown(())


def on_discord(message: Any) -> Shown:
    """Returns what a message of Discord's shows."""
    parts = list(parts_of(message))
    lines = [line for part in parts for line in part.get("content", "").splitlines()]
    labels = [part.get("label") or part.get("placeholder") for part in parts]
    return Shown(phrases(map(unmarked, lines)), tuple(label for label in labels if label))


def parts_of(message: Any) -> Iterator[dict[str, Any]]:
    found = message.components
    yield from walk([part if isinstance(part, dict) else part.to_dict() for part in found])


def unmarked(line: str) -> str:
    """Returns a line without Discord's marks."""
    bare = line.removeprefix("-# ").removeprefix("### ").replace("**", "").replace("`", "")
    return re.sub(r"\\(.)", r"\1", bare)


def on_slack(blocks: list[Json]) -> Shown:
    """Returns what blocks show."""
    lines, pressed = [], []
    for block in blocks:
        pressable = [*block.get("elements", []), *filter(None, [block.get("accessory")])]
        if "accessory" not in block:  # such a section says what its select is for
            lines += [bare(one) for one in texts_of(block)]
        if block["type"] != "context":
            pressed += [one.get("placeholder") or one.get("text") for one in pressable]
    return Shown(phrases(lines), tuple(one["text"] for one in pressed if one))


def texts_of(block: Json) -> Iterator[Json]:
    """Yields the texts that are no button's."""
    yield from (one for one in (block.get("text"),) if one)
    yield from block.get("fields", [])
    if block["type"] == "context":
        yield from block["elements"]


def bare(text: Json) -> str:
    """Returns a text without Slack's marks."""
    if text["type"] != "mrkdwn":
        return str(text["text"])
    plain = text["text"].replace("*", "").replace("`", "")
    return str(plain).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def phrases(lines: Any) -> tuple[str, ...]:
    """Returns what stands between marks and line ends; times differ from run to run, and what is
    bold on Discord has a colon in Slack."""
    text = "\n".join(lines).replace("`", "").replace(": ", " ")
    text = re.sub(r"( ·)? (<t:\d+:R>|\d{4}-\d\d-\d\d \d\d:\d\d)", " · THEN", text)
    text = re.sub(r"\b[\d.]+ s\b", "SOME s", text)
    return tuple(one.strip() for one in re.split(r"\n| · | → | — ", text) if one.strip())
