"""Reactions on any message of ours, however old, even after a restart."""

import asyncio
import contextlib

import discord
import pytest
from sqlalchemy import text

from bot.discord_frontend import create_bot
from engine.community.feedback import Verdicts
from engine.desk import Errand
from engine.values import Phase, Request
from tests.discord.atelier import finish
from tests.discord.conftest import Server, words_of


async def answered(server: Server) -> Request:
    """Returns a request whose answer is in the channel, seen by a bot that was restarted."""
    request = await server.prompt(images=2)
    await finish(server.desk, request)
    await server.env.restart_bot(create_bot(server.desk))
    return request


async def test_the_arrows_reroll(discord_server: Server) -> None:
    request = await answered(discord_server)
    parent = discord_server.last
    await discord_server.bob.react(parent, "🔁")
    again = await discord_server.newest()
    assert (again.kind, again.parent_id) == ("reroll", request.id)
    assert again.asker.user == str(discord_server.bob.id)
    status = discord_server.last
    assert status.reference
    assert status.reference.message_id == parent.id
    await finish(discord_server.desk, again)
    assert discord_server.last.id == status.id
    assert len(discord_server.last.attachments) == 3


async def test_a_reaction_counts_once_until_it_is_taken_away(discord_server: Server) -> None:
    await answered(discord_server)
    parent = discord_server.last
    await discord_server.bob.react(parent, "🔁")
    assert await discord_server.count("requests") == 2
    event = f"{parent.id}:{discord_server.bob.id}:🔁"
    assert not await discord_server.desk.events.first("discord", event)
    await discord_server.bob.unreact(parent, "🔁")
    await discord_server.bob.react(parent, "🔁")
    assert await discord_server.count("requests") == 3


async def test_the_cross_cancels_and_deletes_for_the_owner(discord_server: Server) -> None:
    request = await discord_server.prompt()
    await discord_server.bob.react(discord_server.last, "❌")
    assert (await discord_server.desk.answer(request.id)).phase is Phase.QUEUED
    await discord_server.ann.react(discord_server.last, "❌")
    assert (await discord_server.desk.answer(request.id)).phase is Phase.CANCELLED
    done = await answered(discord_server)
    shown = discord_server.last
    await discord_server.bob.react(shown, "❌")
    assert discord_server.last.id == shown.id
    await discord_server.ann.react(shown, "❌")
    assert shown.id not in discord_server.seen()
    assert (await discord_server.desk.answer(done.id)).phase is Phase.RENDERED


async def test_thumbs_are_kept_for_the_set_of_adapters(discord_server: Server) -> None:
    await answered(discord_server)
    message = discord_server.last
    await discord_server.ann.react(message, "👍")
    await discord_server.bob.react(message, "👎")
    feedback = discord_server.desk.feedback
    assert await feedback.verdicts() == [Verdicts(("a", "b"), good=1, bad=1)]
    await discord_server.bob.unreact(message, "👎")
    assert await feedback.verdicts() == [Verdicts(("a", "b"), good=1, bad=0)]


async def test_the_envelope_sends_a_copy_that_can_be_reacted_on(discord_server: Server) -> None:
    request = await answered(discord_server)
    before = discord_server.last.id
    await discord_server.bob.react(discord_server.last, "✉️")
    assert await discord_server.count("messages") == 1, "it is stored, and posted by the desk"
    assert await discord_server.desk.deliver_waiting("discord") == 1
    assert discord_server.last.id == before
    assert request.id in words_of(await direct_message(discord_server))
    assert await discord_server.count("messages") == 2


async def direct_message(server: Server) -> discord.Message:
    """Returns the one that the bot has sent Bob."""
    channel = await (await server.bot.fetch_user(server.bob.id)).create_dm()
    (found,) = [message async for message in channel.history()]
    return found


@pytest.mark.parametrize("emoji", ["✉️", "⭐"])
async def test_a_copy_that_may_be_out_is_looked_for(discord_server: Server, emoji: str) -> None:
    """The bot died right after it had posted; its own answer in the channel is no copy."""
    server = discord_server
    request = await answered(server)
    await server.desk.workspaces.change(request.asker, gallery=str(server.channel.id))
    await server.bob.react(server.last, emoji)
    assert await server.desk.deliver_waiting("discord") == 1
    posted = len(server.seen())
    async with server.desk.database.transaction() as connection:
        ambiguous = "update deliveries set state = 'posting', posting_at = now() - interval '1 h'"
        await connection.execute(text(f"{ambiguous} where part <> 'answer'"))
    assert await server.desk.deliver_waiting("discord") == 1
    assert len(server.seen()) == posted
    assert posted == (2 if emoji == "⭐" else 1)


async def test_a_bot_that_died_before_it_deleted_is_gone_on_with(discord_server: Server) -> None:
    server = discord_server
    await answered(server)
    shown = server.last

    async def die(errand: Errand) -> None:
        raise asyncio.CancelledError

    server.desk.errands.register("discord", die)
    with contextlib.suppress(asyncio.CancelledError):
        await server.ann.react(shown, "❌")
    assert shown.id in server.seen()
    await server.env.restart_bot(create_bot(server.desk))
    assert await server.desk.errands.do_waiting("discord") == 1
    assert shown.id not in server.seen()


async def test_other_messages_and_emoji_mean_nothing(discord_server: Server) -> None:
    await answered(discord_server)
    said = await discord_server.ann.send(discord_server.channel, "hello")
    await discord_server.bob.react(said, "🔁")
    await discord_server.bob.react(discord_server.last, "🎉")
    assert await discord_server.count("requests") == 1
