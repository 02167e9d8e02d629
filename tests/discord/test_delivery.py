"""Exactly one answer is seen, whatever breaks: processes, tokens, permissions, Discord itself."""

from datetime import datetime, timedelta
from typing import Any

import discord
import pytest
from sqlalchemy import text

from bot.discord_frontend import create_bot
from engine.desk import Desk
from engine.requests import delivery
from engine.values import Request
from tests.discord.atelier import compose, finish, render
from tests.discord.conftest import Server, walk, words_of

PAST = "now() - interval '1 minute'"


async def run(desk: Desk, statement: str, **values: Any) -> list[Any]:
    """Runs one statement and returns its rows."""
    async with desk.database.transaction() as connection:
        done = await connection.execute(text(statement), values)
        return list(done) if done.returns_rows else []


async def state(desk: Desk, request: Request) -> tuple[str, str | None]:
    """Returns the delivery's state and why it was given up."""
    rows = await run(
        desk, "select state, failure from deliveries where request_id = :id", id=request.id
    )
    return rows[0].state, rows[0].failure


async def kill_token(desk: Desk, request: Request) -> None:
    """Fifteen minutes have passed."""
    await last_until(desk, request, discord.utils.utcnow() - timedelta(seconds=1))


async def last_until(desk: Desk, request: Request, then: datetime) -> None:
    change = "update homes set token_until = :then where request_id = :id"
    await run(desk, change, then=then, id=request.id)


async def rerolled(server: Server) -> Request:
    """Returns a request made by a reaction: no interaction leads to its message."""
    request = await server.prompt(images=2)
    await finish(server.desk, request)
    await server.bob.react(server.last, "🔁")
    again = await server.newest()
    assert again.id != request.id
    return again


async def ready(server: Server, request: Request) -> None:
    """The answer waits to be delivered."""
    await compose(server.desk, request)
    await render(server.desk, request)


async def test_a_crash_after_posting_leaves_one_answer(discord_server: Server) -> None:
    """The process dies between posting and recording; its successor must not post again."""
    for request in (await discord_server.prompt(images=2), await rerolled(discord_server)):
        await finish(discord_server.desk, request)
        before = discord_server.seen()
        await run(
            discord_server.desk,
            f"update deliveries set state = 'posting', message_id = null, posting_at = {PAST} "
            "where request_id = :id",
            id=request.id,
        )
        await discord_server.env.restart_bot(create_bot(discord_server.desk))
        assert await discord_server.desk.deliver_waiting("discord") == 1
        assert discord_server.seen() == before
        assert (await state(discord_server.desk, request))[0] == "posted"


async def test_a_crash_before_the_message_id_is_known_leaves_one_message(
    discord_server: Server,
) -> None:
    """The status is out, and nobody wrote down where: it is found by what its buttons carry."""
    request = await rerolled(discord_server)
    before = discord_server.seen()
    await run(
        discord_server.desk,
        "update homes set message_id = null where request_id = :id",
        id=request.id,
    )
    await finish(discord_server.desk, request)
    assert discord_server.seen() == before
    assert len(discord_server.last.attachments) == 3


async def test_a_message_whose_id_is_unknown_is_the_tokens_first(discord_server: Server) -> None:
    """Killed right after the request was stored, when the message may say no more than
    “thinking”: nothing in the channel tells which it is, but the token does."""
    request = await discord_server.prompt(images=2)
    await run(
        discord_server.desk,
        "update homes set message_id = null, token_until = token_until - interval '1 minute'",
    )
    await finish(discord_server.desk, request)
    assert len(discord_server.seen()) == 1
    assert len(discord_server.last.attachments) == 3
    changes = [one for one in discord_server.env.http_requests if one.method == "PATCH"]
    assert changes[-1].path.endswith("@original")


