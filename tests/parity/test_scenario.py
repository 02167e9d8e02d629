"""One scenario through Discord, Slack and the terminal: what people see is the same, word by word.

Engine and renderer are played by the test, so that all three see the same answers.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Any

import pytest

from bot.command_line import run
from engine.desk import Desk
from engine.processes import workers
from engine.requests.progress import CHANNEL, publish
from engine.values import Overrides, Phase, Progress, Request, SkippedAdapter
from tests.discord.atelier import begin, compose, fail, finish, render
from tests.discord.conftest import Server
from tests.parity.chats import Chat, OnDiscord, OnSlack, Shown, phrases
from tests.slack.conftest import Workspace

#: Adapters of `tests.cards`, by id as `tests.discord.atelier` composes them.
STAR, NEON = "test:star", "test:neon"
TITLES = {STAR: "Big star", NEON: "Neon glow"}
SKIPPED = SkippedAdapter("c", "Soft light", "its file is not here.")
FAILURE = "The renderer ran out of memory; ask for fewer images."

#: What a terminal has not, and what is there in its place.
NOT_AT_A_TERMINAL = {
    "queued behind another": "a command waits for its own answer; `stylus status` shows the line",
    "buttons": "a terminal has none; the commands are reroll, vary and upscale",
    "why": "the breakdown has the reasons in a column of their own",
    "compare": "`stylus prompt --adapters none --seed N` is the same",
    "cancelled": "Ctrl-C; there is no command that cancels",
    "cancelled by a stranger": "whoever has a terminal may do everything",
    "nothing to cancel": "there is no command that cancels",
    "history": "there is none; `stylus show ID` has every answer",
    "quota": "a terminal has none",
    "queue": "`stylus status`",
    "retry": "the same command again, with the seed",
    "reroll by reaction": "a terminal has no reactions",
    "a copy by mail": "a terminal has no reactions",
    "thumbs": "a terminal has no reactions",
    "duel": "a vote of several people needs a place where they meet",
    "duel, a vote": "as above",
    "duel, a vote once more": "as above",
    "duel, open": "as above",
    "duel, decided": "as above",
    "unknown adapter": "`stylus lora show` names the terminal's own command as the next step",
    "library": "`stylus lora search` shows a table of more columns, in the same order",
    "an adapter": "`stylus lora show` prints every field of the card",
    "forgotten": "whoever has a terminal may drop the database",
    "forgotten, shown": "as above",
}  # fmt: skip


async def under_way(chat: Chat) -> AsyncIterator[tuple[str, object]]:
    """From queued to the answer."""
    desk = chat.desk
    await chat.do("prompt", "blue heart", images="1")
    other = await chat.newest()
    await chat.do("prompt", "red star", images="4", seed="7")
    request = await chat.newest()
    await chat.refresh()
    yield "queued behind another", chat.of(request)
    yield "cancelled by a stranger", await chat.press(f"stylus:cancel:{other.id}", other, "bob")
    yield "cancelled", await chat.press(f"stylus:cancel:{other.id}", other)
    await desk.deliver_waiting(chat.name)
    yield "cancelled", chat.of(other)
    await compose(desk, request, TITLES)
    claimed = await begin(desk, request)
    await chat.refresh(Progress(request.id, Phase.RENDERING, step=4, steps=15))
    yield "rendering", chat.of(request)
    await render(desk, request, [SKIPPED], claimed)
    await desk.deliver_waiting(chat.name)
    shown = chat.of(request)
    assert shown
    yield "answer", shown.phrases
    yield "buttons", shown.buttons
    yield "why", await chat.press(f"stylus:why:{request.id}", request)
    yield "history", await chat.do("history")
    yield "quota", await chat.do("quota")
    yield "queue", await chat.do("queue")
    yield "nothing to cancel", await chat.do("cancel")
    async for scene in followed(chat, request):
        yield scene


async def followed(chat: Chat, request: Request) -> AsyncIterator[tuple[str, object]]:
    """What is asked for by an answer's buttons and reactions."""
    for action in ("reroll", "vary", "upscale", "compare"):
        button = f"stylus:{action}:{request.id}" + (":1" if action in ("vary", "upscale") else "")
        assert await chat.press(button, request) == Shown(())
        made = await chat.newest()
        yield action, stored(made)
        await finish(chat.desk, made)
        assert chat.of(made)
    await chat.react("🔁", request)
    made = await chat.newest()
    yield "reroll by reaction", stored(made)
    await fail(chat.desk, made, FAILURE)
    yield "failure", chat.of(made)
    await chat.press(f"stylus:retry:{made.id}", made)
    yield "retry", stored(await chat.newest())
    await finish(chat.desk, await chat.newest())
    await chat.revise(request, [1], "0.5")
    yield "pinned, dropped and weighed", (await chat.newest()).overrides
    await finish(chat.desk, await chat.newest())
    await chat.react("✉️", request)
    await chat.desk.deliver_waiting(chat.name)
    yield "a copy by mail", chat.copies(request)
    await chat.react("👍", request)
    yield "thumbs", await chat.desk.feedback.verdicts()


