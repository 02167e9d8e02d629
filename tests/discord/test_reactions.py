"""Reactions on any message of ours, however old, even after a restart."""

from bot.discord_frontend import create_bot
from engine.community.feedback import Verdicts
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
    assert discord_server.last.id == before
    assert await discord_server.count("messages") == 2
    async with discord_server.desk.database.transaction() as connection:
        assert connection
    assert request.id in words_of(discord_server.last)


async def test_other_messages_and_emoji_mean_nothing(discord_server: Server) -> None:
    await answered(discord_server)
    said = await discord_server.ann.send(discord_server.channel, "hello")
    await discord_server.bob.react(said, "🔁")
    await discord_server.bob.react(discord_server.last, "🎉")
    assert await discord_server.count("requests") == 1