async def test_a_crash_between_claim_and_posting_is_taken_up(discord_server: Server) -> None:
    request = await discord_server.prompt(images=2)
    await ready(discord_server, request)
    async with discord_server.desk.database.transaction() as connection:
        assert await delivery.claim(connection, request.id, 10)
    assert await discord_server.desk.deliver_waiting("discord") == 0
    await run(discord_server.desk, f"update deliveries set posting_at = {PAST}")
    assert await discord_server.desk.deliver_waiting("discord") == 1
    assert len(discord_server.last.attachments) == 3


async def test_after_the_token_has_died_the_bot_changes_its_message(
    discord_server: Server,
) -> None:
    request = await discord_server.prompt(images=2)
    asked = discord_server.last.id
    await kill_token(discord_server.desk, request)
    await finish(discord_server.desk, request)
    assert discord_server.last.id == asked
    assert len(discord_server.last.attachments) == 3
    sent = [one.path for one in discord_server.env.http_requests if one.method == "PATCH"]
    assert [path for path in sent if "/webhooks/" in path] == []


async def test_a_private_answer_stays_private(discord_server: Server) -> None:
    result = await discord_server.ann.slash(
        discord_server.channel, "stylus prompt", text="red star", images=2, private=True
    )
    assert result.ephemeral
    request = await discord_server.newest()
    await finish(discord_server.desk, request)
    shown = discord_server.channel.history(viewer=discord_server.ann)[-1]
    assert len(shown.attachments) == 3
    assert not discord_server.channel.history(viewer=discord_server.bob)
    again = await discord_server.ann.click(shown, custom_id=f"stylus:reroll:{request.id}")
    assert again.ephemeral


async def test_a_private_answer_whose_token_died_goes_to_the_person(
    discord_server: Server,
) -> None:
    await discord_server.ann.slash(
        discord_server.channel, "stylus prompt", text="red star", private=True
    )
    request = await discord_server.newest()
    await discord_server.bot.board.refresh()
    seen = discord_server.channel.history(viewer=discord_server.ann)
    assert "/stylus show" not in words_of(seen[-1])
    soon = discord.utils.utcnow() + timedelta(seconds=90)
    await last_until(discord_server.desk, request, soon)
    await discord_server.bot.board.refresh()
    told = discord_server.channel.history(viewer=discord_server.ann)[-1]
    assert f"/stylus show {request.id}" in words_of(told)
    await kill_token(discord_server.desk, request)
    await finish(discord_server.desk, request)
    assert (await state(discord_server.desk, request)) == ("posted", None)
    direct = await (await discord_server.bot.fetch_user(discord_server.ann.id)).create_dm()
    found = [message async for message in direct.history()]
    assert len(found) == 1
    assert len(found[0].attachments) == 5


async def test_a_busy_discord_is_asked_again(discord_server: Server) -> None:
    request = await discord_server.prompt(images=2)
    await ready(discord_server, request)
    discord_server.env.inject_error("PATCH", "/webhooks/*", status=503)
    assert await discord_server.desk.deliver_waiting("discord") == 0
    assert (await state(discord_server.desk, request)) == ("wanted", None)
    assert await discord_server.desk.deliver_waiting("discord") == 1
    assert len(discord_server.last.attachments) == 3


async def test_a_status_that_was_deleted_gives_a_new_message(discord_server: Server) -> None:
    request = await discord_server.prompt(images=2)
    await discord_server.last.delete()
    await finish(discord_server.desk, request)
    assert len(discord_server.seen()) == 1
    assert len(discord_server.last.attachments) == 3


async def test_a_bot_that_may_send_no_files_says_so(discord_server: Server) -> None:
    request = await rerolled(discord_server)
    await ready(discord_server, request)
    discord_server.env.inject_error("PATCH", "/channels/*", status=403)
    assert await discord_server.desk.deliver_waiting("discord") == 0
    assert "I may not post files here" in words_of(discord_server.last)
    assert f"/stylus show {request.id}" in words_of(discord_server.last)
    assert (await state(discord_server.desk, request))[0] == "undeliverable"