async def refused(chat: Chat) -> AsyncIterator[tuple[str, object]]:
    """What is not taken, each with one sentence for the person alone."""
    for name, words, options in REFUSED:
        yield name, (await chat.do("prompt", words, **options)).phrases
    yield "unknown request", (await chat.do("show", "nothing00x")).phrases


REFUSED: list[tuple[str, str, dict[str, str]]] = [
    ("refused for its words", "a nude star", {}),
    ("refused for its size", "red star", {"size": "big"}),
    ("refused for its length", "star " * 500, {}),
    ("refused for its checkpoint", "red star", {"checkpoint": "nowhere"}),
]


async def wished(chat: Chat) -> AsyncIterator[tuple[str, object]]:
    """Adapters, steps and guidance that the command itself names."""
    await chat.do("prompt", "red star", pin=STAR, drop=NEON, steps="7", guidance="3.5")
    yield "wishes", stored(await chat.newest())
    await finish(chat.desk, await chat.newest())


async def looked_up(chat: Chat) -> AsyncIterator[tuple[str, object]]:
    """The library."""
    yield "library", await chat.do("lora search", "a star")
    yield "an adapter", await chat.do("lora info", STAR)
    yield "unknown adapter", await chat.do("lora info", "nothing")


async def duelled(chat: Chat) -> AsyncIterator[tuple[str, object]]:
    """Two images, a vote and its result."""
    await chat.do("duel", "red star")
    duel = await chat.newest()
    await finish(chat.desk, duel, TITLES)
    yield "duel", chat.of(duel)
    answer = await chat.desk.answer(duel.id)
    method = next(one.index for one in answer.renderings if one.loaded)
    vote = f"stylus:vote:{duel.id}:{method}"
    yield "duel, a vote", re.sub(r"image \d", "image N", repr(await chat.press(vote, duel)))
    yield "duel, a vote once more", await chat.press(vote, duel)
    yield "duel, open", await chat.press(f"stylus:result:{duel.id}", duel, "bob")
    for number in range(4):
        await chat.desk.duels.vote(answer, f"guest{number}", method)
    await chat.desk.deliver_waiting(chat.name)
    told = repr(chat.of(duel))
    assert "Big star" in told
    yield "duel, decided", re.sub(r"images? \d|Image \d", "image N", told)


async def forgotten(chat: Chat) -> AsyncIterator[tuple[str, object]]:
    """Everything of Ann's goes."""
    await chat.do("prompt", "green tree", images="1")
    request = await chat.newest()
    await finish(chat.desk, request)
    yield "forgotten", await chat.forget()
    yield "forgotten, shown", chat.of(request)


PARTS = (under_way, refused, wished, looked_up, duelled, forgotten)


def stored(request: Request) -> dict[str, Any]:
    """Returns what was asked for, without who and where."""
    asked = asdict(replace(request, overrides=Overrides()))
    kept = ("kind", "prompt", "image_count", "parent_index", "sampling")
    return {name: asked[name] for name in kept} | {"overrides": request.overrides}


async def everything(chat: Chat) -> dict[str, list[str]]:
    """Returns what is seen in each scene; ids are named in the order in which they came."""
    found: dict[str, list[str]] = {}
    for part in PARTS:
        async for name, value in part(chat):
            found.setdefault(name, []).append(await nameless(value, chat.desk))
    return found


async def nameless(value: object, desk: Desk) -> str:
    """Returns a value as text, without the ids of requests."""
    async with desk.database.transaction() as connection:
        ids = await connection.exec_driver_sql("select id from requests order by created_at")
        text = value if isinstance(value, str) else repr(value)
        for row in ids:
            text = text.replace(row.id, "ID")
    return text


