"""An answer is seen once, whatever Slack or we do in the middle of posting it."""

import pytest
from aiohttp import web
from sqlalchemy import text

from bot.benchmarks.loopback_slack.workspace import ART, DM, OLD, OTHER
from bot.slack_frontend.posting import EVENT
from tests.discord.atelier import compose, finish, render
from tests.slack.conftest import Workspace, words_of


def broken() -> web.Response:
    return web.Response(status=503, text="upstream connect error")


async def rendered(workspace: Workspace) -> None:
    """A request whose answer waits to be posted."""
    request = await workspace.prompt()
    await compose(workspace.desk, request)
    await render(workspace.desk, request)


def shared(workspace: Workspace) -> int:
    return len([m for m in workspace.slack.messages() if "files" in m])


def roots(workspace: Workspace) -> int:
    found = [m.get("metadata", {}) for m in workspace.slack.messages()]
    return len([metadata for metadata in found if metadata.get("event_type") == EVENT])


@pytest.mark.parametrize("method", ["files.completeUploadExternal", "chat.update"])
async def test_an_answer_lost_on_its_way_back_is_not_posted_twice(
    workspace: Workspace, method: str
) -> None:
    await rendered(workspace)
    workspace.slack.after[method].append(broken())
    assert await workspace.deliver() == 0
    await workspace.grow_old()
    assert await workspace.deliver() == 1
    assert (shared(workspace), roots(workspace)) == (1, 1)
    assert "Big star" in words_of(workspace.root)
    assert await workspace.deliver() == 0


async def test_images_that_were_not_taken_are_sent_again(workspace: Workspace) -> None:
    await rendered(workspace)
    workspace.slack.before["files.completeUploadExternal"].append(broken())
    assert await workspace.deliver() == 0
    await workspace.grow_old()
    await workspace.restart()
    assert await workspace.deliver() == 1
    assert (shared(workspace), roots(workspace)) == (1, 1)


async def test_a_message_whose_posting_was_in_doubt_is_found(workspace: Workspace) -> None:
    workspace.slack.after["chat.postMessage"].append(broken())
    request = await workspace.prompt()
    assert (await workspace.desk.homes.of(request.id)).message_id is None
    await compose(workspace.desk, request)
    await render(workspace.desk, request)
    assert await workspace.deliver() == 0, "its message may be on its way"
    await workspace.make_old(request.id)
    assert await workspace.deliver() == 1
    assert roots(workspace) == 1
    assert "Big star" in words_of(workspace.root)


async def test_a_pause_that_slack_asks_for_is_kept(workspace: Workspace) -> None:
    await rendered(workspace)
    pause = web.json_response(
        {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "0"}
    )
    workspace.slack.before["chat.update"].append(pause)
    assert await workspace.deliver() == 1
    assert workspace.slack.counts()["chat.update"] == 2


async def test_a_message_waits_until_slack_has_room_for_it(workspace: Workspace) -> None:
    pause = {"Retry-After": "0"}
    for _ in range(7):
        busy = web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=pause)
        workspace.slack.before["chat.postMessage"].append(busy)
    await workspace.prompt()
    assert roots(workspace) == 1
    assert "Queued" in words_of(workspace.root)


@pytest.mark.parametrize(("channel", "sentence"), [(OTHER, "invite me"), (OLD, "archived")])
async def test_a_place_where_we_may_not_post_is_told_and_nothing_is_rendered(
    workspace: Workspace, channel: str, sentence: str
) -> None:
    await workspace.slack.slash("prompt red star", channel=channel)
    await workspace.settled()
    (told,) = workspace.slack.whispers
    assert sentence in told["text"]
    assert (await workspace.desk.answer((await workspace.newest()).id)).phase == "cancelled"
    await workspace.make_old((await workspace.newest()).id)
    await workspace.deliver()
    state, failure = await workspace.delivery()
    assert state == "undeliverable"
    assert sentence in str(failure)
    assert len(workspace.slack.whispers) == 1


async def test_whoever_asks_with_a_token_that_is_taken_away_is_told(workspace: Workspace) -> None:
    await workspace.prompt("blue heart")
    workspace.slack.revoked = True
    await workspace.prompt()
    (told,) = workspace.slack.whispers
    assert "I was removed from this workspace" in told["text"]
    assert (await workspace.desk.answer((await workspace.newest()).id)).phase == "cancelled"


@pytest.mark.parametrize("trouble", ["archived", "revoked"])
async def test_what_becomes_undeliverable_is_told_in_one_sentence(
    workspace: Workspace, trouble: str
) -> None:
    await rendered(workspace)
    workspace.slack.revoked = trouble == "revoked"
    workspace.slack.channels[ART].archived = trouble == "archived"
    assert await workspace.deliver() == 0
    (told,) = workspace.slack.whispers
    assert "/stylus show" in told["text"]
    assert (await workspace.delivery())[0] == "undeliverable"


async def test_an_old_response_url_is_not_used(workspace: Workspace) -> None:
    await rendered(workspace)
    async with workspace.desk.database.transaction() as connection:
        late = text("update homes set token_until = now() - interval '1 second'")
        await connection.execute(late)
    workspace.slack.channels[ART].archived = True
    assert await workspace.deliver() == 0
    assert workspace.slack.whispers == [], "the channel is archived, too"
    (told,) = workspace.slack.messages(DM)
    assert "/stylus show" in told["text"]


async def test_a_message_that_was_deleted_is_posted_anew(workspace: Workspace) -> None:
    request = await workspace.prompt()
    workspace.slack.channels[ART].messages.clear()
    await finish(workspace.desk, request)
    assert (shared(workspace), roots(workspace)) == (1, 1)
