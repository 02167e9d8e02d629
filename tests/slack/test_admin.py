"""`/stylus-admin`: for admins alone, checked each time; and LoRAs on their way into the library."""

import gzip
import json
from typing import Any

from sqlalchemy import select, update

from bot.benchmarks.loopback_slack.workspace import ADMIN, ANN, ART, BOB, DM
from engine.retrieving.embedder import MiniLM
from engine.retrieving.search_index import embed_pending
from engine.storage.tables import adapters
from engine.values import Asker
from tests.slack.conftest import Workspace, ids_of, words_of

ADMINS = Asker("slack", ":T1", ART, ADMIN)


async def told(workspace: Workspace, text: str, user: str = ADMIN) -> str:
    """Returns what the admin command tells the person alone."""
    await workspace.slack.slash(text, user=user, command="/stylus-admin")
    await workspace.settled()
    return words_of(workspace.slack.whispers[-1])


def chosen(**fields: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "checkpoint": {"selected_option": None},
        "images": {"value": None},
        "daily": {"value": None},
        "channels": {"selected_conversations": []},
        "gallery": {"selected_conversation": None},
        "librarians": {"selected_users": []},
        "switches": {"selected_options": []},
    }
    return empty | fields


async def test_others_are_refused_each_time(workspace: Workspace) -> None:
    assert "Only admins" in await told(workspace, "settings", BOB)
    assert workspace.slack.forms == []
    await told_nothing(workspace, "settings")
    await workspace.slack.send_form(chosen(images={"value": "2"}), BOB)
    await workspace.settled()
    assert "Only admins" in words_of(workspace.slack.whispers[-1])
    assert (await workspace.desk.workspaces.rules(ADMINS)).images is None


async def told_nothing(workspace: Workspace, text: str) -> None:
    before = len(workspace.slack.whispers)
    await workspace.slack.slash(text, user=ADMIN, command="/stylus-admin")
    await workspace.settled()
    assert len(workspace.slack.whispers) == before


async def test_settings_are_chosen_in_a_form_and_written_down(workspace: Workspace) -> None:
    await told_nothing(workspace, "")
    await workspace.slack.send_form(
        chosen(
            images={"value": "2"},
            daily={"value": "5"},
            gallery={"selected_conversation": ART},
            switches={"selected_options": [{"value": "mentions"}]},
        ),
        ADMIN,
    )
    await workspace.settled()
    rules = await workspace.desk.workspaces.rules(ADMINS)
    assert (rules.images, rules.daily, rules.gallery) == (2, 5, ART)
    assert (rules.mentions, rules.unsafe) == (True, False)
    assert "daily – → 5" in await told(workspace, "audit")
    await told_nothing(workspace, "")
    again = {b["block_id"]: b["element"] for b in workspace.slack.forms[-1]["blocks"]}
    assert again["daily"]["initial_value"] == "5"
    assert again["gallery"]["initial_conversation"] == ART


async def test_the_library_is_kept_by_admins(
    catalogue: tuple[str, ...], workspace: Workspace
) -> None:
    heart = catalogue[1]
    assert "Nothing waits" in await told(workspace, "lora proposed")
    assert "Only those who look after" in await told(workspace, f"lora disable {heart}", ANN)
    assert "belongs to everybody" in await told(workspace, f"lora disable {heart}")
    async with workspace.desk.database.transaction() as connection:
        own = update(adapters).where(adapters.c.id == heart).values(workspace=":T1")
        await connection.execute(own)
    assert "is disabled now" in await told(workspace, f"lora disable {heart}")
    assert "no lora “colour”" in await told(workspace, "lora colour")


