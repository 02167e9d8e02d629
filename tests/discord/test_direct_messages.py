"""Direct messages: all of it works where a person and the bot are alone."""

import pytest
from simcord.builders import UserHandle

from engine.values import Request
from tests.discord.atelier import finish
from tests.discord.conftest import Server, ids_of, words_of
from tests.discord.test_delivery import kill_token, state


@pytest.fixture
def cid(discord_server: Server) -> UserHandle:
    """Somebody who shares no server with the bot."""
    return discord_server.env.create_user("cid")


async def answered(server: Server, person: UserHandle, *, private: bool = False) -> Request:
    """Returns a request whose answer the person has."""
    await person.slash("stylus prompt", text="red star", images=2, private=private)
    request = await server.newest()
    await finish(server.desk, request)
    return request


async def test_a_prompt_is_answered_in_its_own_message(
    discord_server: Server, cid: UserHandle
) -> None:
    asked = await cid.slash("stylus prompt", text="red star", images=2)
    assert "Queued" in words_of(asked.response)
    request = await discord_server.newest()
    assert request.asker.workspace == f"dm:{cid.id}"
    await finish(discord_server.desk, request)
    (shown,) = cid.dm_channel.history(viewer=cid)
    assert len(shown.attachments) == 3
    assert "Big star" in words_of(shown)


async def test_a_private_answer_lies_in_the_message_that_only_its_reader_sees(
    discord_server: Server, cid: UserHandle
) -> None:
    await answered(discord_server, cid, private=True)
    (shown,) = cid.dm_channel.history(viewer=cid)
    assert shown.flags.ephemeral
    assert len(shown.attachments) == 3


async def test_buttons_and_reactions_are_heard(discord_server: Server, cid: UserHandle) -> None:
    request = await answered(discord_server, cid)
    (shown,) = cid.dm_channel.history(viewer=cid)
    why = await cid.click(shown, custom_id=f"stylus:why:{request.id}")
    assert "Big star" in words_of(why.response)
    await cid.click(shown, custom_id=f"stylus:reroll:{request.id}")
    again = await discord_server.newest()
    assert (again.parent_id, again.asker) == (request.id, request.asker)
    await finish(discord_server.desk, again)
    newest = cid.dm_channel.history(viewer=cid)[-1]
    assert len(newest.attachments) == 3
    await cid.set_reaction(newest, "👍", reacted=True)
    assert await discord_server.count("feedback") == 1
    await cid.set_reaction(newest, "🔁", reacted=True)
    third = await discord_server.newest()
    assert third.parent_id == again.id
    tasks = await cid.click(newest, custom_id=f"stylus:tasks:{again.id}")
    assert f"stylus:render:{again.id}" in ids_of(tasks.response)
    await cid.click(shown, custom_id=f"stylus:delete:{request.id}")
    assert shown.id not in {one.id for one in cid.dm_channel.history(viewer=cid)}


async def test_after_fifteen_minutes_the_bot_itself_changes_the_message(
    discord_server: Server, cid: UserHandle
) -> None:
    """It may write there for ever, so nobody needs to be told how to fetch anything."""
    await cid.slash("stylus prompt", text="red star", images=2)
    request = await discord_server.newest()
    await kill_token(discord_server.desk, request)
    await discord_server.bot.board.refresh()
    (shown,) = cid.dm_channel.history(viewer=cid)
    assert "/stylus show" not in words_of(shown)
    await finish(discord_server.desk, request)
    (shown,) = cid.dm_channel.history(viewer=cid)
    assert len(shown.attachments) == 3
    assert await state(discord_server.desk, request) == ("posted", None)


async def test_nobody_else_reads_what_was_asked_there(
    discord_server: Server, cid: UserHandle
) -> None:
    request = await answered(discord_server, cid)
    seen = await discord_server.ann.slash(
        discord_server.channel, "stylus show", id=request.id, share=True
    )
    assert "There is no request" in words_of(seen.response)
