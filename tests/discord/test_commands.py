"""The other commands: what people look up or undo of their own, pictures to start from."""

import io
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from bot.discord_frontend import create_bot
from bot.discord_frontend.client import StylusBot
from engine.errors import StorageUnavailable
from engine.values import Phase, Request
from tests.discord.atelier import finish, png
from tests.discord.conftest import Server, ids_of, walk, words_of
from tests.discord.test_admin import admin_of


async def answered(server: Server, prompt: str = "red star") -> Request:
    request = await server.prompt(prompt, images=2)
    await finish(server.desk, request)
    return request


async def told(server: Server, command: str, **options: object) -> str:
    """Returns what Ann alone is told."""
    result = await server.ann.slash(server.channel, command, **options)
    shown = result.response or result.followups[-1]
    assert shown.ephemeral
    return words_of(shown)


async def test_show_brings_an_old_answer_back(discord_server: Server) -> None:
    request = await answered(discord_server)
    result = await discord_server.bob.slash(
        discord_server.channel, "stylus show", id=request.id, share=True
    )
    shown = result.response or result.followups[-1]
    assert not shown.ephemeral
    assert len(shown.attachments) == 3
    await discord_server.ann.react(discord_server.last, "🔁")
    assert (await discord_server.newest()).parent_id == request.id
    assert "There is no request" in await told(discord_server, "stylus show", id="nothing")


async def test_history_is_searched_and_is_ones_own(discord_server: Server) -> None:
    star = await answered(discord_server, "red star")
    await answered(discord_server, "blue 100% heart")
    everything = await told(discord_server, "stylus history")
    assert star.id in everything
    assert "blue 100% heart" in everything
    assert star.id not in await told(discord_server, "stylus history", search="100%")
    result = await discord_server.bob.slash(discord_server.channel, "stylus history")
    assert result.response
    assert "Nothing yet" in words_of(result.response)


async def test_queue_and_quota(discord_server: Server) -> None:
    request = await discord_server.prompt()
    assert request.id in await told(discord_server, "stylus queue")
    assert "1 of 10 unfinished" in await told(discord_server, "stylus quota")
    assert "Cancelled" in await told(discord_server, "stylus cancel")
    assert (await discord_server.desk.answer(request.id)).phase is Phase.CANCELLED
    assert "no request under way" in await told(discord_server, "stylus cancel")
    assert "0 images within 24 hours" in await told(discord_server, "stylus quota")


async def test_help_names_every_command(discord_server: Server) -> None:
    words = await told(discord_server, "stylus help")
    for name in ("prompt", "translate", "inpaint", "show", "history", "queue", "delete-my-data"):
        assert name in words


@pytest.mark.usefixtures("catalogue")
async def test_adapters_are_searched_and_shown(discord_server: Server) -> None:
    found = await told(discord_server, "stylus lora search", text="a star")
    assert "Big star" in found
    words = await told(discord_server, "stylus lora info", id="test:star")
    assert "five" in words
    for command, option in (
        ("lora info", "id"), ("prompt", "pin"), ("prompt", "drop"),
    ):  # fmt: skip
        offered = await discord_server.ann.autocomplete(
            discord_server.channel, f"stylus {command}", option, "star"
        )
        assert "test:star" in [choice["value"] for choice in offered]
    assert "There is no adapter" in await told(discord_server, "stylus lora info", id="none")


async def test_the_library_is_looked_through_page_by_page(
    catalogue: tuple[str, ...], discord_server: Server
) -> None:
    """Who is no admin sees what is in use and fit for all, in the bases and kinds they choose."""
    ann, channel = discord_server.ann, discord_server.channel
    page = (await ann.slash(channel, "stylus lora list")).response
    assert page
    filters, cards, after = ids_of(page)
    assert words_of(page).count("`test:") == 8
    await ann.click(page, custom_id=after)
    assert words_of(page).count("`test:") == 3
    assert ids_of(page)[2:] == [after.removesuffix("1") + "0"]
    seen = {part["value"] for part in options_of(page, filters)}
    assert {"base=sdxl", "base=stylus-small", "kind=person"} <= seen
    assert not {"status=disabled", "rating=unsafe"} & seen
    await ann.select(page, ["base=sdxl"], custom_id=filters)
    assert "Star for SDXL" in words_of(page)
    assert words_of(page).count("`test:") == 1
    await ann.select(page, ["base=sdxl", "kind=person"], custom_id=filters)
    assert "Nothing in the library fits." in words_of(page)
    await ann.select(page, [], custom_id=filters)
    handle = options_of(page, cards)[0]["value"]
    card = await ann.select(page, [handle], custom_id=cards)
    assert card.response
    assert "made for" in words_of(card.response)
    public = await discord_server.channel_message(after)
    refused = await discord_server.bob.click(public, custom_id=after)
    assert refused.response
    assert "somebody else's" in words_of(refused.response)


