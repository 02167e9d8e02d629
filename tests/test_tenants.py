"""Two workspaces on one installation: neither sees, counts or changes anything of the other's.

The two people have the same id and speak in channels of the same id, so that only the workspace
tells them apart. Whatever the desk offers somebody is tried; a new method has to be added here.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from engine.desk import Desk
from engine.errors import BadInput
from engine.library.addition_rows import Described
from engine.storage.tables import metadata
from engine.values import Adapter, Asker, Home, Overrides, Request
from tests.discord.atelier import compose, render
from tests.samples import ADA, ask

HERE = ADA
THERE = replace(ADA, workspace="w2")
STAR = "test:star"
#: What every part of the desk offers to somebody who asks for what is not theirs ...
PARTS = (
    "additions",
    "history",
    "importing",
    "listings",
    "lookup",
    "opinions",
    "upkeep",
    "workspaces",
)
#: ... and what makes something new of their own, or of what they hold in their hands.
OWN = {
    "repeat", "listings.open", "additions.propose_url", "additions.propose_file", "importing.take"
}  # fmt: skip


def offered(desk: Desk) -> set[str]:
    """Returns the names of all methods that take somebody who asks."""
    found = set()
    for owner, prefix in [(desk, ""), *((getattr(desk, name), f"{name}.") for name in PARTS)]:
        for name, method in inspect.getmembers(owner, inspect.iscoroutinefunction):
            takes = {one.annotation for one in inspect.signature(method).parameters.values()}
            if not name.startswith("_") and Asker in takes:
                found.add(prefix + name)
    return found - OWN


#: What there is to see, by somebody who asks; nothing of it is another's.
SEEN: dict[str, Callable[[Desk, Asker], Awaitable[Any]]] = {
    "history.of": lambda desk, who: desk.history.of(who),
    "history.today": lambda desk, who: desk.history.today(who),
    "history.open": lambda desk, who: desk.history.open(who),
    "workspaces.rules": lambda desk, who: desk.workspaces.rules(who),
    "workspaces.changes": lambda desk, who: desk.workspaces.changes(who),
    "opinions.here": lambda desk, who: desk.opinions.here(who),
    "opinions.of": lambda desk, who: desk.opinions.of("a", who),
    "upkeep.export": lambda desk, who: desk.upkeep.export(who, allowed=True),
    "importing.pending": lambda desk, who: desk.importing.pending(who),
    "additions.proposed": lambda desk, who: desk.additions.proposed(who),
    "lookup.search": lambda desk, who: desk.lookup.search("a star", who),
    "lookup.uses": lambda desk, who: desk.lookup.uses("a", who),
    "listings.page": lambda desk, who: page(desk, who),
    "lookup.page": lambda desk, who: found(desk, who),
}


async def page(desk: Desk, who: Asker) -> Any:
    listing = await desk.listings.open(who)
    seen: list[Adapter] = []
    number, more = 0, True
    while more:
        shown = await desk.listings.page(listing, number, who, admin=True)
        seen += shown.adapters
        number, more = number + 1, shown.more
    return seen


async def found(desk: Desk, who: Asker) -> Any:
    listing = await desk.listings.open(who, "a star")
    return (await desk.lookup.page(listing, 0, who, admin=True)).adapters


def attempts(
    desk: Desk, who: Asker, request: Request, addition: str, listing: str
) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Returns what somebody may try with ids that are another's."""
    of, lookup, upkeep = request.id, desk.lookup, desk.upkeep
    return {
        "show": lambda: desk.show(of, who),
        "reroll": lambda: desk.reroll(of, who),
        "vary": lambda: desk.vary(of, 0, who),
        "revise": lambda: desk.revise(of, Overrides(adapters="none"), who),
        "retry": lambda: desk.retry(of, who),
        "upscale": lambda: desk.upscale(of, 0, who),
        "cancel": lambda: desk.cancel(of, who, moderator=True),
        "check_may_change": lambda: desk.check_may_change(of, who, moderator=True),
        "listings.load": lambda: desk.listings.load(listing, who),
        "listings.choose": lambda: desk.listings.choose(listing, ["base=sdxl"], who),
        "additions.decide": lambda: desk.additions.decide(
            addition, who, approve=True, allowed=True
        ),
        "lookup.find": lambda: lookup.find(STAR, who),
        "lookup.preview": lambda: lookup.preview(STAR, who),
        "lookup.find_by_handle": lambda: lookup.find_by_handle(STAR, who),
        "upkeep.set_status": lambda: upkeep.set_status(STAR, "removed", who, allowed=True),
        "upkeep.edit": lambda: upkeep.edit(STAR, {"title": "x"}, None, who, allowed=True),
        "upkeep.refine": lambda: upkeep.refine(STAR, who, allowed=True),
        "upkeep.newer": lambda: upkeep.newer(STAR, who, allowed=True),
    }


