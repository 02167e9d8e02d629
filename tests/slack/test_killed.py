"""A process killed between Slack's acknowledgement and the work: the next one does it, once."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from bot import card_import
from bot.benchmarks.loopback_slack.workspace import ADMIN, ANN, BOB, DM
from engine.desk import Errand
from engine.retrieving.embedder import MiniLM
from engine.retrieving.search_index import embed_pending
from engine.values import Asker, Phase
from tests.slack.conftest import Workspace, words_of
from tests.slack.test_actions import answered
from tests.slack.test_admin import ADMINS, chosen, told_nothing


class Killed:
    """A process that is killed whenever it has acknowledged something."""

    def __init__(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workspace = workspace
        self._monkeypatch = monkeypatch

    def live_no_longer(self) -> None:
        async def never(errand: Errand) -> None:
            await asyncio.Event().wait()

        self.workspace.desk.errands.register("slack", never)

    async def replace(self) -> None:
        """Another process takes its place."""
        with self._monkeypatch.context() as patch:
            patch.setattr("bot.slack_frontend.background.GRACE", 0.0)
            await self.workspace.settled()
        await self.workspace.restart()

    async def next(self) -> int:
        """Returns how much the process after it had to go on with."""
        await self.replace()
        return await self.workspace.desk.errands.do_waiting("slack")


@pytest.fixture
def killed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Killed:
    return Killed(workspace, monkeypatch)


async def test_what_people_take_back_is_gone(killed: Killed) -> None:
    """Deleting by reaction or by button, and an admin's cancelling of somebody else's request."""
    workspace, slack, desk = killed.workspace, killed.workspace.slack, killed.workspace.desk
    first = await answered(workspace)
    shown = workspace.root
    second = await workspace.prompt()
    killed.live_no_longer()
    await slack.react(shown, "x", ANN)
    await slack.click(f"stylus:cancel:{second.id}", workspace.root, ADMIN)
    assert (shown in slack.messages(), (await desk.answer(second.id)).phase) == (True, Phase.QUEUED)
    assert await killed.next() == 2
    assert shown not in slack.messages()
    assert (await desk.answer(first.id)).phase is Phase.RENDERED
    assert (await desk.answer(second.id)).phase is Phase.CANCELLED
    killed.live_no_longer()
    await slack.click(f"stylus:delete:{second.id}", workspace.root, ANN)
    assert await killed.next() == 1
    assert slack.messages() == []


async def test_what_is_sent_for_the_library_comes_in(killed: Killed) -> None:
    workspace, slack = killed.workspace, killed.workspace.slack
    killed.live_no_longer()
    file = slack.upload(ANN, "star.safetensors", b"no lora yet")
    await slack.mention('lora propose --title "Night star"', files=[file])
    await slack.slash("lora propose https://civitai.com/x/sun.safetensors")
    await slack.slash("lora enable x", command="/stylus-admin", user=BOB)
    assert await workspace.count("additions") == 0
    assert await killed.next() == 3
    assert await workspace.count("additions") == 2
    told = [words_of(one) for one in slack.whispers]
    assert sum("Night star" in words for words in told) == 1
    assert sum("Only those who look after" in words for words in told) == 1


async def test_what_admins_choose_is_kept(killed: Killed) -> None:
    workspace, slack = killed.workspace, killed.workspace.slack
    await told_nothing(workspace, "")
    killed.live_no_longer()
    await slack.send_form(chosen(images={"value": "2"}), ADMIN)
    assert await killed.next() == 1
    assert (await workspace.desk.workspaces.rules(ADMINS)).images == 2


async def test_what_a_forgotten_person_was_shown_is_deleted(killed: Killed) -> None:
    """Even where the process that has forgotten them was killed before it deleted anything."""
    workspace, desk = killed.workspace, killed.workspace.desk
    request = await answered(workspace)
    killed.live_no_longer()
    await desk.forgetting.person("slack", ANN, request.asker.workspace)
    assert workspace.slack.files
    assert await killed.next() == 2
    assert workspace.slack.files == {}
    assert [one for one in workspace.slack.messages() if one.get("metadata")] == []


async def test_a_file_of_cards_is_taken_once_and_told_of_in_one_message(
    killed: Killed, embedder: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_import, "LOOK", 0.01)
    workspace, slack, desk = killed.workspace, killed.workspace.slack, killed.workspace.desk
    await desk.workspaces.change(ADMINS, librarians=(ANN,))
    card: dict[str, Any] = {"source": "test", "source_id": "1", "title": "Comet"}
    killed.live_no_longer()
    sent = slack.upload(ANN, "x.jsonl", json.dumps(card).encode())
    await slack.mention("lora import", files=[sent])
    assert await workspace.count("adapters") == 0
    await killed.replace()
    going_on = asyncio.create_task(desk.errands.do_waiting("slack"))
    await slack.until(lambda: "1 are still" in "".join(map(words_of, slack.messages(DM))))
    going_on.cancel()  # killed again, when they are stored
    await asyncio.gather(going_on, return_exceptions=True)
    assert await workspace.count("adapters") == 1
    await embed_pending(desk.database, embedder)
    await workspace.restart()
    assert await desk.errands.do_waiting("slack") == 1
    (message,) = slack.messages(DM)
    assert "1 new ones, and 0 that were here already. Prompts find them." in words_of(message)
    changes = await desk.workspaces.changes(Asker("slack", ":T1"), 5)
    assert [one.details for one in changes if "import" in one.details] == [
        {"import": ["", "1 cards"]}
    ]


async def test_what_slack_does_not_take_now_is_tried_again(killed: Killed) -> None:
    """A refusal is told and not tried again."""
    workspace, slack = killed.workspace, killed.workspace.slack
    request = await answered(workspace)
    await slack.click(f"stylus:delete:{request.id}", workspace.root, BOB)
    await workspace.settled()
    assert "somebody else" in slack.whispers[-1]["text"]
    assert await workspace.count("errands") == 0
    slack.before["chat.delete"].append(web.Response(status=503, text="upstream connect error"))
    await slack.react(workspace.root, "x", ANN)
    await workspace.settled()
    assert await workspace.count("errands") == 1
    async with workspace.desk.database.transaction() as connection:
        await connection.execute(text("update errands set due_at = now()"))
    assert await workspace.desk.errands.do_waiting("slack") == 1
    assert [one for one in slack.messages() if one.get("metadata")] == []
