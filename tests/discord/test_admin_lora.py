"""LoRAs through chat: anybody proposes, everybody sees how it went, admins decide by a button."""

import asyncio
import gzip
import io
import json
from typing import Any

import pytest
from PIL import Image
from simcord.actors import MemberActor
from sqlalchemy import text

from bot import card_import
from engine.retrieving.embedder import MiniLM
from engine.retrieving.search_index import embed_pending
from tests.discord.conftest import Server, ids_of, walk
from tests.discord.conftest import words_of as escaped_words_of
from tests.discord.test_admin import admin_of, asker

URL = "https://civitai.com/files/starry.safetensors"


def words_of(message: Any) -> str:
    """Returns what people read: Discord shows no escapes."""
    return escaped_words_of(message).replace("\\", "")


async def change(server: Server, statement: str, **values: object) -> None:
    async with server.desk.database.transaction() as connection:
        await connection.execute(text(statement), values)


async def checked(server: Server, catalogue: tuple[str, ...], who: MemberActor) -> str:
    """Somebody proposes a LoRA and a renderer has found it good; returns the addition's id."""
    await who.slash(server.channel, "stylus lora propose", url=URL, title="Starry")
    workspace = str(server.guild.id)
    await change(server, "update additions set state = 'proposed', adapter_id = 'test:star'")
    statement = (
        "update adapters set status = 'proposed', workspace = :workspace where id = 'test:star'"
    )
    await change(server, statement, workspace=workspace)
    sheet = io.BytesIO()
    Image.new("RGB", (8, 4), "red").save(sheet, "PNG")
    key = server.desk.store.put("samples", sheet.getvalue(), ".png")
    measured = {"strength": 0.25, "evenness": 0.9, "saturation": -0.1, "images": 4, "broken": 3}
    await change(
        server,
        "update adapters set sample = :key, measured = cast(:told as jsonb), broken = true,"
        " licence = 'openrail', creator = 'mira', lineage = 'Pony' where id = 'test:star'",
        key=key,
        told=json.dumps(measured),
    )
    return (await server.desk.additions.proposed(asker(server, who)))[0].id


async def status(server: Server) -> str:
    async with server.desk.database.transaction() as connection:
        return str(
            await connection.scalar(text("select status from adapters where id='test:star'"))
        )


async def test_anybody_proposes_by_url_or_file(discord_server: Server) -> None:
    server = discord_server
    said = await server.ann.slash(
        server.channel,
        "stylus lora propose",
        url=URL,
        title="Starry",
        triggers="starry, five points",
        weight=0.7,
    )
    assert said.response
    assert said.response.ephemeral
    assert "“Starry” is fetched and checked now" in words_of(said.response)
    async with server.desk.database.transaction() as connection:
        row = (await connection.execute(text("select * from additions"))).one()
    assert (row.url, row.title, row.trigger_words, row.weight) == (
        URL,
        "Starry",
        ["starry", "five points"],
        0.7,
    )
    assert (row.workspace, row.everybody) == (str(server.guild.id), False)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Give either a URL or a file."),
        ({"url": "https://evil.org/x"}, "not fetched from evil.org"),
    ],
)
async def test_what_cannot_be_proposed_is_said(
    discord_server: Server, options: dict[str, str], sentence: str
) -> None:
    said = await discord_server.ann.slash(discord_server.channel, "stylus lora propose", **options)
    assert said.response
    assert sentence in words_of(said.response)
    assert await discord_server.count("additions") == 0


async def test_only_admins_decide_and_the_card_says_what(
    discord_server: Server, catalogue: tuple[str, ...]
) -> None:
    server = discord_server
    eve = admin_of(server)
    addition = await checked(server, catalogue, server.ann)
    assert await server.desk.announcing.tell_waiting("discord") == 1
    assert await server.desk.announcing.tell_waiting("discord") == 0
    card = server.last
    assert "“Starry” is proposed for the library" in words_of(card)
    for words in (
        "Draws a five-pointed star",
        "Trigger words star",
        "made for stylus-small (Pony)",
        "By mira, openrail",
        "Rating safe",
        "Strength 25%, evenness 90%, colours -10%",
        "It breaks 3 of 4 images",
    ):
        assert words in words_of(card).replace("**", "")
    assert [file.filename for file in card.attachments] == ["samples.png"]
    approve = f"stylus:approve:{addition}"
    handle = (await server.desk.lookup.find("test:star", asker(server, eve))).handle
    assert ids_of(card) == [
        approve,
        f"stylus:reject:{addition}",
        f"stylus:edit:{handle}:0",
        f"stylus:edit:{handle}:1",
    ]
    refused = await server.bob.click(card, custom_id=approve)
    assert refused.response
    assert "Only those who look after the library" in words_of(refused.response)
    assert await status(server) == "proposed"
    await eve.click(card, custom_id=approve)
    assert await status(server) == "active"
    assert "“Starry” is approved." in words_of(server.last)
    assert ids_of(server.last) == []
    log = await eve.slash(server.channel, "stylus-admin audit")
    assert log.response
    assert "test:star proposed → approved" in words_of(log.response)


