"""Buttons work by ids alone: after a restart, on old messages, for whoever may press them."""

from bot.discord_frontend import create_bot
from engine.values import Phase, Request
from tests.discord.atelier import finish
from tests.discord.conftest import Server, ids_of, words_of


async def answered(server: Server) -> Request:
    """Returns a request whose answer is in the channel."""
    request = await server.prompt(images=4)
    await finish(server.desk, request)
    return request


async def test_reroll_answers_under_its_parent_after_a_restart(discord_server: Server) -> None:
    request = await answered(discord_server)
    await discord_server.env.restart_bot(create_bot(discord_server.desk))
    parent = discord_server.last
    await discord_server.bob.click(parent, custom_id=f"stylus:reroll:{request.id}")
    again = await discord_server.newest()
    assert (again.kind, again.parent_id) == ("reroll", request.id)
    assert again.asker.user == str(discord_server.bob.id)
    await finish(discord_server.desk, again)
    assert discord_server.last.id != parent.id
    assert f"from `{request.id}`" in words_of(discord_server.last)


async def test_vary_is_about_one_image(discord_server: Server) -> None:
    request = await answered(discord_server)
    await discord_server.ann.click(discord_server.last, custom_id=f"stylus:vary:{request.id}:2")
    varied = await discord_server.newest()
    assert (varied.kind, varied.parent_index) == ("vary", 2)


async def test_upscale_is_about_one_image_with_the_same_seed(discord_server: Server) -> None:
    request = await answered(discord_server)
    await discord_server.ann.click(discord_server.last, custom_id=f"stylus:upscale:{request.id}:3")
    larger = await discord_server.newest()
    assert (larger.kind, larger.parent_index, larger.image_count) == ("upscale", 3, 1)
    assert larger.seed == (await discord_server.desk.answer(request.id)).plans[3].seed


async def test_why_is_told_to_one_person(discord_server: Server) -> None:
    request = await answered(discord_server)
    result = await discord_server.bob.click(
        discord_server.last, custom_id=f"stylus:why:{request.id}"
    )
    assert result.ephemeral
    assert result.response
    assert "a reason" in words_of(result.response)


async def test_only_its_owner_and_moderators_cancel(discord_server: Server) -> None:
    request = await discord_server.prompt()
    button = f"stylus:cancel:{request.id}"
    refused = await discord_server.bob.click(discord_server.last, custom_id=button)
    assert refused.ephemeral
    assert refused.response
    assert "somebody else" in words_of(refused.response)
    assert (await discord_server.desk.answer(request.id)).phase is Phase.QUEUED
    await discord_server.ann.click(discord_server.last, custom_id=button)
    assert (await discord_server.desk.answer(request.id)).phase is Phase.CANCELLED
    await discord_server.desk.deliver_waiting("discord")
    assert "Cancelled" in words_of(discord_server.last)


async def test_only_its_owner_deletes_an_answer(discord_server: Server) -> None:
    request = await answered(discord_server)
    button = f"stylus:delete:{request.id}"
    refused = await discord_server.bob.click(discord_server.last, custom_id=button)
    assert refused.ephemeral
    before = discord_server.last.id
    await discord_server.ann.click(discord_server.last, custom_id=button)
    assert before not in discord_server.seen()


async def test_a_button_of_another_workspace_leads_nowhere(discord_server: Server) -> None:
    """The id of another server's request, put on a button here, is as unknown as any."""
    request = await answered(discord_server)
    elsewhere = discord_server.env.create_guild()
    channel = elsewhere.create_text_channel("other")
    eve = elsewhere.add_member(discord_server.env.create_user("eve"))
    await eve.slash(channel, "stylus prompt", text="blue heart")
    theirs = await discord_server.newest()
    await finish(discord_server.desk, theirs)
    assert channel.last_message
    assert request.id not in " ".join(ids_of(channel.last_message))
    asker = theirs.asker
    for ask in (discord_server.desk.reroll, discord_server.desk.retry, discord_server.desk.show):
        try:
            await ask(request.id, asker)
        except Exception as error:
            assert "There is no request" in str(error)
        else:
            raise AssertionError(f"{ask.__name__} served a stranger")