#: What somebody changes in their own workspace.
CHANGED: dict[str, Callable[[Desk, Asker], Awaitable[Any]]] = {
    "workspaces.change": lambda desk, who: desk.workspaces.change(who, daily=1000),
    "workspaces.note": lambda desk, who: desk.workspaces.note(who, "looked"),
    "workspaces.admit": lambda desk, who: desk.workspaces.admit(who, [who.channel]),
}


async def settle_in(desk: Desk) -> tuple[Request, str, str]:
    """One workspace asks, judges, sets rules, proposes, and owns an adapter."""
    home = Home(message_id="m1")
    made = await desk.submit(ask("red star", HERE, images=2), "event", home)
    await desk.submit(ask("blue star", HERE))
    await compose(desk, made)
    await render(desk, made)
    answer = await desk.answer(made.id)
    await desk.feedback.judge(answer, HERE.user, -1)
    for change in CHANGED.values():
        await change(desk, HERE)
    card = b'{"source": "test", "source_id": "comet", "title": "Comet"}'
    await desk.importing.take(card, HERE, allowed=True)
    file = Described("A star", "Draws stars.")
    addition = await desk.additions.propose_file("star.safetensors", b"a file", file, HERE)
    async with desk.database.transaction() as connection:
        await connection.execute(
            text("update adapters set workspace = :here where id = :id"),
            {"here": HERE.workspace, "id": STAR},
        )
        await connection.execute(
            text("update additions set state = 'proposed', adapter_id = :id"), {"id": STAR}
        )
    return made, addition.id, (await desk.listings.open(HERE, "stars")).id


async def rows(desk: Desk) -> dict[str, list[str]]:
    """Returns everything that is stored."""
    async with desk.database.transaction() as connection:
        return {
            table.name: sorted(
                await connection.scalars(text(f"select t::text from {table.name} t"))
            )
            for table in metadata.tables.values()
        }


@pytest.mark.usefixtures("catalogue")
async def test_one_workspace_is_nothing_to_another(desk: Desk) -> None:
    async with desk.database.transaction() as connection:
        await connection.execute(
            text("update adapters set workspace = 'w1' where id = :id"), {"id": STAR}
        )
    before = {name: await look(desk, THERE) for name, look in SEEN.items()}
    made, addition, listing = await settle_in(desk)
    assert {name: await look(desk, THERE) for name, look in SEEN.items()} == before
    here = {name: await look(desk, HERE) for name, look in SEEN.items()}
    assert [name for name in SEEN if here[name] == before[name]] == [], "there is much to see"
    stored = await rows(desk)
    tried = attempts(desk, THERE, made, addition, listing)
    for attempt in tried.values():
        with pytest.raises(BadInput):
            await attempt()
    assert await rows(desk) == stored, "nothing was changed by trying"
    for change in CHANGED.values():
        await change(desk, THERE)
    after = await rows(desk)
    assert set(stored["workspaces"]) <= set(after["workspaces"])
    assert offered(desk) == set(SEEN) | set(tried) | set(CHANGED)
