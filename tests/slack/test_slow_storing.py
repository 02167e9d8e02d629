"""A slow database: Slack has its acknowledgement within three seconds all the same."""

import pytest

from bot.benchmarks.loopback_slack.people import People
from bot.benchmarks.loopback_slack.workspace import ANN, DEADLINE, TEAM
from bot.slack_frontend import errands, opening, teams
from bot.slack_frontend.errands import ACK_WITHIN
from tests.slack.conftest import Workspace, held, words_of
from tests.slack.test_installing import Installer, installer

__all__ = ["installer"]  # fixture

LINE = f"select pg_advisory_lock(hashtext('stylus asker'), hashtext('slack/:{TEAM}/{ANN}'))"


@pytest.fixture(autouse=True)
def hasty(slack: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the acknowledgement waited for the database, it would never come."""
    for module in (opening, errands):
        monkeypatch.setattr(module, "ACK_WITHIN", 0.1)


def test_slack_has_its_acknowledgement_in_time() -> None:
    assert ACK_WITHIN + teams.PATIENCE < DEADLINE / 2


async def test_a_command_is_acknowledged_before_it_is_stored(workspace: Workspace) -> None:
    """Nothing is promised: the message comes with what is stored, or a sentence with why not."""
    for prompt in ("red star", "a nude star"):
        async with held(workspace.desk, LINE):
            await workspace.slack.slash(f"prompt {prompt}")
            assert await workspace.count("requests") == len(workspace.slack.messages())
        await workspace.settled()
        assert await workspace.count("requests") == 1
    assert "Queued" in words_of(workspace.root)
    assert len(workspace.slack.whispers) == 1


async def test_a_click_is_acknowledged_before_it_is_answered(workspace: Workspace) -> None:
    request = await workspace.prompt()
    async with held(workspace.desk, "lock table stylus.requests in access exclusive mode"):
        await workspace.slack.click(f"stylus:cancel:{request.id}", workspace.root, ANN)
        assert workspace.slack.whispers == []
    await workspace.settled()
    assert "cancelled" in words_of(workspace.slack.whispers[-1]).lower()


async def test_whoever_was_served_does_not_wait_for_a_token(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack_frontend.teams.REMEMBERED", 0.0)
    slack = installer.slack
    await installer.install(slack)
    await installer.ask(slack)
    async with held(installer.desk, "lock table stylus.installations in access exclusive mode"):
        await slack.slash("prompt blue heart")
        await slack.until(lambda: len(slack.called("chat.postMessage")) == 2)
