"""Several processes for one platform: each answers its own people, and nobody is answered twice."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from bot.board import Board
from bot.discord_frontend import create_bot
from bot.discord_frontend.client import ShardedBot
from bot.discord_frontend.sharding import is_served, shard_finder, shard_names
from bot.status import Status
from engine.desk import Desk
from engine.errors import Unavailable
from engine.processes.delivery_worker import Part, only_frontend
from engine.settings import Discord
from engine.values import Answer, Asker, Standing
from tests.discord.atelier import compose, render
from tests.samples import ask

SECOND = Discord(shards=2, shard_ids=(1,))
HERE, THERE = (Asker("discord", str(n << 22), "c1", "ann") for n in (3, 4))
DIRECT = Asker("discord", "dm:7", "c2", "ann")


def part(settings: Discord) -> Part:
    return Part("discord", shard_names(settings), shard_finder(settings))


def test_a_servers_shard_follows_from_its_id() -> None:
    find = shard_finder(SECOND)
    assert [find(one) for one in (HERE, THERE, DIRECT)] == ["1/2", "0/2", "0/2"]
    assert [is_served(SECOND)(one) for one in (HERE, THERE, DIRECT)] == [True, False, False]
    assert all(is_served(Discord())(one) for one in (HERE, THERE, DIRECT))
    assert part(SECOND).queues == ["discord", "discord:1/2"]
    assert part(Discord()).queues == ["discord"]


def test_shards_that_do_not_exist_are_refused() -> None:
    for ids in ((2,), (-1,), (0, 0)):
        with pytest.raises(ValueError, match="numbers from 0 to 1, each once"):
            Discord(shards=2, shard_ids=ids)


async def test_the_library_is_told_which_shards_to_hold(desk: Desk) -> None:
    settings = desk.settings.model_copy(update={"discord": SECOND})
    async with create_bot(replace(desk, settings=settings)) as bot:
        assert isinstance(bot, ShardedBot)
        assert (bot.shard_count, bot.shard_ids) == (2, [1])


async def test_parts_exclude_each_other_and_the_whole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = part(Discord(shards=2, shard_ids=(0,)))
    async with only_frontend(desk.database, part(SECOND)), only_frontend(desk.database, first):
        for taken in (part(SECOND), Part("discord")):
            with monkeypatch.context() as impatient:
                impatient.setattr("engine.processes.delivery_worker.HANDOVER", 0.0)
                with pytest.raises(Unavailable, match="Another process already serves discord"):
                    async with only_frontend(desk.database, taken):
                        pass
    async with only_frontend(desk.database, Part("discord")):
        pass


async def test_a_process_shows_and_delivers_only_its_own(desk: Desk) -> None:
    shown, posted = [], []

    async def show(standing: Standing, status: Status) -> None:
        shown.append(standing.request.id)

    async def send(answer: Answer, claimed: object) -> str:
        posted.append(answer.request.id)
        return "m1"

    desk.register("discord", send)
    asked = {asker: await desk.submit(ask(asker=asker)) for asker in (HERE, THERE, DIRECT)}
    await Board(desk, "discord", show, serves=is_served(SECOND)).refresh()
    assert shown == [asked[HERE].id]
    for request in asked.values():
        await compose(desk, request)
        await render(desk, request)
    assert await desk.deliver_waiting("discord", part(SECOND).serves) == 1
    assert posted == [asked[HERE].id]
    async with desk.database.transaction() as connection:
        states = await connection.scalars(text("select state from deliveries order by state"))
    assert states.all() == ["posted", "wanted", "wanted"]
