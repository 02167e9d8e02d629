"""Duels on Discord: nobody can tell the images apart by words, and everybody votes once."""

from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin
from sqlalchemy import text

from bot.discord_frontend import create_bot
from engine.requests import delivery
from engine.values import Request
from tests.discord.atelier import finish
from tests.discord.conftest import Server, ids_of, words_of


async def duelling(server: Server) -> Request:
    """Returns a duel whose images are in the channel."""
    await server.ann.slash(server.channel, "stylus duel", text="red star")
    request = await server.newest()
    await finish(server.desk, request)
    return request


async def test_nothing_tells_which_image_has_adapters(discord_server: Server) -> None:
    request = await duelling(discord_server)
    assert (request.kind, request.image_count) == ("duel", 2)
    answer = await discord_server.desk.answer(request.id)
    assert {len(one.loaded) for one in answer.renderings} == {0, 2}
    assert answer.plans[0].seed == answer.plans[1].seed
    shown = words_of(discord_server.last)
    alts = [file.description for file in discord_server.last.attachments]
    assert "Which image is better?" in shown
    assert alts[:2] == ["Image 1 of two for: red star", "Image 2 of two for: red star"]
    for title in ("Big star", "Neon glow", "adapters: "):
        assert title not in shown
        assert not any(title in str(alt) for alt in alts)
    parts = [f"stylus:vote:{request.id}:0", f"stylus:vote:{request.id}:1"]
    assert ids_of(discord_server.last) == [
        *parts,
        f"stylus:result:{request.id}",
        f"stylus:delete:{request.id}",
    ]


async def test_two_settings_are_compared(discord_server: Server) -> None:
    await discord_server.ann.slash(
        discord_server.channel, "stylus duel", text="red star", against="half"
    )
    request = await discord_server.newest()
    assert request.overrides.against == "half"
    await finish(discord_server.desk, request)
    assert "One has adapters at full weight, one at half" in words_of(discord_server.last)
    answer = await discord_server.desk.answer(request.id)
    assert len({one.loaded for one in answer.renderings}) == 2


async def test_the_files_hold_nothing_but_pixels(
    discord_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renderer writes into each file which adapters made it."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("stylus", "Big star")
    drawn = BytesIO()
    Image.new("RGB", (32, 32), "red").save(drawn, "PNG", pnginfo=chunks)
    monkeypatch.setattr("tests.discord.atelier.png", lambda: drawn.getvalue())
    request = await duelling(discord_server)
    answer = await discord_server.desk.answer(request.id)
    kept = await discord_server.desk.image(answer.renderings[0])
    assert b"Big star" in kept
    shown = [await one.read() for one in discord_server.last.attachments]
    assert len(shown) == 3
    assert not [one for one in shown if b"Big star" in one]
    assert Image.open(BytesIO(shown[0])).tobytes() == Image.open(drawn).tobytes()


async def decided(server: Server) -> Request:
    """Returns a duel that Ann and Bob and three guests have decided by their votes."""
    request = await duelling(server)
    answer = await server.desk.answer(request.id)
    for number in range(5):
        await server.desk.duels.vote(answer, f"guest{number}", number % 2)
    return request


async def test_the_result_is_posted_under_the_duel_once(discord_server: Server) -> None:
    request = await decided(discord_server)
    duel = discord_server.last
    await discord_server.env.restart_bot(create_bot(discord_server.desk))
    assert await discord_server.desk.deliver_waiting("discord") == 1
    result = discord_server.last
    assert result.id != duel.id
    assert result.reference
    assert result.reference.message_id == duel.id
    assert words_of(result).startswith(r"### The duel is decided\: red star")
    assert "of 5 votes" in words_of(result)
    assert "Big star" in words_of(result)
    assert ids_of(result) == [f"stylus:reroll:{request.id}"]
    assert await discord_server.desk.deliver_waiting("discord") == 0
    seen = discord_server.seen()
    async with discord_server.desk.database.transaction() as connection:
        forgotten = "update deliveries set state = 'posting', posting_at = now() - interval '1 day'"
        await connection.execute(text(f"{forgotten} where part = 'result'"))
    assert await discord_server.desk.deliver_waiting("discord") == 1, "it looks for it first"
    assert discord_server.seen() == seen


async def test_a_result_without_a_channel_is_given_up(discord_server: Server) -> None:
    request = await decided(discord_server)
    discord_server.env.inject_error("POST", "/channels/*/messages", status=404)
    assert await discord_server.desk.deliver_waiting("discord") == 0
    async with discord_server.desk.database.transaction() as connection:
        assert await delivery.claim(connection, request.id, 10) is None
    assert await discord_server.desk.deliver_waiting("discord") == 0


async def told(server: Server, who: str, custom_id: str) -> str:
    """Presses a button of the duel and returns what the person alone is told."""
    actor = server.ann if who == "ann" else server.bob
    result = await actor.click(server.last, custom_id=custom_id)
    assert result.ephemeral
    assert result.response
    return words_of(result.response)


async def test_everybody_votes_once_and_sees_the_result_when_it_is_decided(
    discord_server: Server,
) -> None:
    request = await duelling(discord_server)
    answer = await discord_server.desk.answer(request.id)
    method = next(one.index for one in answer.renderings if one.loaded)
    vote, result = f"stylus:vote:{request.id}:{method}", f"stylus:result:{request.id}"
    assert "1 of 5 votes" in await told(discord_server, "ann", vote)
    other = f"stylus:vote:{request.id}:{1 - method}"
    assert "voted already" in await told(discord_server, "ann", other)
    assert "1 of 5 votes" in await told(discord_server, "bob", result)
    for number in range(3):
        await discord_server.desk.duels.vote(answer, f"guest{number}", 1 - method)
    assert "decided" in await told(discord_server, "bob", vote)
    seen = await told(discord_server, "bob", result)
    assert f"Image {method + 1} had the adapters and lost" in seen
    assert "2 of 5 votes" in seen
    assert "Big star" in seen


async def test_a_vote_for_what_is_no_duel_is_refused(discord_server: Server) -> None:
    request = await discord_server.prompt()
    await finish(discord_server.desk, request)
    vote = f"stylus:vote:{request.id}:0"
    await discord_server.channel_message(vote)
    assert "no duel" in await told(discord_server, "bob", vote)
