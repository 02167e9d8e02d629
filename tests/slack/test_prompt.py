"""A prompt becomes a message of our own that ends as the answer, beside its images."""

from dataclasses import replace

import pytest

from bot.benchmarks.loopback_slack.workspace import ANN, ART, BOB, DM
from engine.errors import UnknownRequest
from tests.discord.atelier import compose, fail, finish, render
from tests.slack.conftest import Workspace, ids_of, words_of


async def test_a_prompt_is_stored_before_it_is_acknowledged(workspace: Workspace) -> None:
    await workspace.slack.slash("prompt red star --images 2 --size 64x128 --seed 7")
    request = await workspace.newest()
    assert (request.prompt, request.image_count, request.seed) == ("red star", 2, 7)
    assert (request.sampling.width, request.sampling.height) == (64, 128)
    assert (request.asker.workspace, request.asker.user) == (":T1", ANN)
    await workspace.settled()
    shown = words_of(workspace.root)
    assert "red star" in shown
    assert "Queued" in shown
    assert "No engine is running" in shown
    assert ids_of(workspace.root) == [f"stylus:cancel:{request.id}"]


async def test_the_same_message_becomes_the_answer(workspace: Workspace) -> None:
    request = await workspace.prompt("red star --images 4")
    root = workspace.root["ts"]
    await finish(workspace.desk, request)
    assert await workspace.delivery() == ("posted", None)
    answer = workspace.root
    assert answer["ts"] == root
    shown = words_of(answer)
    assert "Big star · 0.80 in all images" in shown
    assert "Neon glow · 0.80 in images 2, 4" in shown
    assert request.id in shown
    assert f"stylus:vary:{request.id}:3" in ids_of(answer)
    (images,) = [m for m in workspace.slack.messages() if "files" in m]
    names = [workspace.slack.files[f["id"]]["name"] for f in images["files"]]
    assert len(names) == 5
    assert names[-1].endswith("sheet.png")
    first = workspace.slack.files[images["files"][0]["id"]]
    assert first["alt_txt"] == "Image 1 of “red star”, with the adapters Big star 0.8."
    assert first["content"].startswith(b"\x89PNG")


async def test_a_failure_is_one_clear_sentence_with_retry(workspace: Workspace) -> None:
    request = await workspace.prompt()
    await fail(workspace.desk, request, "The renderer ran out of memory.")
    assert "The renderer ran out of memory." in words_of(workspace.root)
    await workspace.slack.click(f"stylus:retry:{request.id}", workspace.root)
    again = await workspace.newest()
    assert again.id != request.id
    assert (again.prompt, again.seed, again.asker.user) == (request.prompt, request.seed, BOB)


async def test_tasks_are_shown_as_soon_as_they_are_known(workspace: Workspace) -> None:
    request = await workspace.prompt()
    await compose(workspace.desk, request)
    await workspace.app.board.refresh()
    assert "Waiting for a renderer" in words_of(workspace.root)
    assert "Big star" in words_of(workspace.root)
    await render(workspace.desk, request)
    await workspace.deliver()
    await workspace.app.board.refresh()
    assert "Waiting" not in words_of(workspace.root)


async def test_a_refusal_is_told_to_the_person_alone(workspace: Workspace) -> None:
    await workspace.slack.slash("prompt red star --images 90")
    await workspace.settled()
    assert "images is 90" in workspace.slack.whispers[0]["text"]
    assert workspace.slack.messages(ART) == []
    assert await workspace.count("requests") == 0


async def test_the_whole_answer_is_made_again_after_a_lost_connection(
    workspace: Workspace,
) -> None:
    await workspace.slack.hang_up()
    await workspace.slack.connected.wait()
    request = await workspace.prompt()
    await finish(workspace.desk, request)
    assert await workspace.delivery() == ("posted", None)


async def test_a_private_prompt_is_answered_to_one_person_alone(workspace: Workspace) -> None:
    request = await workspace.prompt("--private red star --images 2")
    assert (request.prompt, request.asker.channel) == ("red star", DM)
    assert workspace.slack.messages(ART) == []
    assert "direct messages" in words_of(workspace.slack.whispers[-1])
    await compose(workspace.desk, request)
    await render(workspace.desk, request)
    assert await workspace.deliver() == 1
    status, *images = workspace.slack.messages(DM)
    assert len(images) == 1
    assert workspace.slack.messages(ART) == []
    with pytest.raises(UnknownRequest):
        await workspace.desk.show(request.id, replace(request.asker, user=BOB))
    await workspace.slack.click(f"stylus:reroll:{request.id}", status, ANN)
    await workspace.settled()
    again = await workspace.newest()
    assert again.parent_id == request.id
    assert (await workspace.desk.homes.of(again.id)).private
