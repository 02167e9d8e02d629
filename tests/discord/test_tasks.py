"""The screen of tasks: what is chosen stands in the message, and is rendered again."""

import pytest

from bot.discord_frontend import create_bot
from engine.values import Overrides, Request
from tests.discord.atelier import finish
from tests.discord.conftest import Server, words_of

#: Adapters of `tests.cards` that may be pinned.
STAR, NEON = "test:star", "test:neon"

pytestmark = pytest.mark.usefixtures("catalogue")


async def answered(server: Server) -> Request:
    request = await server.prompt("red star", images=2, seed=5)
    await finish(server.desk, request, {STAR: "Big star", NEON: "Neon glow"})
    return request


async def test_adapters_are_switched_pinned_weighted_and_rendered(discord_server: Server) -> None:
    request = await answered(discord_server)
    ann, answer = discord_server.ann, discord_server.last
    opened = await ann.click(answer, custom_id=f"stylus:tasks:{request.id}")
    assert opened.ephemeral
    screen = opened.response
    assert screen
    await ann.select(screen, ["0"], custom_id=f"stylus:adapters:{request.id}")
    await discord_server.env.restart_bot(create_bot(discord_server.desk))
    await ann.select(screen, ["0"], custom_id=f"stylus:pins:{request.id}")
    form = await ann.select(screen, ["0"], custom_id=f"stylus:weights:{request.id}")
    assert form.modal
    await ann.submit_modal(form, {"number": "0.45"})
    await ann.click(screen, custom_id=f"stylus:render:{request.id}")
    revised = await discord_server.newest()
    assert (revised.kind, revised.parent_id, revised.seed) == ("revise", request.id, 5)
    assert revised.overrides == Overrides(pin=(STAR,), drop=(NEON,), weights={STAR: 0.45})


async def test_a_weight_that_is_none_is_told(discord_server: Server) -> None:
    request = await answered(discord_server)
    opened = await discord_server.ann.click(
        discord_server.last, custom_id=f"stylus:tasks:{request.id}"
    )
    assert opened.response
    form = await discord_server.ann.select(
        opened.response, ["1"], custom_id=f"stylus:weights:{request.id}"
    )
    told = await discord_server.ann.submit_modal(form, {"number": "lots"})
    assert told.ephemeral
    assert told.response
    assert "is no weight" in words_of(told.response)


async def test_an_idea_is_switched_off_with_its_adapters(discord_server: Server) -> None:
    request = await answered(discord_server)
    opened = await discord_server.ann.click(
        discord_server.last, custom_id=f"stylus:tasks:{request.id}"
    )
    screen = opened.response
    assert screen
    await discord_server.ann.select(screen, ["1"], custom_id=f"stylus:ideas:{request.id}")
    await discord_server.ann.click(screen, custom_id=f"stylus:render:{request.id}")
    assert (await discord_server.newest()).overrides == Overrides(drop=(STAR,))


async def test_compare_has_the_same_seeds_and_no_adapter(discord_server: Server) -> None:
    request = await answered(discord_server)
    await discord_server.bob.click(discord_server.last, custom_id=f"stylus:compare:{request.id}")
    compared = await discord_server.newest()
    assert (compared.kind, compared.seed) == ("revise", 5)
    assert compared.overrides == Overrides(adapters="none")
