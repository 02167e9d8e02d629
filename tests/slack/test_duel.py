"""Duels in Slack: the same as on Discord, by the same words."""

from sqlalchemy import text

from bot.benchmarks.loopback_slack.workspace import ANN, ART, BOB
from tests.discord.atelier import finish
from tests.slack.conftest import Workspace, words_of


async def test_a_duel_is_asked_voted_on_and_told(workspace: Workspace) -> None:
    await workspace.slack.slash("duel red star")
    await workspace.settled()
    request = await workspace.newest()
    assert (request.kind, request.prompt, request.image_count) == ("duel", "red star", 2)
    await finish(workspace.desk, request)
    shown = words_of(workspace.root)
    assert "Which image is better?" in shown
    assert "Big star" not in shown
    answer = await workspace.desk.answer(request.id)
    method = next(one.index for one in answer.renderings if one.loaded)
    vote = f"stylus:vote:{request.id}:{method}"
    await workspace.slack.click(vote, workspace.root, ANN)
    await workspace.settled()
    assert "1 of 5 votes" in workspace.slack.whispers[-1]["text"]
    await workspace.slack.click(vote, workspace.root, ANN)
    await workspace.settled()
    assert "voted already" in workspace.slack.whispers[-1]["text"]
    for number in range(4):
        await workspace.desk.duels.vote(answer, f"guest{number}", method)
    await workspace.slack.click(f"stylus:result:{request.id}", workspace.root, BOB)
    await workspace.settled()
    told = words_of(workspace.slack.whispers[-1])
    assert f"Image {method + 1} had the adapters and won: 5 of 5 votes." in told
    assert "Big star" in told


async def test_two_settings_are_compared(workspace: Workspace) -> None:
    await workspace.slack.slash("duel red star --against half")
    await workspace.settled()
    request = await workspace.newest()
    assert (request.prompt, request.overrides.against) == ("red star", "half")
    await finish(workspace.desk, request)
    assert "One has adapters at full weight, one at half." in words_of(workspace.root)
    answer = await workspace.desk.answer(request.id)
    for number in range(5):
        await workspace.desk.duels.vote(answer, f"guest{number}", 0)
    await workspace.slack.click(f"stylus:result:{request.id}", workspace.root, BOB)
    await workspace.settled()
    assert "had the adapters at full weight and" in words_of(workspace.slack.whispers[-1])
    await workspace.slack.slash("duel red star --against everything")
    await workspace.settled()
    assert "it may be base or all or half" in workspace.slack.whispers[-1]["text"]


async def test_the_result_is_posted_once(workspace: Workspace) -> None:
    await workspace.slack.slash("duel red star")
    await workspace.settled()
    request = await workspace.newest()
    await finish(workspace.desk, request)
    answer = await workspace.desk.answer(request.id)
    for number in range(5):
        await workspace.desk.duels.vote(answer, f"guest{number}", 0)
    await workspace.restart()
    assert await workspace.deliver() == 1
    result = workspace.root
    assert "The duel is decided: red star" in words_of(result)
    assert "of 5 votes" in words_of(result)
    assert "Big star" in words_of(result)
    before = len(workspace.slack.messages(ART))
    async with workspace.desk.database.transaction() as connection:
        await connection.execute(
            text("update deliveries set state = 'posting' where part = 'result'")
        )
    await workspace.grow_old()
    assert await workspace.deliver() == 1, "it looks for it first"
    assert len(workspace.slack.messages(ART)) == before


async def test_a_private_duel_is_refused(workspace: Workspace) -> None:
    await workspace.slack.slash("duel red star --private")
    await workspace.settled()
    assert "ask without --private" in workspace.slack.whispers[-1]["text"]
    assert await workspace.count("requests") == 0