async def test_admins_filter_by_status_and_rating(
    catalogue: tuple[str, ...], discord_server: Server
) -> None:
    eve = admin_of(discord_server)
    page = (await eve.slash(discord_server.channel, "stylus lora list")).response
    assert page
    filters = ids_of(page)[0]
    await eve.select(page, ["rating=unsafe"], custom_id=filters)
    assert "Rope bondage" in words_of(page)
    await eve.select(page, ["rating=unsafe", "status=disabled"], custom_id=filters)
    assert "Nothing in the library fits." in words_of(page)
    found = (await eve.slash(discord_server.channel, "stylus lora search", text="star")).response
    assert found
    assert "Big star" in words_of(found)
    filters = ids_of(found)[0]
    await eve.select(found, ["base=sdxl"], custom_id=filters)
    assert "Star for SDXL" in words_of(found)
    assert "Big star" not in words_of(found)


async def test_only_admins_find_what_is_switched_off(
    catalogue: tuple[str, ...], discord_server: Server
) -> None:
    async with discord_server.desk.database.transaction() as connection:
        await connection.execute(
            text("update adapters set status = 'disabled' where id = 'test:star'")
        )
    eve, channel = admin_of(discord_server), discord_server.channel
    found = (await eve.slash(channel, "stylus lora search", text="star")).response
    assert found
    line = next(one for one in words_of(found).splitlines() if "test:star`" in one)
    assert "disabled" in line
    await eve.select(found, ["status=active"], custom_id=ids_of(found)[0])
    assert "`test:star`" not in words_of(found)
    seen = await told(discord_server, "stylus lora search", text="star")
    assert "`test:star`" not in seen
    assert "`test:" in seen


def options_of(message: Any, custom_id: str) -> list[dict[str, Any]]:
    """Returns the options of a select."""
    parts = [part if isinstance(part, dict) else part.to_dict() for part in message.components]
    return next(list(p["options"]) for p in walk(parts) if p.get("custom_id") == custom_id)


async def test_the_last_image_of_an_adapter_is_its_preview(
    catalogue: tuple[str, ...], discord_server: Server
) -> None:
    request = await discord_server.prompt()
    await finish(discord_server.desk, request, {"test:star": "Star"})
    lookup = discord_server.desk.lookup
    assert await lookup.preview("test:star", request.asker) == png()
    assert await lookup.preview("test:heart", request.asker) is None


async def test_a_picture_is_translated(discord_server: Server) -> None:
    await discord_server.ann.slash(
        discord_server.channel, "stylus translate", image=("star.png", png(size=64)), text="a star"
    )
    request = await discord_server.newest()
    assert (request.kind, request.prompt) == ("translate", "a star")
    assert f"stylus:cancel:{request.id}" in ids_of(discord_server.last)
    await finish(discord_server.desk, request)
    assert len(discord_server.last.attachments) == 5


async def test_what_is_no_picture_is_told(discord_server: Server) -> None:
    result = await discord_server.ann.slash(
        discord_server.channel, "stylus translate", image=("star.png", b"no"), text="a star"
    )
    assert "cannot be read as a picture" in words_of(result.response or result.followups[-1])
    assert await discord_server.count("requests") == 0


async def test_the_transparent_part_is_painted_anew(discord_server: Server) -> None:
    holed = Image.new("RGBA", (64, 64), "red")
    holed.paste((0, 0, 0, 0), (0, 0, 32, 64))
    buffer = io.BytesIO()
    holed.save(buffer, "PNG")
    await discord_server.ann.slash(
        discord_server.channel,
        "stylus inpaint",
        image=("holed.png", buffer.getvalue()),
        text="a star",
    )
    request = await discord_server.newest()
    assert request.kind == "inpaint"
    assert request.source
    assert request.source.mask
    mask = Image.open(io.BytesIO(discord_server.desk.store.read(request.source.mask)))
    assert mask.convert("L").getpixel((5, 5)) == 255
    assert mask.convert("L").getpixel((60, 5)) == 0


