"""What chats add to requests: homes, standings, feedback, events, and who may see what."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.desk import Desk
from engine.errors import Unavailable, UnknownRequest
from engine.processes.delivery_worker import Part, only_frontend
from engine.values import Asker, Home, Phase
from tests.discord.atelier import compose, render
from tests.samples import ADA, BOB, ask

THEN = datetime(2030, 1, 1, tzinfo=UTC)
HOME = Home(private=True, direct=False, token="t", token_until=THEN, locale="de")


async def test_a_home_is_stored_with_its_request(desk: Desk) -> None:
    made = await desk.submit(ask(), "e1", HOME)
    assert await desk.homes.of(made.id) == HOME
    assert "token" not in repr(await desk.homes.of(made.id)).replace("token_until", "")
    assert await desk.submit(ask(), "e1", Home()) == made
    assert await desk.homes.of(made.id) == HOME, "an event that comes twice changes nothing"
    await desk.homes.settle(made.id, "m1")
    assert await desk.homes.of(made.id) == replace(HOME, message_id="m1")
    assert await desk.homes.find("discord", "c1", "m1") == made.id
    assert await desk.homes.find("discord", "c2", "m1") is None
    assert await desk.homes.find("slack", "c1", "m1") is None
    await desk.homes.drop_token(made.id)
    assert (await desk.homes.of(made.id)).token is None


async def test_a_request_without_a_home_is_public(desk: Desk) -> None:
    made = await desk.submit(ask())
    assert await desk.homes.of(made.id) == Home()
    await desk.homes.settle(made.id, "m1")
    assert await desk.homes.of(made.id) == Home(message_id="m1")


async def test_private_answers_are_for_their_owner(desk: Desk) -> None:
    made = await desk.submit(ask(), None, HOME)
    assert (await desk.show(made.id, ADA)).request == made
    for stranger in (BOB, replace(ADA, workspace="w2"), replace(ADA, platform="slack")):
        with pytest.raises(UnknownRequest, match="There is no request"):
            await desk.show(made.id, stranger)
    assert await desk.show(made.id, Asker("console"))


async def test_standings_tell_position_tasks_and_who_works(desk: Desk) -> None:
    first = await desk.submit(ask())
    await desk.submit(ask(asker=replace(ADA, platform="slack")))
    third = await desk.submit(ask(asker=BOB), None, HOME)
    await compose(desk, third)
    standings = await desk.standings("discord")
    assert [(s.request.id, s.ahead, s.phase) for s in standings.requests] == [
        (first.id, 0, Phase.QUEUED),
        (third.id, 2, Phase.PLANNED),
    ]
    assert standings.requests[0].composition is None
    assert standings.requests[1].composition
    assert standings.requests[1].home == HOME
    assert standings.workers == {}
    assert standings.pace is None
    await render(desk, third)
    assert [s.request.id for s in (await desk.standings("discord")).requests] == [first.id]
    pace = (await desk.standings("discord", first.id)).pace
    assert pace is not None
    assert pace.duration >= 0


async def test_retry_asks_the_same_once_more(desk: Desk) -> None:
    made = await desk.submit(ask(seed=7))
    again = await desk.retry(made.id, BOB)
    assert again == replace(made, id=again.id, root_id=again.id, asker=BOB)


async def test_an_event_counts_once_until_it_is_forgotten(desk: Desk) -> None:
    both = await asyncio.gather(*(desk.events.first("discord", "e") for _ in range(3)))
    assert sorted(both) == [False, False, True]
    assert await desk.events.first("slack", "e")
    await desk.events.forget("discord", "e")
    assert await desk.events.first("discord", "e")


async def test_a_platform_has_one_frontend(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with only_frontend(desk.database, Part("discord")):
        with monkeypatch.context() as impatient:
            impatient.setattr("engine.processes.delivery_worker.HANDOVER", 0.0)
            with pytest.raises(Unavailable, match="Another process already serves discord"):
                async with only_frontend(desk.database, Part("discord")):
                    pass
        async with only_frontend(desk.database, Part("slack")):
            pass
    async with only_frontend(desk.database, Part("discord")):
        pass
