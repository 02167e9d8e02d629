"""LoRAs through Slack: anybody proposes, the workspace's admins decide by a button."""

from sqlalchemy import text

from bot.benchmarks.loopback_slack.workspace import ADMIN, ART, BOB, Json
from tests.slack.conftest import Workspace, ids_of, words_of
from tests.slack.test_commands import told

PROPOSE = (
    "lora propose https://civitai.com/files/starry.safetensors --title “Starry night” "
    '--triggers "starry, five points" --weight 0.7'
)


async def change(workspace: Workspace, statement: str, **values: object) -> None:
    async with workspace.desk.database.transaction() as connection:
        await connection.execute(text(statement), values)


async def checked(workspace: Workspace) -> Json:
    """Bob proposes, a renderer has found it good, and the channel is told; returns the card."""
    await told(workspace, PROPOSE, BOB)
    await change(workspace, "update additions set state = 'proposed', adapter_id = 'test:star'")
    await change(
        workspace,
        "update adapters set status = 'proposed', workspace = :here where id = 'test:star'",
        here=":T1",
    )
    assert await workspace.desk.announcing.tell_waiting("slack") == 1
    return workspace.slack.messages(ART)[-1]


async def status(workspace: Workspace) -> str:
    async with workspace.desk.database.transaction() as connection:
        statement = text("select status from adapters where id = 'test:star'")
        return str(await connection.scalar(statement))


async def test_what_is_proposed_is_stored_as_it_was_written(workspace: Workspace) -> None:
    assert "“Starry night” is fetched and checked now" in await told(workspace, PROPOSE)
    async with workspace.desk.database.transaction() as connection:
        row = (await connection.execute(text("select * from additions"))).one()
    assert (row.url, row.title) == ("https://civitai.com/files/starry.safetensors", "Starry night")
    assert (row.trigger_words, row.weight) == (["starry", "five points"], 0.7)
    assert (row.platform, row.workspace, row.everybody) == ("slack", ":T1", False)


async def test_what_cannot_be_proposed_is_said(workspace: Workspace) -> None:
    assert "Give the URL" in await told(workspace, "lora propose")
    assert "not fetched from evil.org" in await told(workspace, "lora propose https://evil.org/x")
    assert "no option --wieght" in await told(workspace, "lora propose https://hf.co/x --wieght 1")
    assert await workspace.count("additions") == 0


async def test_only_admins_decide_and_the_card_says_what(
    catalogue: tuple[str, ...], workspace: Workspace
) -> None:
    card = await checked(workspace)
    assert "“Starry night” is proposed" in words_of(card)
    approve, reject, words, use = ids_of(card)
    assert (words[:12], use[-2:]) == ("stylus:edit:", ":1")
    assert reject.startswith("stylus:reject:")
    await workspace.slack.click(approve, card, BOB)
    await workspace.settled()
    assert "Only those who look after the library" in words_of(workspace.slack.whispers[-1])
    assert await status(workspace) == "proposed"
    assert "Only those who look after" in await told(workspace, "lora proposed", BOB)
    await workspace.slack.slash("lora proposed", user=ADMIN)
    await workspace.settled()
    assert ids_of(workspace.slack.whispers[-1])[:2] == [approve, reject]
    await workspace.slack.click(approve, card, ADMIN)
    await workspace.settled()
    assert await status(workspace) == "active"
    after = workspace.slack.messages(ART)[-1]
    assert "“Starry night” is approved." in words_of(after)
    assert ids_of(after) == []
    assert "“Big star” is disabled now." in await told(workspace, "lora disable test:star", ADMIN)
    assert await status(workspace) == "disabled"
    assert "belongs to everybody here" in await told(workspace, "lora remove test:heart", ADMIN)


async def test_a_refusal_is_told_where_it_was_asked(workspace: Workspace) -> None:
    await told(workspace, PROPOSE)
    sentence = "It is made for <!channel>."
    await change(workspace, "update additions set state = 'refused', sentence = :it", it=sentence)
    assert await workspace.desk.announcing.tell_waiting("slack") == 1
    message = workspace.slack.messages(ART)[-1]
    assert "was not taken" in words_of(message)
    assert "<!channel>" not in message["text"]


async def test_the_card_is_edited_in_forms(
    catalogue: tuple[str, ...], workspace: Workspace
) -> None:
    """What cannot be is said in the form; the card shows what was saved, to admins alone."""
    card = await checked(workspace)
    words, use = ids_of(card)[2:]
    await workspace.slack.click(words, card, BOB)
    await workspace.settled()
    assert "Only those who look after the library" in words_of(workspace.slack.whispers[-1])
    assert workspace.slack.forms == []
    filled = {"title": "Comet", "description": "A comet.", "triggers": "", "tags": "", "notes": ""}
    await workspace.slack.click(words, card, ADMIN)
    await workspace.settled()
    values = {name: {"value": value} for name, value in filled.items()}
    assert not await workspace.slack.send_form(values, ADMIN)
    await workspace.slack.click(use, card, ADMIN)
    await workspace.settled()
    chosen = {"weight": "1.5", "range": "0.4-0.9", "rating": "safe"}
    values = {name: {"value": value} for name, value in chosen.items()}
    refused = await workspace.slack.send_form(values, ADMIN)
    assert refused
    assert "outside of its range" in refused["errors"]["weight"]
    values["weight"] = {"value": "0.6"}
    assert not await workspace.slack.send_form(values, ADMIN)
    await workspace.settled()
    shown = words_of(workspace.slack.messages(ART)[-1])
    assert "A comet." in shown
    assert "Weight: 0.6 (0.4-0.9)" in shown
    assert await status(workspace) == "proposed"


async def test_an_adapters_card_has_buttons_for_admins(
    catalogue: tuple[str, ...], workspace: Workspace
) -> None:
    await change(
        workspace, "update adapters set workspace = :here where id = 'test:star'", here=":T1"
    )
    assert "0 images in 0 requests here" in await told(workspace, "lora info test:star")
    assert ids_of(workspace.slack.whispers[-1]) == []
    await told(workspace, "lora info test:star", ADMIN)
    buttons = ids_of(workspace.slack.whispers[-1])
    actions = [one.split(":")[1] for one in buttons]
    assert actions == ["edit", "edit", "refine", "newer", "disable", "remove"]
    message = workspace.slack.say(ART, BOB, "buttons")
    await workspace.slack.click(buttons[4], message, BOB)
    await workspace.settled()
    assert await status(workspace) == "active"
    await workspace.slack.click(buttons[4], message, ADMIN)
    await workspace.settled()
    assert "“Big star” is disabled now." in words_of(workspace.slack.whispers[-1])
    assert await status(workspace) == "disabled"