async def test_a_channel_that_is_gone_is_recorded(discord_server: Server) -> None:
    request = await rerolled(discord_server)
    await ready(discord_server, request)
    channel = discord_server.bot.get_channel(discord_server.channel.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.delete()
    assert await discord_server.desk.deliver_waiting("discord") == 0
    kept, why = await state(discord_server.desk, request)
    assert kept == "undeliverable"
    assert why
    assert "channel is gone" in why


async def test_a_bot_that_was_kicked_records_it(discord_server: Server) -> None:
    request = await rerolled(discord_server)
    await ready(discord_server, request)
    guild = discord_server.bot.get_guild(discord_server.guild.id)
    assert guild
    await guild.leave()
    assert await discord_server.desk.deliver_waiting("discord") == 0
    assert (await state(discord_server.desk, request))[0] == "undeliverable"


async def test_no_message_can_mention_anybody(discord_server: Server) -> None:
    """Discord is told so with every message, whatever its words are."""
    request = await discord_server.prompt("@everyone <@1> [x](https://evil.example)", images=2)
    await finish(discord_server.desk, request)
    await discord_server.bob.react(discord_server.last, "🔁")
    await finish(discord_server.desk, await discord_server.newest())
    await discord_server.ann.click(discord_server.last, label="Why these adapters")
    sent = [one for one in discord_server.env.http_requests if one.method in ("POST", "PATCH")]
    bodies = [one.json.get("data", one.json) for one in sent if isinstance(one.json, dict)]
    posted = [body for body in bodies if body.get("components")]
    assert len(posted) >= 5
    for body in posted:
        assert body.get("allowed_mentions", {"parse": []})["parse"] == []
        contents = [part.get("content", "") for part in walk(body["components"])]
        assert not [one for one in contents if "@everyone" in one or "<@1>" in one]
    assert not discord_server.last.mention_everyone


@pytest.mark.parametrize("status", [500, 429])
async def test_an_ambiguous_post_is_looked_for(discord_server: Server, status: int) -> None:
    """Discord breaks off while a message is posted: later there is one, not none and not two."""
    request = await rerolled(discord_server)
    await discord_server.last.delete()
    await ready(discord_server, request)
    discord_server.env.inject_error("POST", "/channels/*/messages", status=status)
    assert await discord_server.desk.deliver_waiting("discord") == 0
    await run(discord_server.desk, f"update deliveries set posting_at = {PAST}")
    assert await discord_server.desk.deliver_waiting("discord") == 1
    assert len(discord_server.last.attachments) == 3
    assert await discord_server.desk.deliver_waiting("discord") == 0


async def test_what_is_too_large_is_sent_smaller(discord_server: Server) -> None:
    request = await discord_server.prompt(images=2)
    await ready(discord_server, request)
    discord_server.env.inject_error("PATCH", "/webhooks/*", status=413)
    assert await discord_server.desk.deliver_waiting("discord") == 1
    assert len(discord_server.last.attachments) == 3
    largest = next(a for a in discord_server.last.attachments if "sheet" in a.filename)
    content = await largest.read()
    assert content.startswith(b"\xff\xd8"), "a JPEG file"
    assert "too large for this place" in words_of(discord_server.last)


async def test_what_the_place_takes_is_known_before_anything_is_sent(
    discord_server: Server,
) -> None:
    request = await discord_server.prompt(images=2)
    await run(discord_server.desk, "update homes set file_limit = 3000")
    await finish(discord_server.desk, request)
    sent = [one for one in discord_server.env.http_requests if one.method == "PATCH"]
    assert len(sent) == 1
    sizes = [one.size for one in discord_server.last.attachments]
    assert len(sizes) == 3
    assert max(sizes) <= 3000
    assert "too large for this place" in words_of(discord_server.last)


async def test_what_discord_refuses_for_good_is_given_up(discord_server: Server) -> None:
    request = await discord_server.prompt(images=2)
    await ready(discord_server, request)
    discord_server.env.inject_error("PATCH", "/webhooks/*", status=400)
    assert await discord_server.desk.deliver_waiting("discord") == 0
    assert (await state(discord_server.desk, request))[0] == "undeliverable"
    assert await discord_server.desk.deliver_waiting("discord") == 0