async def test_a_refusal_is_told_where_it_was_asked(discord_server: Server) -> None:
    server = discord_server
    await server.ann.slash(server.channel, "stylus lora propose", url=URL, title="<@1> Starry")
    sentence = "It is made for another base."
    await change(server, "update additions set state = 'refused', sentence = :it", it=sentence)
    assert await server.desk.announcing.tell_waiting("discord") == 1
    said = words_of(server.last)
    assert sentence in said
    assert "<@1>" not in said
    assert ids_of(server.last) == []


async def test_an_admin_finds_what_waits_and_keeps_the_library(
    discord_server: Server, catalogue: tuple[str, ...]
) -> None:
    server = discord_server
    eve = admin_of(server)
    addition = await checked(server, catalogue, server.ann)
    listed = await eve.slash(server.channel, "stylus-admin lora proposed")
    assert listed.response
    assert f"stylus:reject:{addition}" in ids_of(listed.response)
    await server.desk.additions.decide(addition, asker(server, eve), approve=True, allowed=True)
    for command, after in (("disable", "disabled"), ("enable", "active"), ("remove", "removed")):
        done = await eve.slash(server.channel, f"stylus-admin lora {command}", id="test:star")
        assert done.response
        assert f"“Big star” is {after} now." in words_of(done.response)
        assert await status(server) == after
    everybodys = await eve.slash(server.channel, "stylus-admin lora disable", id="test:heart")
    assert everybodys.response
    assert "belongs to everybody here" in words_of(everybodys.response)


async def own(server: Server, adapter_id: str) -> None:
    """Makes an adapter the server's own."""
    statement = "update adapters set workspace = :here where id = :id"
    await change(server, statement, here=str(server.guild.id), id=adapter_id)


def standing(modal: Any) -> dict[str, str]:
    """Returns what stands in a form when it is opened, which Discord sends back."""
    parts = walk([label["component"] for label in modal["components"]])
    return {part["custom_id"]: part.get("value", "") for part in parts}


async def test_the_card_is_edited_before_it_is_decided(
    discord_server: Server, catalogue: tuple[str, ...]
) -> None:
    """In two forms; what stands as it stood stays the author's, and the card shows the rest."""
    server = discord_server
    eve = admin_of(server)
    await checked(server, catalogue, server.ann)
    await server.desk.announcing.tell_waiting("discord")
    card = server.last
    _, _, words, use = ids_of(card)
    refused = await server.bob.click(card, custom_id=words)
    assert refused.response
    assert "Only those who look after the library" in words_of(refused.response)
    opened = await eve.click(card, custom_id=words)
    assert opened.modal
    filled = standing(opened.modal) | {"title": "Comet", "triggers": "comet, tail"}
    await eve.submit_modal(opened, filled)
    assert "Trigger words comet, tail" in words_of(server.last).replace("**", "")
    assert [file.filename for file in server.last.attachments] == ["samples.png"]
    opened = await eve.click(card, custom_id=use)
    assert opened.modal
    wrong = await eve.submit_modal(opened, {"weight": "1.5", "range": "0.4-0.9", "rating": "safe"})
    assert wrong.response
    assert "The weight 1.5 is outside of its range" in words_of(wrong.response)
    opened = await eve.click(card, custom_id=use)
    assert opened.modal
    await eve.submit_modal(opened, {"weight": "0.6", "range": "0.4-0.9", "rating": "unsafe"})
    assert "Weight 0.6 (0.4-0.9)" in words_of(server.last).replace("**", "")
    edited = await server.desk.lookup.find("test:star", asker(server, eve))
    assert (edited.title, edited.rating, edited.status) == ("Comet", "unsafe", "proposed")
    async with server.desk.database.transaction() as connection:
        statement = text("select edited from adapters where id = 'test:star'")
        assert "description" not in await connection.scalar(statement)
    log = await eve.slash(server.channel, "stylus-admin audit")
    assert log.response
    assert "test:star title Big star → Comet" in words_of(log.response)