class Terminal:
    """Somebody at a terminal, with the real command line; each command runs in a thread."""

    def __init__(self, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
        self._desk = desk
        self._capsys = capsys

    async def refused(self, *arguments: str) -> tuple[str, ...]:
        """Returns the sentence with which a command ends."""
        assert await asyncio.to_thread(run, list(arguments)) in (1, 2)
        return phrases(self._capsys.readouterr().err.splitlines()[-1:])

    async def answered(self, *arguments: str) -> tuple[Request, tuple[str, ...]]:
        """Returns the request of a command, and all that it said."""
        async with self._running(*arguments) as request:
            await compose(self._desk, request, TITLES)
            claimed = await begin(self._desk, request)
            async with self._desk.database.transaction() as connection:
                step = Progress(request.id, Phase.RENDERING, step=4, steps=15)
                await publish(connection, step)
            await render(self._desk, request, [SKIPPED], claimed)
        out, err = self._capsys.readouterr()
        return request, phrases((err + out).splitlines())

    async def failed(self, *arguments: str) -> tuple[str, ...]:
        """Returns what a command says whose request fails."""
        async with self._running(*arguments) as request:
            await fail(self._desk, request, FAILURE)
        return phrases(self._capsys.readouterr().err.splitlines()[-1:])

    @asynccontextmanager
    async def _running(self, *arguments: str) -> AsyncIterator[Request]:
        """Yields what a command asks for; ends when the command has ended."""
        before, heard = await self._stored(), await self._listeners()
        async with self._desk.database.transaction() as connection:
            for role in ("engine", "renderer"):  # it starts none of its own then
                await workers.announce(connection, role, [], "")
        command = asyncio.create_task(asyncio.to_thread(run, [*arguments, "--out", "out"]))
        async with asyncio.timeout(60):
            while not ((new := await self._stored() - before) and await self._listeners() - heard):
                assert not command.done()
                await asyncio.sleep(0.01)
            yield (await self._desk.answer(new.pop())).request
            await command

    async def _stored(self) -> set[str]:
        async with self._desk.database.transaction() as connection:
            return {row.id for row in await connection.exec_driver_sql("select id from requests")}

    async def _listeners(self) -> set[int]:
        """Returns who hears of steps, which are told once."""
        statement = f"select pid from pg_stat_activity where query = 'listen {CHANNEL}'"
        async with self._desk.database.transaction() as connection:
            return {row.pid for row in await connection.exec_driver_sql(statement)}


async def at_a_terminal(terminal: Terminal) -> dict[str, object]:
    """Returns what is said, or asked for, in each scene that a terminal has."""
    asked = ("--images", "4", "--seed", "7")
    request, said = await terminal.answered("prompt", "red star", *asked)
    found: dict[str, object] = {"rendering": steps_of(said), "answer": remarks_of(said)}
    for action in ("reroll", "vary", "upscale"):
        index = () if action == "reroll" else ("1",)
        found[action] = stored((await terminal.answered(action, request.id, *index))[0])
    wishes = ("--pin", NEON, "--drop", STAR, "--weight", f"{NEON}=0.5")
    pinned, _ = await terminal.answered("prompt", "red star", *wishes)
    found["pinned, dropped and weighed"] = pinned.overrides
    named = ("--pin", STAR, "--drop", NEON, "--steps", "7", "--guidance", "3.5")
    found["wishes"] = stored((await terminal.answered("prompt", "red star", *named))[0])
    found["failure"] = FAILURE if FAILURE in " ".join(await terminal.failed("prompt", "x")) else ""
    for name, words, options in REFUSED:
        given = [part for option, value in options.items() for part in (f"--{option}", value)]
        found[name] = await terminal.refused("prompt", words, *given)
    found["unknown request"] = await terminal.refused("show", "nothing00x")
    return found


def steps_of(said: tuple[str, ...]) -> list[str]:
    """Returns the phrases of the step, in the order in which they are said."""
    at = said.index("step 4 of 15")
    return list(said[at - 1 : at + 1])


def remarks_of(said: tuple[str, ...]) -> list[str]:
    """Returns the remarks under the breakdown."""
    return [one.removeprefix("• ") for one in said if one.startswith("• ")]


async def test_people_see_the_same(
    catalogue: tuple[str, ...],
    discord_server: Server,
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On Discord and in Slack each scene is the same; what a terminal says stands there, too."""
    desk = workspace.desk
    there = await everything(OnDiscord(discord_server))
    here = await everything(OnSlack(workspace))
    assert list(there) == list(here)
    assert {name: there[name] for name in there if there[name] != here[name]} == {
        name: here[name] for name in there if there[name] != here[name]
    }
    told = await at_a_terminal(Terminal(desk, capsys))
    assert set(told) | set(NOT_AT_A_TERMINAL) == set(there)
    assert not set(told) & set(NOT_AT_A_TERMINAL)
    for name, value in told.items():
        assert value, name
        words = value if isinstance(value, list) else [value]
        for one in words:
            assert (await nameless(one, desk)).strip("()") in there[name][0], name
