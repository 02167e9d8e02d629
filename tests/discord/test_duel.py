"""Duels on Discord: nobody can tell the images apart by words, and everybody votes once."""

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
