"""Whoever has their data deleted is in no table any more, whichever are added."""

import re
from collections.abc import Collection

from sqlalchemy import Table, text

from engine.desk import Desk
from engine.library.addition_rows import Described
from engine.requests import ledger
from engine.requests.previews import store_preview
from engine.storage.tables import metadata
from engine.values import Asker, Home, Overrides
from tests.discord.atelier import compose, render
from tests.samples import BOB, ask

#: Neither comes up by chance.
ME, WORDS = "person4711", "canary"
ANN = Asker("discord", workspace="w1", channel="dm-of-person4711", user=ME)
#: Columns that name a person by their names; and those of them that are kept, and why.
NAMES = r"user|asker|author|person|owner|_by$"
NO_PEOPLE = {"installations.bot_user"}
KEPT = {"audit.user_id": "who changed what is the workspace's own record"}


def person_columns() -> set[str]:
    """Returns every column of the schema that holds somebody's id."""
    tables: Collection[Table] = metadata.tables.values()
    named = {f"{t.name}.{c.name}" for t in tables for c in t.columns if re.search(NAMES, c.name)}
    return named - NO_PEOPLE


async def count(desk: Desk, column: str) -> int:
    table, name = column.split(".")
    async with desk.database.transaction() as connection:
        found = await connection.scalar(
            text(f"select count(*) from {table} where {name} = :me"), {"me": ME}
        )
    return int(found or 0)


async def tables_with(desk: Desk, words: str) -> set[str]:
    """Returns the tables in which these words stand anywhere, in columns of bytes too."""
    found, either = set(), [f"%{one}%" for one in (words, words.encode().hex())]
    async with desk.database.transaction() as connection:
        for table in metadata.tables.values():
            anywhere = text(f"select 1 from {table.name} t where t::text like any(:either)")
            if await connection.scalar(anywhere, {"either": either}):
                found.add(table.name)
    return found


async def do_everything(desk: Desk) -> None:
    """One person asks, judges, stars, votes, looks through the library, proposes and decides."""
    secret = Home(token=f"{WORDS} token", reply_to=ME)
    wishes = Overrides(drop=(f"{WORDS} adapter",))
    mine = await desk.submit(ask(f"a {WORDS}", ANN, negative=WORDS), f"event of {ME}", secret)
    await compose(desk, mine)
    async with desk.database.transaction() as connection:
        await store_preview(connection, mine.id, WORDS.encode())
    await render(desk, mine)
    await desk.homes.settle(mine.id, f"message to {ME}")
    failed = await desk.submit(ask(f"no {WORDS}", ANN))
    waiting = await desk.submit(ask(f"a second {WORDS}", ANN))
    async with desk.database.transaction() as connection:
        await ledger.fail(connection, failed.id, f"There is no {WORDS}.")
        await connection.execute(
            text("update requests set overrides = :wishes where id = :id"),
            {"wishes": f'{{"drop": ["{wishes.drop[0]}"]}}', "id": waiting.id},
        )
    theirs = await desk.duel(ask("red star", BOB))
    await compose(desk, theirs)
    await render(desk, theirs)
    answer = await desk.answer(theirs.id)
    await desk.feedback.judge(answer, ME, 1)
    await desk.feedback.star(theirs.id, ME)
    await desk.duels.vote(answer, ME, 0)
    await desk.listings.open(ANN, f"{WORDS} words")
    made = await desk.additions.propose_file("x.safetensors", b"a file", Described("X"), ANN)
    async with desk.database.transaction() as connection:
        await connection.execute(
            text("update additions set decided_by = :me where id = :id"), {"me": ME, "id": made.id}
        )
    await desk.workspaces.change(ANN, daily=5)
    await desk.errands.want(ANN, "e1", "propose", {"text": WORDS})


async def test_delete_my_data_reaches_every_table(desk: Desk) -> None:
    await do_everything(desk)
    planted = {column for column in person_columns() if await count(desk, column)}
    assert planted == person_columns(), "do_everything leaves a trace in each"
    assert {"requests", "homes", "previews", "listings"} <= await tables_with(desk, WORDS)
    await desk.forgetting.person(ANN.platform, ME, ANN.workspace)
    left = {column for column in person_columns() if await count(desk, column)}
    assert left == set(KEPT)
    assert await tables_with(desk, WORDS) == set()
    # Where something was proposed, its end is told yet; and what shows the images is yet deleted.
    assert await tables_with(desk, ME) <= {"audit", "additions", "errands"}
    async with desk.database.transaction() as connection:
        left_to_do = await connection.execute(text("select kind, user_id, details from errands"))
        assert left_to_do.all() == [("erase", "", {"message": f"message to {ME}"})]


async def test_nobody_else_is_forgotten(desk: Desk) -> None:
    """Neither the same id on another platform or in another workspace, nor anybody beside."""
    others = (Asker("slack", "w1", "c", ME), Asker("discord", "w2", "c", ME), BOB)
    kept = [await desk.submit(ask("red star", other)) for other in others]
    for other in others:
        await desk.listings.open(other, "stars")
        await desk.additions.propose_file("x.safetensors", b"a file", Described("X"), other)
    await desk.forgetting.person("discord", ME, "w1")
    assert [(await desk.answer(one.id)).request.prompt for one in kept] == ["red star"] * 3
    assert await count(desk, "listings.user_id") == 2
    assert await count(desk, "additions.user_id") == 2
