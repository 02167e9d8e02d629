"""Buttons and reactions work by ids alone: after a restart, on old messages, for whoever may."""

import pytest
from aiohttp import web

from bot.benchmarks.loopback_slack.workspace import ADMIN, ANN, ART, BOB, DM, OTHER
from engine.community.feedback import Verdicts
from engine.values import Phase, Request
from tests.discord.atelier import finish
from tests.slack.conftest import Workspace, words_of


async def answered(workspace: Workspace) -> Request:
    """Returns a request whose answer is in the channel, seen by an app that was restarted."""
    request = await workspace.prompt()
    await finish(workspace.desk, request)
    await workspace.restart()
    return request


async def test_reroll_answers_in_the_channel_after_a_restart(workspace: Workspace) -> None:
    request = await answered(workspace)
    parent = workspace.root
    await workspace.slack.click(f"stylus:reroll:{request.id}", parent)
    await workspace.settled()
    again = await workspace.newest()
    assert (again.kind, again.parent_id, again.asker.user) == ("reroll", request.id, BOB)
    await finish(workspace.desk, again)
    assert workspace.root["ts"] != parent["ts"]
    assert f"from `{request.id}`" in words_of(workspace.root)


async def test_vary_upscale_and_compare_are_about_what_they_say(workspace: Workspace) -> None:
    request = await answered(workspace)
    root = workspace.root
    found = {}
    for action in ("vary", "upscale", "compare"):
        subject = f"{request.id}:1" if action != "compare" else request.id
        await workspace.slack.click(f"stylus:{action}:{subject}", root)
        await workspace.settled()
        made = await workspace.newest()
        found[action] = (made.kind, made.parent_index)
    assert found == {"vary": ("vary", 1), "upscale": ("upscale", 1), "compare": ("revise", None)}


async def test_why_is_told_to_one_person(workspace: Workspace) -> None:
    request = await answered(workspace)
    before = len(workspace.slack.messages())
    await workspace.slack.click(f"stylus:why:{request.id}", workspace.root)
    await workspace.settled()
    assert "a reason" in words_of(workspace.slack.whispers[-1])
    assert workspace.slack.whispers[-1]["response_type"] == "ephemeral"
    assert len(workspace.slack.messages()) == before


async def test_only_its_owner_and_admins_cancel(workspace: Workspace) -> None:
    request = await workspace.prompt()
    button = f"stylus:cancel:{request.id}"
    await workspace.slack.click(button, workspace.root, BOB)
    await workspace.settled()
    assert "somebody else" in workspace.slack.whispers[-1]["text"]
    assert (await workspace.desk.answer(request.id)).phase is Phase.QUEUED
    await workspace.slack.click(button, workspace.root, ADMIN)
    await workspace.settled()
    assert (await workspace.desk.answer(request.id)).phase is Phase.CANCELLED
    await workspace.deliver()
    assert "Cancelled" in words_of(workspace.root)


async def test_delete_takes_the_images_too(workspace: Workspace) -> None:
    request = await answered(workspace)
    button = f"stylus:delete:{request.id}"
    await workspace.slack.click(button, workspace.root, BOB)
    await workspace.settled()
    assert workspace.slack.files
    await workspace.slack.click(button, workspace.root, ANN)
    await workspace.settled()
    assert workspace.slack.files == {}
    assert workspace.slack.messages() == []


async def test_arrows_reroll_once_for_each_reaction(workspace: Workspace) -> None:
    request = await answered(workspace)
    event = await workspace.slack.react(workspace.root, "repeat")
    await workspace.settled()
    again = await workspace.newest()
    assert (again.kind, again.parent_id, again.asker.user) == ("reroll", request.id, BOB)
    first = await workspace.slack.event(event)
    await workspace.slack.event(event, event_id=first, retry=1)
    await workspace.settled()
    assert await workspace.count("requests") == 3


async def test_an_event_that_comes_again_cancels_but_does_not_delete(workspace: Workspace) -> None:
    await workspace.prompt()
    root = workspace.root
    event = {
        "type": "reaction_added",
        "user": ANN,
        "reaction": "x",
        "item": {"type": "message", "channel": ART, "ts": root["ts"]},
    }
    first = await workspace.slack.event(event)
    await workspace.settled()
    await workspace.slack.event(event, event_id=first, retry=1)
    await workspace.settled()
    assert [m["ts"] for m in workspace.slack.messages()] == [root["ts"]]
    await workspace.slack.react(root, "x", ANN)
    await workspace.settled()
    assert workspace.slack.messages() == []


