"""A prompt becomes one message that ends as the answer."""

from engine.requests.previews import store_preview
from engine.values import Phase, Progress
from tests.discord.atelier import compose, fail, finish, png, render
from tests.discord.conftest import Server, ids_of, words_of
from tests.stages import RENDERING, claim


async def test_a_prompt_is_stored_before_it_is_acknowledged(discord_server: Server) -> None:
    result = await discord_server.ann.slash(
        discord_server.channel, "stylus prompt", text="red star", images=2, size="64x128", seed=7
    )
    request = await discord_server.newest()
    assert (request.image_count, request.seed) == (2, 7)
    assert (request.sampling.width, request.sampling.height) == (64, 128)
    assert request.asker.workspace == str(discord_server.guild.id)
    assert result.response
    assert not result.deferred
    shown = words_of(result.response)
    assert "red star" in shown
    assert "Queued" in shown
    assert "No engine is running" in shown
    assert "No renderer is running" in shown
    assert ids_of(result.response) == [f"stylus:cancel:{request.id}"]


async def test_the_same_message_becomes_the_answer(discord_server: Server) -> None:
    request = await discord_server.prompt(images=4)
    asked = discord_server.last.id
    await finish(discord_server.desk, request)
    answer = discord_server.last
    assert answer.id == asked
    names = [attachment.filename for attachment in answer.attachments]
    assert len(names) == 5
    assert names[-1].endswith("sheet.png")
    first = answer.attachments[0].description
    assert first == "Image 1 of “red star”, with the adapters Big star 0.8."
    shown = words_of(answer)
    assert "**red** → Big star · 0.80 in all images" in shown
    assert "**star** → Neon glow · 0.80 in images 2, 4" in shown
    assert request.id in shown
    assert f"stylus:vary:{request.id}:3" in ids_of(answer)


async def test_a_failure_is_one_clear_sentence_with_retry(discord_server: Server) -> None:
    request = await discord_server.prompt()
    await fail(discord_server.desk, request, "The renderer ran out of memory.")
    assert r"The renderer ran out of memory" in words_of(discord_server.last)
    await discord_server.bob.click(discord_server.last, custom_id=f"stylus:retry:{request.id}")
    again = await discord_server.newest()
    assert again.id != request.id
    assert (again.prompt, again.seed) == (request.prompt, request.seed)
    assert again.asker.user == str(discord_server.bob.id)


async def test_tasks_are_shown_as_soon_as_they_are_known(discord_server: Server) -> None:
    request = await discord_server.prompt()
    await compose(discord_server.desk, request)
    await discord_server.bot.board.refresh()
    shown = words_of(discord_server.last)
    assert "Waiting for a renderer" in shown
    assert "Big star" in shown
    await render(discord_server.desk, request)
    await discord_server.desk.deliver_waiting("discord")
    await discord_server.bot.board.refresh()
    assert "Waiting" not in words_of(discord_server.last)


async def test_a_rendering_request_shows_its_step_and_what_is_seen_so_far(
    discord_server: Server,
) -> None:
    request = await discord_server.prompt(images=2)
    await compose(discord_server.desk, request)
    async with discord_server.desk.database.transaction() as connection:
        await claim(connection, RENDERING, request.id)
        await store_preview(connection, request.id, png())
    board = discord_server.bot.board
    board.hear(Progress(request.id, Phase.RENDERING, 5, 15))
    await board.refresh()
    assert "Rendering · step 5 of 15" in words_of(discord_server.last)
    assert [one.filename for one in discord_server.last.attachments] == [
        f"stylus-{request.id}-preview.jpg"
    ]
    board.hear(Progress(request.id, Phase.RENDERING, 10, 15))
    await board.refresh()
    assert len(discord_server.last.attachments) == 1
    await discord_server.bob.click(discord_server.last, custom_id=f"stylus:cancel:{request.id}")
    assert (await discord_server.desk.answer(request.id)).phase is Phase.RENDERING


async def test_the_rest_of_a_prompt_autocompletes(discord_server: Server) -> None:
    asked = await discord_server.prompt()
    ann, channel = discord_server.ann, discord_server.channel
    sizes = await ann.autocomplete(channel, "stylus prompt", "size", "")
    assert {"128x128", "192x128", "128x192"} <= {one["value"] for one in sizes}
    assert await ann.autocomplete(channel, "stylus prompt", "size", "9999") == []
    checkpoints = await ann.autocomplete(channel, "stylus prompt", "checkpoint", "BUILT")
    assert [one["value"] for one in checkpoints] == ["builtin"]
    ids = await ann.autocomplete(channel, "stylus show", "id", "RED")
    assert [one["value"] for one in ids] == [asked.id]
    assert await discord_server.bob.autocomplete(channel, "stylus show", "id", "red") == []