async def test_people_whom_admins_chose_look_after_the_library_alone(
    catalogue: tuple[str, ...], workspace: Workspace
) -> None:
    heart = catalogue[1]
    async with workspace.desk.database.transaction() as connection:
        own = update(adapters).where(adapters.c.id == heart).values(workspace=":T1")
        await connection.execute(own)
    await told_nothing(workspace, "")
    await workspace.slack.send_form(chosen(librarians={"selected_users": [ANN]}), ADMIN)
    await workspace.settled()
    assert "is disabled now" in await told(workspace, f"lora disable {heart}", ANN)
    assert "Only those who look after" in await told(workspace, f"lora enable {heart}", BOB)
    assert "The 1 cards of this place" in await told(workspace, "lora export", ANN)
    (packed,) = [file["content"] for file in workspace.slack.files.values()]
    assert json.loads(gzip.decompress(packed))["source_id"] == "heart"
    assert [m for m in workspace.slack.messages(DM) if "files" in m]
    assert "Only admins" in await told(workspace, "settings", ANN)
    assert "librarians" in await told(workspace, "audit")
    await told_nothing(workspace, "")
    again = {b["block_id"]: b["element"] for b in workspace.slack.forms[-1]["blocks"]}
    assert again["librarians"]["initial_users"] == [ANN]


async def test_a_file_is_proposed_in_a_message(workspace: Workspace) -> None:
    file = workspace.slack.upload(ANN, "star.safetensors", b"no lora yet")
    await workspace.slack.mention('lora propose --title "Night star"', files=[file])
    await workspace.settled()
    await workspace.settled()
    assert "Night star" in words_of(workspace.slack.whispers[-1])
    assert await workspace.count("additions") == 1
    assert await workspace.count("requests") == 0


async def test_a_file_of_cards_is_imported_in_a_message(
    workspace: Workspace, embedder: MiniLM
) -> None:
    """The admin is told directly, in one message; others are refused."""
    line = json.dumps({"source": "test", "source_id": "1", "title": "Comet"}).encode()
    slack = workspace.slack
    for files, sentence in (
        ([line], "Only those who look after"),
        ([], "Send one file of cards"),
    ):
        sent = [slack.upload(ANN, "cards.jsonl", content) for content in files]
        await slack.mention("lora import", files=sent)
        await workspace.settled()
        assert sentence in words_of(slack.whispers[-1])
        await workspace.desk.workspaces.change(ADMINS, librarians=(ANN,))
    await slack.mention("lora import", files=[slack.upload(ANN, "cards.jsonl", b"{")])
    await workspace.settled()
    assert "Line 1 of the file is not JSON" in words_of(slack.messages(DM)[-1])
    assert await workspace.count("adapters") == 0
    assert "Slack's commands take no files" in await told(workspace, "lora import")
    await slack.mention("Lora import", files=[slack.upload(ANN, "x.jsonl", line)])
    while not await embed_pending(workspace.desk.database, embedder):  # as the engine does
        assert "Prompts find" not in words_of(slack.messages(DM)[-1])
    await workspace.settled()
    (_, message) = slack.messages(DM)
    taken = "1 cards are taken: 1 new ones, and 0 that were here already. Prompts find them."
    assert taken in words_of(message)
    async with workspace.desk.database.transaction() as connection:
        rows = await connection.execute(select(adapters.c.id, adapters.c.workspace))
        assert rows.all() == [("@:T1/test:1", ":T1")]
    assert await workspace.count("requests") == 0
    assert "import – → 1 cards" in await told(workspace, "audit")


async def test_an_admins_home_leads_to_settings_and_library(workspace: Workspace) -> None:
    await workspace.desk.workspaces.change(ADMINS, gallery=ART)
    for user in (ADMIN, ANN):
        await workspace.slack.event({"type": "app_home_opened", "user": user, "tab": "home"})
    await workspace.settled()
    assert "*Gallery* <#CART>" in words_of(workspace.slack.homes[ADMIN])
    assert "Gallery" not in words_of(workspace.slack.homes[ANN])
    parts = ["stylus:admin:settings", "stylus:admin:lora"]
    assert ids_of(workspace.slack.homes[ADMIN]) == parts
    assert ids_of(workspace.slack.homes[ANN]) == []
    await workspace.slack.click_home(parts[0], ADMIN)
    await workspace.settled()
    assert workspace.slack.forms[-1]["callback_id"] == "stylus_rules_form"
    for user, words in (
        (ADMIN, "Nothing waits for a decision"),
        (ANN, "Only those who look after"),
    ):
        await workspace.slack.click_home(parts[1], user)
        await workspace.settled()
        assert words in words_of(workspace.slack.whispers[-1])