async def test_thumbs_count_for_the_adapters_until_taken_away(workspace: Workspace) -> None:
    await answered(workspace)
    await workspace.slack.react(workspace.root, "+1::skin-tone-4", ANN)
    await workspace.slack.react(workspace.root, "-1", BOB)
    verdicts = workspace.desk.feedback.verdicts
    assert await verdicts() == [Verdicts(("a", "b"), good=1, bad=1)]
    await workspace.slack.react(workspace.root, "-1", BOB, away=True)
    assert await verdicts() == [Verdicts(("a", "b"), good=1, bad=0)]


async def test_the_first_star_shows_the_answer_in_the_gallery(workspace: Workspace) -> None:
    request = await answered(workspace)
    await workspace.desk.workspaces.change(request.asker, gallery=DM)
    for user in (ANN, BOB):
        await workspace.slack.react(workspace.root, "star", user)
        await workspace.deliver()
    copy, images = workspace.slack.messages(DM)
    assert request.id in words_of(copy)
    assert "files" in images


async def test_what_only_adults_may_see_needs_an_admin_and_stays_where_it_is(
    workspace: Workspace,
) -> None:
    request = await workspace.prompt()
    assert not request.overrides.unsafe
    await workspace.desk.workspaces.change(request.asker, unsafe=True, gallery=DM)
    allowed = await workspace.prompt()
    assert allowed.overrides.unsafe
    await finish(workspace.desk, allowed)
    await workspace.slack.react(workspace.root, "star", ANN)
    assert await workspace.deliver() == 0
    assert workspace.slack.messages(DM) == []


async def test_reactions_on_the_shared_images_count_too(workspace: Workspace) -> None:
    request = await answered(workspace)
    (images,) = [m for m in workspace.slack.messages() if "files" in m]
    await workspace.slack.tell_of_share(images)
    await workspace.slack.react(images, "repeat")
    await workspace.settled()
    assert (await workspace.newest()).parent_id == request.id


async def test_mail_sends_a_copy_that_can_be_reacted_on(workspace: Workspace) -> None:
    request = await answered(workspace)
    await workspace.slack.react(workspace.root, "email", ANN)
    assert await workspace.deliver() == 1
    copy, images = workspace.slack.messages(DM)
    assert request.id in words_of(copy)
    assert len(images["files"]) == 3
    await workspace.slack.react(copy, "repeat", ANN, channel=DM)
    await workspace.settled()
    assert (await workspace.newest()).parent_id == request.id


async def test_a_copy_is_wanted_before_the_acknowledgement_and_made_after_it(
    workspace: Workspace,
) -> None:
    """Whoever dies in between, another process makes it, once for each reaction."""
    await answered(workspace)
    uploads = workspace.slack.counts()["files.getUploadURLExternal"]
    event = await workspace.slack.react(workspace.root, "email", ANN)
    assert workspace.slack.counts()["files.getUploadURLExternal"] == uploads
    assert (await workspace.delivery())[0] == "wanted"
    await workspace.restart()
    assert await workspace.deliver() == 1
    first = await workspace.slack.event(event)
    assert await workspace.deliver() == 1, "the same reaction, put anew"
    await workspace.slack.event(event, event_id=first, retry=1)
    assert await workspace.deliver() == 0
    assert len(workspace.slack.messages(DM)) == 4


@pytest.mark.parametrize("method", ["chat.postMessage", "files.completeUploadExternal"])
async def test_a_copy_lost_on_its_way_back_is_not_posted_twice(
    workspace: Workspace, method: str
) -> None:
    request = await answered(workspace)
    await workspace.desk.workspaces.change(request.asker, gallery=ART)
    before = len(workspace.slack.messages(ART))
    await workspace.slack.react(workspace.root, "star", BOB)
    workspace.slack.after[method].append(web.Response(status=503, text="upstream connect error"))
    assert await workspace.deliver() == 0
    await workspace.grow_old()
    assert await workspace.deliver() == 1
    assert len(workspace.slack.messages(ART)) == before + 2


async def test_a_gallery_that_is_out_of_reach_is_marked(workspace: Workspace) -> None:
    request = await answered(workspace)
    await workspace.desk.workspaces.change(request.asker, gallery=OTHER)
    await workspace.slack.react(workspace.root, "star", BOB)
    assert await workspace.deliver() == 0
    state, failure = await workspace.delivery()
    assert (state, "invite me" in str(failure)) == ("undeliverable", True)


async def test_other_messages_and_emoji_mean_nothing(workspace: Workspace) -> None:
    await answered(workspace)
    said = workspace.slack.say(ART, ANN, "hello")
    await workspace.slack.react(said, "repeat")
    await workspace.slack.react(workspace.root, "tada")
    await workspace.settled()
    assert await workspace.count("requests") == 1