async def test_the_buttons_under_an_adapter_are_for_admins_of_its_place(
    discord_server: Server, catalogue: tuple[str, ...]
) -> None:
    server = discord_server
    eve = admin_of(server)
    await own(server, "test:star")
    seen = await server.ann.slash(server.channel, "stylus lora info", id="test:star")
    assert ids_of(seen.response) == []
    assert "0 images in 0 requests here" in words_of(seen.response)
    mine = (await eve.slash(server.channel, "stylus lora info", id="test:star")).response
    assert mine
    actions = [one.split(":")[1] for one in ids_of(mine)]
    assert actions == ["edit", "edit", "refine", "newer", "disable", "remove"]
    everybodys = await eve.slash(server.channel, "stylus lora info", id="test:heart")
    assert [one.split(":")[1] for one in ids_of(everybodys.response)] == ["newer"]
    told = {}
    for button in ids_of(mine)[2:5]:
        done = await eve.click(mine, custom_id=button)
        told[button.split(":")[1]] = words_of(done.response)
    assert "is being described anew" in told["refine"]
    assert "its card names no source" in told["newer"]
    assert "is disabled now" in told["disable"]
    assert await status(server) == "disabled"
    async with server.desk.database.transaction() as connection:
        jobs = text("select task_name from procrastinate_jobs order by id")
        assert "refine" in list(await connection.scalars(jobs))
    handle = ids_of(mine)[2].split(":")[2]
    public = await server.channel_message(f"stylus:enable:{handle}")
    await server.bob.click(public, custom_id=f"stylus:enable:{handle}")
    assert await status(server) == "disabled"
    await eve.click(public, custom_id=f"stylus:enable:{handle}")
    assert await status(server) == "active"


async def test_a_role_may_look_after_the_library_and_nothing_else(
    discord_server: Server, catalogue: tuple[str, ...]
) -> None:
    server = discord_server
    role = server.guild.create_role("Librarians")
    lib = server.guild.add_member(server.env.create_user("lib"), roles=[role])
    await own(server, "test:star")
    shown = await server.desk.workspaces.change(asker(server, lib), librarians=(str(role.id),))
    assert shown.librarians
    card = (await lib.slash(server.channel, "stylus lora info", id="test:star")).response
    assert card
    switch = next(one for one in ids_of(card) if "disable" in one)
    await lib.click(card, custom_id=switch)
    assert await status(server) == "disabled"
    given = (await admin_of(server).slash(server.channel, "stylus-admin lora export")).response
    assert given
    packed = await given.attachments[0].read()
    (card,) = map(json.loads, gzip.decompress(packed).splitlines())
    assert (card["source_id"], card["title"]) == ("star", "Big star")
    seen = await lib.slash(server.channel, "stylus lora search", text="star")
    assert "test:star" in words_of(seen.response)
    addition = await checked(server, catalogue, server.ann)
    await server.desk.announcing.tell_waiting("discord")
    await lib.click(server.last, custom_id=f"stylus:approve:{addition}")
    assert await status(server) == "active"
    settings = await server.channel_message("stylus:admin:unsafe")
    refused = await lib.click(settings, custom_id="stylus:admin:unsafe")
    assert refused.response
    assert "Only people who may manage this server" in words_of(refused.response)


async def test_cards_are_imported_from_a_file(
    discord_server: Server, embedder: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an export has them; a file with a bad line leaves nothing, and only keepers may."""
    monkeypatch.setattr(card_import, "LOOK", 0.05)
    server, eve = discord_server, admin_of(discord_server)
    lines = [json.dumps({"source": "test", "source_id": n, "title": f"Comet {n}"}) for n in "12"]
    good = "\n".join(lines).encode()

    async def imported(content: bytes, who: MemberActor = eve) -> str:
        command = "stylus-admin lora import"
        told = await who.slash(server.channel, command, file=("cards.jsonl", content))
        return words_of(told.response)

    refused = await imported(b'{"source": "test"}')
    assert "Line 1 of the file is refused: A card has no “source_id”" in refused
    assert "“cards.jsonl” is larger than 8 MB" in await imported(b"a" * (8 * 2**20 + 1))
    assert await server.count("adapters") == 0
    embedding = asyncio.create_task(embed(server, embedder, 2))  # as the engine does
    assert await imported(good) == (
        "2 cards are taken: 2 new ones, and 0 that were here already. Prompts find them."
    )
    await embedding
    removed = "update adapters set status = 'removed' where source_id = '1'"
    async with server.desk.database.transaction() as connection:
        await connection.execute(text(removed))
    assert await imported(gzip.compress(good)) == (
        "2 cards are taken: 0 new ones, and 1 that were here already. 1 were removed here and "
        "stay removed; add their files to have them again. Prompts find them."
    )
    async with server.desk.database.transaction() as connection:
        ids = await connection.scalars(text("select id from adapters order by id"))
        assert list(ids) == [f"@{server.guild.id}/test:{n}" for n in "12"]
    log = await eve.slash(server.channel, "stylus-admin audit")
    assert "import – → 2 cards" in words_of(log.response)


async def embed(server: Server, embedder: MiniLM, cards: int) -> None:
    """Embeds so many cards once they are there."""
    done = 0
    async with asyncio.timeout(60):
        while done < cards:
            done += await embed_pending(server.desk.database, embedder)
