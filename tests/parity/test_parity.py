"""The same request on a terminal, on Discord and on Slack: what people see is the same."""

import re

from engine.values import Request, SkippedAdapter
from tests.discord.atelier import compose, fail, render
from tests.discord.conftest import Server
from tests.discord.conftest import words_of as discord_words
from tests.parity import seen
from tests.slack.conftest import Workspace
from tests.slack.conftest import words_of as slack_words

SKIPPED = SkippedAdapter("c", "Soft light", "its file is not here.")


async def both(discord_server: Server, workspace: Workspace) -> tuple[Request, Request]:
    """Asks for the same on both platforms."""
    there = await discord_server.prompt("red star", images=4, seed=7)
    return there, await workspace.prompt("red star --images 4 --seed 7")


async def test_an_answer_says_the_same(discord_server: Server, workspace: Workspace) -> None:
    there, here = await both(discord_server, workspace)
    for request in (there, here):
        await compose(workspace.desk, request)
        await render(workspace.desk, request, [SKIPPED])
        await workspace.desk.deliver_waiting(request.asker.platform)
    answer = await workspace.desk.answer(here.id)
    shown = seen.on_slack(workspace.root, 4)
    assert shown == seen.on_terminal(answer)
    assert shown == seen.on_discord(discord_server.last, 4)
    assert shown.rows[1] == ("star", "Neon glow", (None, "0.80", None, "0.80"))
    assert len(shown.remarks) == 1


async def test_what_can_be_done_is_the_same(discord_server: Server, workspace: Workspace) -> None:
    there, here = await both(discord_server, workspace)
    under_way = seen.actions_on_discord(discord_server.last)
    assert under_way == renamed(seen.actions_on_slack(workspace.root), here, there)
    for request in (there, here):
        await compose(workspace.desk, request)
        await render(workspace.desk, request)
        await workspace.desk.deliver_waiting(request.asker.platform)
    done = seen.actions_on_discord(discord_server.last)
    assert done == renamed(seen.actions_on_slack(workspace.root), here, there)
    assert {action.split(":")[1] for action in done} == {
        "reroll", "vary", "upscale", "tasks", "compare", "why", "delete",
    }  # fmt: skip
    line = seen.summary_on_slack(workspace.root).replace(here.id, there.id)
    assert timeless(line) == timeless(seen.summary_on_discord(discord_server.last))


async def test_images_and_their_words_are_the_same(
    discord_server: Server, workspace: Workspace
) -> None:
    there, here = await both(discord_server, workspace)
    for request in (there, here):
        await compose(workspace.desk, request)
        await render(workspace.desk, request)
        await workspace.desk.deliver_waiting(request.asker.platform)
    (images,) = [m for m in workspace.slack.messages() if "files" in m]
    files = [workspace.slack.files[file["id"]] for file in images["files"]]
    attached = discord_server.last.attachments
    assert [f["alt_txt"] for f in files[:4]] == [a.description for a in attached[:4]]
    names = [f["name"].replace(here.id, there.id) for f in files]
    assert names == [a.filename for a in attached]


async def test_a_failure_says_the_same(discord_server: Server, workspace: Workspace) -> None:
    there, here = await both(discord_server, workspace)
    sentence = "The renderer ran out of memory; ask for fewer images."
    for request in (there, here):
        await fail(workspace.desk, request, sentence)
    assert sentence in slack_words(workspace.root)
    assert sentence in seen.bare(discord_words(discord_server.last))
    theirs = seen.actions_on_discord(discord_server.last)
    assert theirs == renamed(seen.actions_on_slack(workspace.root), here, there)


def renamed(actions: list[str], before: Request, after: Request) -> list[str]:
    return [action.replace(before.id, after.id) for action in actions]


def timeless(line: str) -> str:
    return re.sub(r"[\d.]+ s\b", "", line)