async def test_a_message_becomes_a_prompt(discord_server: Server) -> None:
    said = await discord_server.bob.send(discord_server.channel, "a green tree")
    await discord_server.ann.context_menu(discord_server.channel, "Stylus this", said)
    request = await discord_server.newest()
    assert (request.prompt, request.asker.user) == ("a green tree", str(discord_server.ann.id))


async def test_a_mention_asks(discord_server: Server, simcord_bot: StylusBot) -> None:
    assert simcord_bot.user
    said = await discord_server.ann.send(
        discord_server.channel, f"<@{simcord_bot.user.id}> a green tree"
    )
    request = await discord_server.newest()
    assert request.prompt == "a green tree"
    status = discord_server.last
    assert status.reference
    assert status.reference.message_id == said.id
    await finish(discord_server.desk, request)
    assert discord_server.last.id == status.id
    assert len(discord_server.last.attachments) == 5
    await discord_server.ann.send(discord_server.channel, "no words for the bot")
    assert await discord_server.count("requests") == 1


async def test_a_direct_message_asks(discord_server: Server) -> None:
    await discord_server.ann.send_dm("a green tree")
    request = await discord_server.newest()
    assert request.asker.workspace == f"dm:{discord_server.ann.id}"
    await finish(discord_server.desk, request)
    assert await discord_server.desk.deliver_waiting("discord") == 0


async def test_my_data_is_deleted_everywhere(discord_server: Server) -> None:
    request = await answered(discord_server)
    shown = discord_server.last
    await discord_server.bob.react(shown, "🔁")
    theirs = await discord_server.newest()
    await finish(discord_server.desk, theirs)
    await discord_server.ann.react(discord_server.last, "👍")
    blob = (await discord_server.desk.answer(request.id)).renderings[0].blob
    asked = await discord_server.ann.slash(discord_server.channel, "stylus delete-my-data")
    assert asked.response
    await discord_server.ann.click(asked.response, custom_id="stylus:forget:me")
    assert shown.id not in discord_server.seen()
    assert "There is no request" in await told(discord_server, "stylus show", id=request.id)
    assert await discord_server.count("feedback") == 0
    assert (await discord_server.desk.answer(theirs.id)).renderings, "others keep theirs"
    assert discord_server.desk.store.read(blob), "their images hold the same bytes"
    await discord_server.desk.forgetting.person("discord", str(discord_server.bob.id))
    with pytest.raises(StorageUnavailable):
        discord_server.desk.store.read(blob)


async def test_commands_have_german_names_and_are_published_once(discord_server: Server) -> None:
    published = [one for one in discord_server.env.http_requests if one.method == "PUT"]
    assert len(published) == 1
    commands: Any = published[0].json
    stylus = next(one for one in commands if one["name"] == "stylus")
    names = {one["name"]: one["name_localizations"].get("de") for one in stylus["options"]}
    assert names["prompt"] == "zeichnen"
    assert names["delete-my-data"] == "meine-daten-löschen"
    texts = {one["name"]: one for one in stylus["options"]}["prompt"]["description_localizations"]
    assert texts["de"].startswith("Macht aus einem Text Bilder")
    await discord_server.env.restart_bot(create_bot(discord_server.desk))
    puts = [one for one in discord_server.env.http_requests if one.method == "PUT"]
    assert len(puts) == 1, "nothing has changed"


async def test_a_german_is_answered_in_german(discord_server: Server) -> None:
    request = await discord_server.prompt()
    async with discord_server.desk.database.transaction() as connection:
        await connection.execute(text("update homes set locale = 'de'"))
    await discord_server.bot.board.refresh()
    assert "In der Schlange" in words_of(discord_server.last)
    await finish(discord_server.desk, request)
    assert "in allen Bildern" in words_of(discord_server.last)
    assert discord_server.last.attachments[0].description
    assert discord_server.last.attachments[0].description.startswith("Bild 1 von „red star“")
